import type { Outcome, Unreached } from '../../domain/delivery.ts'
import type { Random } from '../../world.ts'
import { type Caller, hintOf, ruleOf } from './errcode.ts'
import type { ApiReply, NoReply } from './http.ts'

/** Statuses with which a proxy refuses a request for now. WeCom never received it. */
const proxyRefusals: readonly number[] = [407, 408, 425, 429]

/**
 * The outcome of a call without an answer. If the request may have arrived, the outcome is `unknown`: resending could
 * show a message twice. A repeatable call is retried instead, unless a server on the way rejects its size (413).
 */
export function outcomeOfNoReply(noReply: NoReply, isRepeatable = false): Outcome {
  if (noReply.kind === 'broken') {
    const { reason, mayHaveArrived } = noReply
    const outcome = mayHaveArrived && !isRepeatable ? 'unknown' : 'retry'
    return { outcome, silent: true, errmsg: reason, hint: hintOfBreak(reason) }
  }
  const { status } = noReply
  const errmsg = `HTTP ${status} without an errcode`
  if (status === 413) return { outcome: 'refused', errmsg }
  const known = { silent: true, errmsg, hint: hintOfStatus(status) }
  if (isRepeatable || proxyRefusals.includes(status)) return { outcome: 'retry', ...known }
  return { outcome: status >= 300 && status < 500 ? 'refused' : 'unknown', ...known }
}

const proxyLogin =
  'the proxy wants a user and a password: put them into channels.wecom.network.egressProxyUrl (http://user:password@host:port)'

function hintOfBreak(reason: string): string {
  if (reason === 'ERR_PROXY_TUNNEL 407') return proxyLogin
  if (reason.startsWith('ERR_PROXY'))
    return 'the proxy of channels.wecom.network.egressProxyUrl refuses to connect to WeCom: allow that host in the proxy'
  if (reason === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'the certificate is for another host: check channels.wecom.network.apiBaseUrl'
  return /CERT|UNABLE_TO_VERIFY/.test(reason)
    ? 'the certificate is not trusted: set channels.wecom.network.caFile to the CA of the private deployment or proxy'
    : 'check that WeCom is reachable from this host (proxy, DNS, firewall)'
}

function hintOfStatus(status: number): string {
  if (status === 407) return proxyLogin
  if (status === 403) return 'a proxy or firewall refuses to connect to WeCom: allow that host there'
  return proxyRefusals.includes(status)
    ? 'check that the proxy accepts requests from this host'
    : 'check that network.apiBaseUrl and the proxy lead to WeCom'
}

/** The outcome of a refusal, that is, of an errcode other than 0. */
export function outcomeOfRefusal(answer: ApiReply, caller: Caller, random: Pick<Random, 'fraction'>): Outcome {
  const { errcode, errmsg } = answer
  const { verdict, wait } = ruleOf(errcode, caller)
  const hint = hintOf(answer, caller)
  const known = { errcode, errmsg, ...(hint !== undefined && { hint }), ...unreachedOf(answer) }
  switch (verdict) {
    case 'retry': {
      const retryAfterMs = wait && Math.round(wait.leastMs + random.fraction() * wait.jitterMs)
      return { outcome: 'retry', ...known, ...(retryAfterMs !== undefined && { retryAfterMs }) }
    }
    case 'refuse':
      return { outcome: 'refused', ...known }
    case 'refresh': // already refreshed once; only the operator can help now
    case 'operator':
      return { outcome: 'retry', ...known, hold: true }
    default:
      return verdict satisfies never
  }
}

/** The outcome of a call that WeCom accepted. */
export function outcomeOfSuccess(answer: ApiReply): Outcome {
  const { errcode, errmsg, fields } = answer
  const { msgid } = fields
  return {
    outcome: 'delivered',
    errcode,
    errmsg,
    ...(typeof msgid === 'string' && msgid !== '' && { msgid }),
    ...unreachedOf(answer),
  }
}

/** The outcome for a message that can never be sent, with the reason. */
export function refused(errmsg: string, hint?: string): Outcome {
  return { outcome: 'refused', errmsg, ...(hint !== undefined && { hint }) }
}

/** The receivers that were not reached (page 90236): `"invaliduser": "a|b"`. */
function unreachedOf({ fields }: ApiReply): { readonly unreached?: Unreached } {
  const lists = unreachedNames.flatMap(name => {
    const ids = typeof fields[name] === 'string' ? fields[name].split('|').filter(id => id !== '') : []
    return ids.length > 0 ? [[name, ids] as const] : []
  })
  return lists.length > 0 ? { unreached: Object.fromEntries(lists) } : {}
}

const unreachedNames = ['invaliduser', 'invalidparty', 'invalidtag', 'unlicenseduser'] as const
