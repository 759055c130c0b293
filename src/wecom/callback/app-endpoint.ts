import { sealEnvelope } from '../../crypto/envelope.ts'
import { sign } from '../../crypto/signature.ts'
import { defaultPath } from '../../domain/callback-path.ts'
import type { Endpoint, HttpAnswer, Refusal } from '../../domain/endpoint.ts'
import { type Callback, isOutsider } from '../../domain/message.ts'
import { printable } from '../../domain/visible.ts'
import { decodeAppCallback } from './app-callback.ts'
import type { LogThrottle } from './log-throttle.ts'
import type { Verified } from './verify.ts'
import { parseXml, textOf } from './xml.ts'
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
      if (agentid === undefined || agentid === String(account.agentId)) return reported(callback, throttle)
      const fields = { hint: 'check agent.agentId against the admin console; these callbacks are ignored' }
      throttle.once({ topic: 'agentid', msg: 'callbacks have an AgentID other than agent.agentId', fields })
      return undefined
    },
    // An app answers by message/send, except where that reaches nobody.
    seal: (reply, to) => (reply.kind === 'text' ? seal(account, deps, reply.content, to) : emptyAnswer),
  }))
}

/** WeCom lets members of linked companies write to the app, but the app can't send to them (81013). */
function reported(callback: Callback, throttle: LogThrottle): Callback | undefined {
  const sender =
    callback.kind === 'message' ? callback.inbound.sender : callback.kind === 'greet' ? callback.sender : ''
  if (!isOutsider(sender)) return callback
  const fields = {
    hint: 'their messages get a notice; let them use the Bot, or take them out of the visible range of the app',
  }
  throttle.once({
    topic: 'outsider',
    msg: 'a member of a linked company wrote to the app, which cannot answer',
    fields,
  })
  return callback.kind === 'greet' ? undefined : callback
}

/** A passive text reply (page 90241), encrypted and signed with the keys of its callback. */
function seal(
  { corpId }: AppAccount,
  { clock, random }: EndpointDeps,
  content: string,
  { nonce, opened, keys }: Verified,
): HttpAnswer {
  const timestamp = Math.floor(clock.wall() / 1000)
  const payload = parseXml(opened.message)
  const to = (payload && textOf(payload, 'FromUserName')?.trim()) ?? ''
  const message = element('xml', [
    element('ToUserName', cdata(to)),
    element('FromUserName', cdata(corpId)),
    element('CreateTime', String(timestamp)),
    element('MsgType', cdata('text')),
    element('Content', cdata(printable(content))),
  ])
  const encrypt = sealEnvelope(keys.key, message, opened.receiveid, random.bytes(16))
  const body = element('xml', [
    element('Encrypt', cdata(encrypt)),
    element('MsgSignature', cdata(sign(keys.token, String(timestamp), nonce, encrypt))),
    element('TimeStamp', String(timestamp)),
    element('Nonce', cdata(nonce)),
  ])
  return { status: 200, body, contentType: 'application/xml' }
}

function element(name: string, content: string | readonly string[]): string {
  return `<${name}>${typeof content === 'string' ? content : content.join('')}</${name}>`
}

function cdata(text: string): string {
  return `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`
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
