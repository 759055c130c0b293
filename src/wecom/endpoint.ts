import { decodeKey, type EnvelopeKey, sealEnvelope } from '../crypto/envelope.ts'
import { sign } from '../crypto/signature.ts'
import type { Callback, Receive, Reply } from '../domain/message.ts'
import { isCode, messageOf } from '../errors.ts'
import type { Clock, Log, Random } from '../world.ts'
import { admit, type Door, type HttpRequest } from './admission.ts'
import { decodeBotCallback } from './bot-callback.ts'
import { type Complaints, createComplaints } from './complaints.ts'
import { encodeReply } from './reply.ts'

/** One Bot as its callback URL needs it. */
export interface EndpointAccount {
  readonly id: string
  readonly token: string
  readonly encodingAESKey: string
  readonly receiveId: string
  readonly aibotid?: string
  readonly botNames?: readonly string[]
}

export interface HttpAnswer {
  readonly status: number
  readonly body: string
  readonly contentType?: string
}

/** For metrics and status. `type` is what the callback turned out to be: echo, message, refresh, enter, unhandled. */
export type EndpointEvent =
  | {
      readonly kind: 'callback'
      readonly account: string
      readonly surface: 'bot'
      readonly type: string
      readonly result: 'ok' | 'rejected' | 'failed'
      readonly at: number
      readonly tookMs: number
    }
  | { readonly kind: 'signature_failure'; readonly account: string; readonly surface: 'bot'; readonly at: number }

export interface EndpointDeps {
  readonly receive: Receive
  readonly clock: Pick<Clock, 'now'>
  readonly random: Pick<Random, 'bytes'>
  readonly log: Log
  observe(event: EndpointEvent): void
}

export interface BotEndpoint {
  /** Answers one request on this account's URL; size, method and unknown paths are settled before. Never rejects. */
  handle(request: HttpRequest): Promise<HttpAnswer>
}

const plainText = 'text/plain; charset=utf-8'

/** Creates the callback URL of one Bot; throws `bad_key` when its EncodingAESKey is none. */
export function createBotEndpoint(account: EndpointAccount, deps: EndpointDeps): BotEndpoint {
  const key = decodeKey(account.encodingAESKey)
  const complaints = createComplaints(deps.log, deps.clock, account.id)
  const desk: Desk = { account, deps, key, complaints, door: createDoor(account, deps, key, complaints) }
  return {
    async handle(request) {
      if (request.method === 'GET' && request.query === '')
        return { status: 200, body: 'wecomd', contentType: plainText }
      const at = deps.clock.now()
      const { type, answer } = await answerRequest(desk, request, at)
      const result = answer.status === 200 ? 'ok' : answer.status < 500 ? 'rejected' : 'failed'
      const tookMs = Math.max(0, deps.clock.now() - at)
      deps.observe({ kind: 'callback', account: account.id, surface: 'bot', type, result, at, tookMs })
      return answer
    },
  }
}

/** Everything that one URL owns while it answers. */
interface Desk {
  readonly account: EndpointAccount
  readonly deps: EndpointDeps
  readonly key: EnvelopeKey
  readonly complaints: Complaints
  readonly door: Door
}

function createDoor(account: EndpointAccount, deps: EndpointDeps, key: EnvelopeKey, complaints: Complaints): Door {
  return {
    surface: 'bot',
    token: account.token,
    key,
    receiveid: account.receiveId,
    complaints,
    readEncrypt: body => readEncrypt(body, complaints),
    onSignatureFailure: at => deps.observe({ kind: 'signature_failure', account: account.id, surface: 'bot', at }),
  }
}

