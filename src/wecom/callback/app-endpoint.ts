import { defaultPath } from '../../domain/callback-path.ts'
import type { Endpoint } from '../../domain/endpoint.ts'
import { decodeAppCallback } from './app-callback.ts'
import type { LogThrottle } from './log-throttle.ts'
import { createEndpoint, type EndpointAccount, type EndpointDeps, emptyAnswer } from './endpoint.ts'

/** One self-built app as its callback URL needs it. */
export interface AppAccount extends EndpointAccount {
  readonly corpId: string
  readonly agentId: number
}

/** Creates the callback URL of one app; throws `bad_key` when its EncodingAESKey is none. */
export function createAppEndpoint(account: AppAccount, deps: EndpointDeps): Endpoint {
  return createEndpoint(account, deps, complaints => ({
    surface: 'app',
    receiveid: account.corpId,
    readEncrypt: body => readEncrypt(body, complaints),
    decode(opened, receivedAt) {
      const { callback, agentid } = decodeAppCallback(opened.message, { account: account.id, receivedAt })
      if (agentid === undefined || agentid === String(account.agentId)) return callback
      const fields = { hint: 'compare agent.agentId with the admin console; these callbacks are answered with nothing' }
      complaints.once({ topic: 'agentid', msg: 'callbacks are for another AgentID than configured', fields })
      return undefined
    },
    // What an app has to say travels by message/send, so that nobody's reply has anything for this answer.
    seal: () => emptyAnswer,
  }))
}

/**
 * Anybody can send this body, so that it gets no XML parser: the signature is over the one value that is taken from it.
 * What stands around it (ToUserName, AgentID) is not signed and not believed.
 */
function readEncrypt(body: string, complaints: LogThrottle): string | undefined {
  if (/^\s*[{[]/.test(body)) {
    const hint = `the Bot's callback URL ends in ${defaultPath.bot}, the app's in ${defaultPath.app}: compare them in the admin console`
    complaints.perMinute({ topic: 'json', msg: 'a JSON callback, as Bots get them, came to the app', fields: { hint } })
    return undefined
  }
  if (!/^\s*(?:<\?xml\s[^?>]*\?>\s*)?<xml>/.test(body) || !body.trimEnd().endsWith('</xml>')) return undefined
  const [, cdata, plain] = /<Encrypt>(?:<!\[CDATA\[([^<\]]*)\]\]>|([^<]*))<\/Encrypt>/.exec(body) ?? []
  const encrypt = (cdata ?? plain)?.trim()
  return encrypt === '' ? undefined : encrypt
}
