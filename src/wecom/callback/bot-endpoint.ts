import { sealEnvelope } from '../../crypto/envelope.ts'
import { sign } from '../../crypto/signature.ts'
import { defaultPath } from '../../domain/callback-path.ts'
import type { Endpoint, HttpAnswer, Refusal } from '../../domain/endpoint.ts'
import { parseObject } from '../../domain/json.ts'
import type { Reply } from '../../domain/message.ts'
import type { Verified } from './verify.ts'
import { decodeBotCallback } from './bot-callback.ts'
import type { LogThrottle } from './log-throttle.ts'
import { createEndpoint, type EndpointAccount, type EndpointDeps, emptyAnswer } from './endpoint.ts'
import { encodeReply } from './reply.ts'

/** The callback settings of one Bot. An empty `receiveId` accepts any. */
export interface BotAccount extends EndpointAccount {
  readonly receiveId: string
  readonly aibotid?: string
  readonly botNames?: readonly string[]
}

/** Creates the callback endpoint of one Bot. Throws `bad_key` when the EncodingAESKey is invalid. */
export function createBotEndpoint(account: BotAccount, deps: EndpointDeps): Endpoint {
  const names = account.botNames === undefined ? {} : { botNames: account.botNames }
  return createEndpoint(account, deps, throttle => ({
    surface: 'bot',
    receiveid: account.receiveId,
    readEncrypt,
    decode(opened, receivedAt) {
      const context = { account: account.id, receivedAt, ...names }
      const { callback, aibotid } = decodeBotCallback(opened.message, context)
      warnOfReceiveid(account, throttle, opened.receiveid)
      warnOfAibotid(account, throttle, aibotid)
      return callback
    },
    seal: (reply, to) => seal(deps, reply, to),
  }))
}

function readEncrypt(body: string): string | Refusal {
  if (/^\s*</.test(body)) {
    const hint = `the app's callback URL ends in ${defaultPath.app}, the Bot's in ${defaultPath.bot}; check both in the admin console`
    return { cause: 'xml', reason: "an app callback (XML) came to the Bot's URL", hint }
  }
  const envelope = parseObject(body) ?? {}
  const encrypt = 'encrypt' in envelope ? envelope['encrypt'] : envelope['Encrypt']
  if (typeof encrypt === 'string' && encrypt !== '') return encrypt
  const hint = 'WeCom sends JSON with the field encrypt; a proxy must pass the body on unchanged'
  return { cause: 'envelope', reason: 'the body is no envelope', hint }
}

function warnOfReceiveid(account: BotAccount, throttle: LogThrottle, receiveid: string): void {
  if (account.receiveId !== '' || receiveid === '') return
  const fields = { hint: 'harmless; set bot.receiveId to verify it' }
  throttle.once({ topic: 'receiveid', msg: "this Bot's callbacks contain a receiveid", fields })
}

function warnOfAibotid(account: BotAccount, throttle: LogThrottle, aibotid: string | undefined): void {
  if (account.aibotid === undefined || aibotid === undefined || aibotid === account.aibotid) return
  const fields = { hint: 'check bot.aibotid against the admin console; these callbacks are still answered' }
  throttle.once({ topic: 'aibotid', msg: 'callbacks have an aibotid other than bot.aibotid', fields })
}

/** Encrypts and signs a reply with the keys, the nonce and the receiveid of its callback. */
function seal(deps: EndpointDeps, reply: Reply, { nonce, opened, keys }: Verified): HttpAnswer {
  const wire = encodeReply(reply)
  if (wire === undefined) return emptyAnswer
  const timestamp = Math.floor(deps.clock.wall() / 1000)
  const encrypt = sealEnvelope(keys.key, JSON.stringify(wire), opened.receiveid, deps.random.bytes(16))
  const msgsignature = sign(keys.token, String(timestamp), nonce, encrypt)
  return {
    status: 200,
    body: JSON.stringify({ encrypt, msgsignature, timestamp, nonce }),
    contentType: 'application/json',
  }
}