function readEncrypt(body: string, complaints: Complaints): string | undefined {
  if (/^\s*</.test(body)) {
    const hint =
      "the app's callback URL ends in /wecom/agent, the Bot's in /wecom/bot: compare them in the admin console"
    complaints.sometimes({ topic: 'xml', msg: 'an XML callback, as apps get them, came to the Bot', fields: { hint } })
    return undefined
  }
  try {
    const envelope: unknown = JSON.parse(body)
    if (typeof envelope !== 'object' || envelope === null) return undefined
    const encrypt = 'encrypt' in envelope ? envelope.encrypt : 'Encrypt' in envelope ? envelope.Encrypt : undefined
    return typeof encrypt === 'string' && encrypt !== '' ? encrypt : undefined
  } catch {
    return undefined // anybody can send what is not JSON; the 400 says it
  }
}

/** An answer, and what kind of callback it answers. */
interface Answered {
  readonly type: string
  readonly answer: HttpAnswer
}

async function answerRequest(desk: Desk, request: HttpRequest, now: number): Promise<Answered> {
  const admission = admit(desk.door, request, now)
  if (admission.kind === 'refused') return { type: 'unreadable', answer: { status: admission.status, body: '' } }
  const { nonce, opened } = admission
  complainOfReceiveid(desk, opened.receiveid)
  if (request.method === 'GET') {
    return { type: 'echo', answer: { status: 200, body: opened.message, contentType: plainText } }
  }
  const { account } = desk
  const names = account.botNames === undefined ? {} : { botNames: account.botNames }
  const { callback, aibotid } = decodeBotCallback(opened.message, { account: account.id, receivedAt: now, ...names })
  complainOfCallback(desk, callback, aibotid)
  return { type: callback.kind, answer: await answerCallback(desk, callback, nonce, opened.receiveid) }
}

async function answerCallback(desk: Desk, callback: Callback, nonce: string, receiveid: string): Promise<HttpAnswer> {
  try {
    return sealReply(desk, await desk.deps.receive(callback), nonce, receiveid)
  } catch (error) {
    const isStore = isCode(error, 'store_failed')
    const msg = isStore ? 'a callback could not be stored' : 'a callback could not be answered'
    desk.deps.log.error(msg, { account: desk.account.id, type: callback.kind, reason: messageOf(error) })
    return { status: isStore ? 503 : 500, body: '' }
  }
}

function complainOfReceiveid(desk: Desk, receiveid: string): void {
  if (desk.account.receiveId !== '' || receiveid === '') return
  const fields = { hint: 'harmless; set bot.receiveId to have it checked' }
  desk.complaints.once({ topic: 'receiveid', msg: 'callbacks of this Bot carry a receiveid', fields })
}

function complainOfCallback({ account, complaints }: Desk, callback: Callback, aibotid: string | undefined): void {
  if (callback.kind === 'unhandled' && callback.type === 'invalid') {
    complaints.sometimes({ topic: 'invalid', msg: 'a callback makes no sense and is answered with nothing' })
  } else if (callback.kind === 'unhandled') {
    const { type } = callback
    complaints.once({
      topic: `kind ${type}`,
      msg: 'callbacks of this kind are answered with nothing',
      fields: { type },
    })
  }
  if (account.aibotid === undefined || aibotid === undefined || aibotid === account.aibotid) return
  const fields = { hint: 'compare bot.aibotid with the admin console; callbacks are answered all the same' }
  complaints.once({ topic: 'aibotid', msg: 'callbacks come from another aibotid than configured', fields })
}

/** The answer carries the nonce of its callback and is sealed for the receiveid that the callback came with. */
function sealReply(desk: Desk, reply: Reply, nonce: string, receiveid: string): HttpAnswer {
  const wire = encodeReply(reply)
  if (wire === undefined) return { status: 200, body: '' }
  const { account, key, deps } = desk
  const timestamp = Math.floor(deps.clock.now() / 1000)
  const encrypt = sealEnvelope(key, JSON.stringify(wire), receiveid, deps.random.bytes(16))
  const msgsignature = sign(account.token, String(timestamp), nonce, encrypt)
  return {
    status: 200,
    body: JSON.stringify({ encrypt, msgsignature, timestamp, nonce }),
    contentType: 'application/json',
  }
}
