import type { Outcome, Unreached } from '../../domain/delivery.ts'
import type { Random } from '../../world.ts'
import { type Caller, hintOf, ruleOf } from './errcode.ts'
import type { ApiReply, NoReply } from './http.ts'

/** Statuses of proxies that turn a request away for now: WeCom has not seen it. */
const turnedAway: readonly number[] = [407, 408, 425, 429]

/**
 * What a call without an answer makes of a message: a request that may have been heard leaves it unknown. A call that
 * is `free` to be repeated is repeated instead, unless its body is too large for some server on the way.
 */
export function outcomeOfNoReply(silence: NoReply, free = false): Outcome {
  if (silence.kind === 'broken') {
    const { reason, mayHaveLeft } = silence
    const outcome = mayHaveLeft && !free ? 'unknown' : 'retry'
    return { outcome, silent: true, errmsg: reason, hint: hintOfBreak(reason) }
  }
  const { status } = silence
  const errmsg = `HTTP ${status} without an errcode`
  if (status === 413) return { outcome: 'refused', errmsg }
  const known = { silent: true, errmsg, hint: hintOfStatus(status) }
  if (free || turnedAway.includes(status)) return { outcome: 'retry', ...known }
  return { outcome: status >= 300 && status < 500 ? 'refused' : 'unknown', ...known }
}

const proxyLogin =
  'the proxy wants a user and a password: put them into channels.wecom.network.egressProxyUrl (http://user:password@host:port)'

function hintOfBreak(reason: string): string {
  if (reason === 'ERR_PROXY_TUNNEL 407') return proxyLogin
  if (reason.startsWith('ERR_PROXY'))
    return 'the proxy of channels.wecom.network.egressProxyUrl refuses to connect to this host: let it through there'
  if (reason === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'the certificate is that of another host: is channels.wecom.network.apiBaseUrl right?'
  return /CERT|UNABLE_TO_VERIFY/.test(reason)
    ? 'the certificate is not trusted: the authority of a private deployment or proxy goes to channels.wecom.network.caFile'
    : 'is WeCom reachable from this host (proxy, DNS, firewall)?'
}

function hintOfStatus(status: number): string {
  if (status === 407) return proxyLogin
  if (status === 403) return 'a proxy or a firewall refuses to connect to this host: let it through there'
  return turnedAway.includes(status)
    ? 'does the proxy let this host through?'
    : 'do network.apiBaseUrl and the proxy lead to WeCom?'
}

/** What a refusal (an errcode that is not 0) makes of a message. */
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
    case 'refresh': // who could refresh has done so already
    case 'operator':
      return { outcome: 'retry', ...known, hold: true }
    default:
      return verdict satisfies never
  }
}

/** A call that WeCom took. */
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

/** A message that cannot be sent, and why. */
export function refused(errmsg: string, hint?: string): Outcome {
  return { outcome: 'refused', errmsg, ...(hint !== undefined && { hint }) }
}

/** Who was not reached (page 90236): `"invaliduser": "a|b"`. */
function unreachedOf({ fields }: ApiReply): { readonly unreached?: Unreached } {
  const lists = unreachedNames.flatMap(name => {
    const ids = typeof fields[name] === 'string' ? fields[name].split('|').filter(id => id !== '') : []
    return ids.length > 0 ? [[name, ids] as const] : []
  })
  return lists.length > 0 ? { unreached: Object.fromEntries(lists) } : {}
}

const unreachedNames = ['invaliduser', 'invalidparty', 'invalidtag', 'unlicenseduser'] as const
