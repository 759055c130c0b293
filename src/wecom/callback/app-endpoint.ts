import { defaultPath } from '../../domain/callback-path.ts'
import type { Endpoint, Refusal } from '../../domain/endpoint.ts'
import { decodeAppCallback } from './app-callback.ts'
import { createEndpoint, type EndpointAccount, type EndpointDeps, emptyAnswer } from './endpoint.ts'

/** The callback settings of one self-built app. */
export interface AppAccount extends EndpointAccount {
  readonly corpId: string
  readonly agentId: number
}

/** Creates the callback endpoint of one app. Throws `bad_key` when the EncodingAESKey is invalid. */
export function createAppEndpoint(account: AppAccount, deps: EndpointDeps): Endpoint {
  return createEndpoint(account, deps, throttle => ({
    surface: 'app',
    receiveid: account.corpId,
    readEncrypt,
    decode(opened, receivedAt) {
      const { callback, agentid } = decodeAppCallback(opened.message, { account: account.id, receivedAt })
      if (agentid === undefined || agentid === String(account.agentId)) return callback
      const fields = { hint: 'check agent.agentId against the admin console; these callbacks are ignored' }
      throttle.once({ topic: 'agentid', msg: 'callbacks have an AgentID other than agent.agentId', fields })
      return undefined
    },
    // An app answers by message/send, so the reply to a callback is always empty.
    seal: () => emptyAnswer,
  }))
}

const noEnvelope: Refusal = {
  cause: 'envelope',
  reason: 'the body is no envelope',
  hint: 'WeCom sends XML with the element Encrypt; a proxy must pass the body on unchanged',
}

/**
 * Extracts the ciphertext. Anyone can send this body, so it never reaches the XML parser. The signature covers only
 * `Encrypt`; the other elements (ToUserName, AgentID) are unsigned and ignored.
 */
function readEncrypt(body: string): string | Refusal {
  if (/^\s*[{[]/.test(body)) {
    const hint = `the Bot's callback URL ends in ${defaultPath.bot}, the app's in ${defaultPath.app}; check both in the admin console`
    return { cause: 'json', reason: "a Bot callback (JSON) came to the app's URL", hint }
  }
  if (!/^\s*(?:<\?xml\s[^?>]*\?>\s*)?<xml>/.test(body) || !body.trimEnd().endsWith('</xml>')) return noEnvelope
  const [, cdata, plain] = /<Encrypt>\s*(?:<!\[CDATA\[([^<\]]*)\]\]>|([^<]*))\s*<\/Encrypt>/.exec(body) ?? []
  // Some proxies reformat XML and wrap a long value.
  const encrypt = (cdata ?? plain)?.replace(/\s+/g, '')
  return encrypt === undefined || encrypt === '' ? noEnvelope : encrypt
}
