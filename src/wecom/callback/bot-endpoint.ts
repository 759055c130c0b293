import { sealEnvelope } from '../../crypto/envelope.ts'
import { sign } from '../../crypto/signature.ts'
import { defaultPath } from '../../domain/callback-path.ts'
import type { Endpoint, HttpAnswer } from '../../domain/endpoint.ts'
import { parseObject } from '../../domain/json.ts'
import type { Reply } from '../../domain/message.ts'
import type { Verified } from './verify.ts'
import { decodeBotCallback } from './bot-callback.ts'
import type { LogThrottle } from './log-throttle.ts'
import { createEndpoint, type EndpointAccount, type EndpointDeps, emptyAnswer } from './endpoint.ts'
import { encodeReply } from './reply.ts'

/** One Bot as its callback URL needs it. */
export interface BotAccount extends EndpointAccount {
  readonly receiveId: string
  readonly aibotid?: string
  readonly botNames?: readonly string[]
}

/** Creates the callback URL of one Bot; throws `bad_key` when its EncodingAESKey is none. */
export function createBotEndpoint(account: BotAccount, deps: EndpointDeps): Endpoint {
  const names = account.botNames === undefined ? {} : { botNames: account.botNames }
  return createEndpoint(account, deps, complaints => ({
    surface: 'bot',
    receiveid: account.receiveId,
    readEncrypt: body => readEncrypt(body, complaints),
    decode(opened, receivedAt) {
      const context = { account: account.id, receivedAt, ...names }
      const { callback, aibotid } = decodeBotCallback(opened.message, context)
      complainOfReceiveid(account, complaints, opened.receiveid)
      complainOfAibotid(account, complaints, aibotid)
      return callback
    },
    seal: (reply, to) => seal(deps, reply, to),
  }))
}

function readEncrypt(body: string, complaints: LogThrottle): string | undefined {
  if (/^\s*</.test(body)) {
    const hint = `the app's callback URL ends in ${defaultPath.app}, the Bot's in ${defaultPath.bot}: compare them in the admin console`
    complaints.perMinute({ topic: 'xml', msg: 'an XML callback, as apps get them, came to the Bot', fields: { hint } })
    return undefined
  }
  const envelope = parseObject(body) ?? {}
  const encrypt = 'encrypt' in envelope ? envelope['encrypt'] : envelope['Encrypt']
  return typeof encrypt === 'string' && encrypt !== '' ? encrypt : undefined
}

function complainOfReceiveid(account: BotAccount, complaints: LogThrottle, receiveid: string): void {
  if (account.receiveId !== '' || receiveid === '') return
  const fields = { hint: 'harmless; set bot.receiveId to have it checked' }
  complaints.once({ topic: 'receiveid', msg: 'callbacks of this Bot carry a receiveid', fields })
}

function complainOfAibotid(account: BotAccount, complaints: LogThrottle, aibotid: string | undefined): void {
  if (account.aibotid === undefined || aibotid === undefined || aibotid === account.aibotid) return
  const fields = { hint: 'compare bot.aibotid with the admin console; callbacks are answered all the same' }
  complaints.once({ topic: 'aibotid', msg: 'callbacks come from another aibotid than configured', fields })
}

/** The answer carries the nonce of its callback and is sealed for the receiveid that the callback came with. */
function seal(deps: EndpointDeps, reply: Reply, { nonce, opened, keys }: Verified): HttpAnswer {
  const wire = encodeReply(reply)
  if (wire === undefined) return emptyAnswer
  const timestamp = Math.floor(deps.clock.now() / 1000)
  const encrypt = sealEnvelope(keys.key, JSON.stringify(wire), opened.receiveid, deps.random.bytes(16))
  const msgsignature = sign(keys.token, String(timestamp), nonce, encrypt)
  return {
    status: 200,
    body: JSON.stringify({ encrypt, msgsignature, timestamp, nonce }),
    contentType: 'application/json',
  }
}
