import { decodeKey, type Opened } from '../../crypto/envelope.ts'
import type { Endpoint, HttpAnswer, HttpRequest } from '../../domain/endpoint.ts'
import type { Callback, Receive, Reply, Surface } from '../../domain/message.ts'
import { isCode, messageOf } from '../../errors.ts'
import type { Clock, Log, Random } from '../../world.ts'
import { type Verified, verifyCallback, type VerifyDeps, type CallbackSecret } from './verify.ts'
import type { KeyRing } from './keys.ts'
import { type LogThrottle, createLogThrottle } from './log-throttle.ts'

/** What the callback settings of a Bot and of an app have in common. */
export interface EndpointAccount extends KeyRing {
  readonly id: string
}

/**
 * For metrics and status. `type` is what the callback turned out to be: echo, the kind of the callback, the name of an
 * event that is answered with nothing (`event:LOCATION`), or unreadable.
 */
export type EndpointEvent =
  | {
      readonly kind: 'callback'
      readonly account: string
      readonly surface: Surface
      readonly type: string
      readonly result: 'ok' | 'rejected' | 'failed'
      readonly at: number
      readonly tookMs: number
    }
  | { readonly kind: 'signature_failure'; readonly account: string; readonly surface: Surface; readonly at: number }

export interface EndpointDeps {
  readonly receive: Receive
  readonly clock: Pick<Clock, 'now'>
  readonly random: Pick<Random, 'bytes'>
  readonly log: Log
  observe(event: EndpointEvent): void
}

/** How callbacks look on one surface. */
export interface Dialect {
  readonly surface: Surface
  readonly receiveid: string
  /** The ciphertext of a POST body; undefined when the body is not an envelope of this surface. */
  readEncrypt(body: string): string | undefined
  /** What a payload says; undefined when it is not for this account, and must be answered with nothing. */
  decode(opened: Opened, receivedAt: number): Callback | undefined
  /** Seals a reply with the keys that its callback came with. */
  seal(reply: Reply, to: Verified): HttpAnswer
}

/** "Nothing to say": the platform takes it as an answer. */
export const emptyAnswer: HttpAnswer = { status: 200, body: '' }

const plainText = 'text/plain; charset=utf-8'

/** Creates one callback URL in the dialect of its surface; throws `bad_key` when the EncodingAESKey is none. */
export function createEndpoint(
  account: EndpointAccount,
  deps: EndpointDeps,
  createDialect: (complaints: LogThrottle) => Dialect,
): Endpoint {
  const complaints = createLogThrottle(deps.log, deps.clock, account.id)
  const dialect = createDialect(complaints)
  const { surface, receiveid } = dialect
  const { id } = account
  const door: VerifyDeps = {
    surface,
    keys: doorKeys(account),
    receiveid,
    throttle: complaints,
    readEncrypt: body => dialect.readEncrypt(body),
    onSignatureFailure: at => deps.observe({ kind: 'signature_failure', account: id, surface, at }),
  }
  const desk: Desk = { account: id, deps, complaints, dialect, door }
  return {
    async handle(request) {
      if (request.method === 'GET' && request.query === '')
        return { status: 200, body: 'wecomd', contentType: plainText }
      const at = deps.clock.now()
      const { type, answer } = await answerRequest(desk, request, at)
      const result = answer.status === 200 ? 'ok' : answer.status < 500 ? 'rejected' : 'failed'
      const tookMs = Math.max(0, deps.clock.now() - at)
      deps.observe({ kind: 'callback', account: id, surface, type, result, at, tookMs })
      return answer
    },
  }
}

function doorKeys({ token, encodingAESKey, replaced }: KeyRing): readonly CallbackSecret[] {
  const ring = [{ token, encodingAESKey, until: Infinity }, ...replaced]
  return ring.map(keys => ({ token: keys.token, key: decodeKey(keys.encodingAESKey), until: keys.until }))
}

/** Everything that one URL owns while it answers. */
interface Desk {
  readonly account: string
  readonly deps: EndpointDeps
  readonly complaints: LogThrottle
  readonly dialect: Dialect
  readonly door: VerifyDeps
}

/** An answer, and what kind of callback it answers. */
interface Answered {
  readonly type: string
  readonly answer: HttpAnswer
}

async function answerRequest(desk: Desk, request: HttpRequest, now: number): Promise<Answered> {
  const admission = verifyCallback(desk.door, request, now)
  if (admission.kind === 'refused') return { type: 'unreadable', answer: { status: admission.status, body: '' } }
  const { opened } = admission
  if (request.method === 'GET') {
    return { type: 'echo', answer: { status: 200, body: opened.message, contentType: plainText } }
  }
  const callback = desk.dialect.decode(opened, now)
  if (callback === undefined) return { type: 'unhandled', answer: emptyAnswer }
  if (callback.kind === 'unhandled') complainOfType(desk.complaints, callback.type)
  return { type: observedType(callback), answer: await answerCallback(desk, callback, admission) }
}

function observedType(callback: Callback): string {
  return callback.kind === 'unhandled' && callback.type.startsWith('event:') ? callback.type : callback.kind
}

async function answerCallback(desk: Desk, callback: Callback, admitted: Verified): Promise<HttpAnswer> {
  try {
    return desk.dialect.seal(await desk.deps.receive(callback), admitted)
  } catch (error) {
    const isStore = isCode(error, 'store_failed')
    const msg = isStore ? 'a callback could not be stored' : 'a callback could not be answered'
    desk.deps.log.error(msg, { account: desk.account, type: callback.kind, reason: messageOf(error) })
    return { status: isStore ? 503 : 500, body: '' }
  }
}

function complainOfType(complaints: LogThrottle, type: string): void {
  if (type === 'invalid') {
    complaints.perMinute({ topic: 'invalid', msg: 'a callback makes no sense and is answered with nothing' })
    return
  }
  const msg = 'callbacks of this kind are answered with nothing'
  complaints.once({ topic: `kind ${type}`, msg, fields: { type } })
}
