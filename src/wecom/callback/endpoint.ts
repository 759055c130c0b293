import { decodeKey, type Opened } from '../../crypto/envelope.ts'
import type { Endpoint, HttpAnswer, HttpRequest, Refusal } from '../../domain/endpoint.ts'
import type { Callback, Receive, Reply, Surface } from '../../domain/message.ts'
import { isCode, messageOf } from '../../errors.ts'
import type { Clock, Log, Random } from '../../world.ts'
import { type CallbackSecret, type Verified, verifyCallback, type VerifyDeps } from './verify.ts'
import { eventLabel } from './events.ts'
import type { KeyRing } from './keys.ts'
import { type LogThrottle, createLogThrottle } from './log-throttle.ts'

/** The callback settings shared by Bots and apps. */
export interface EndpointAccount extends KeyRing {
  readonly id: string
}

/**
 * For metrics and status. `type` is `echo` for a URL verification, the callback's kind, the name of an ignored event
 * (`event:LOCATION`, or `event:other`), or `unreadable`. `at` is in epoch milliseconds.
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
  | ({
      readonly kind: 'refused'
      readonly account: string
      readonly surface: Surface
      readonly at: number
    } & Refusal)

/** The dependencies of an endpoint. `receive` must resolve within WeCom's 5 s, and only after its commit. */
export interface EndpointDeps {
  readonly receive: Receive
  readonly clock: Pick<Clock, 'now' | 'wall'>
  readonly random: Pick<Random, 'bytes'>
  readonly log: Log
  observe(event: EndpointEvent): void
}

/** The wire format of callbacks on one surface: JSON for Bots, XML for apps. */
export interface Dialect {
  readonly surface: Surface
  readonly receiveid: string
  /** The ciphertext of a POST body, or why it is not an envelope of this surface. */
  readEncrypt(body: string): string | Refusal
  /** Decodes a payload; undefined when it is for another account and must get an empty answer. */
  decode(opened: Opened, receivedAt: number): Callback | undefined
  /** Encrypts a reply with the keys its callback was verified with. */
  seal(reply: Reply, to: Verified): HttpAnswer
}

/** An empty 200. The platform accepts it as "no reply" and does not send the callback again. */
export const emptyAnswer: HttpAnswer = { status: 200, body: '' }

const plainText = 'text/plain; charset=utf-8'

/** Creates a callback endpoint for one surface. Throws `bad_key` when the EncodingAESKey is invalid. */
export function createEndpoint(
  account: EndpointAccount,
  deps: EndpointDeps,
  createDialect: (throttle: LogThrottle) => Dialect,
): Endpoint {
  const throttle = createLogThrottle(deps.log, deps.clock, { account: account.id })
  const dialect = createDialect(throttle)
  const { surface, receiveid } = dialect
  const { id } = account
  const verifyDeps: VerifyDeps = {
    surface,
    keys: secretsOf(account),
    receiveid,
    throttle,
    wall: () => deps.clock.wall(),
    readEncrypt: body => dialect.readEncrypt(body),
    onRefused: (refusal, at) => deps.observe({ kind: 'refused', account: id, surface, at, ...refusal }),
  }
  const context: EndpointContext = { account: id, deps, throttle, dialect, verifyDeps }
  return {
    async handle(request) {
      if (request.method === 'GET' && request.query === '')
        return { status: 200, body: 'wecomd', contentType: plainText }
      const at = deps.clock.now()
      const { type, answer } = await answerRequest(context, request, at)
      const result = answer.status === 200 ? 'ok' : answer.status < 500 ? 'rejected' : 'failed'
      const tookMs = Math.max(0, deps.clock.now() - at)
      deps.observe({ kind: 'callback', account: id, surface, type, result, at, tookMs })
      return answer
    },
  }
}

function secretsOf({ token, encodingAESKey, replaced }: KeyRing): readonly CallbackSecret[] {
  const ring = [{ token, encodingAESKey, until: Infinity }, ...replaced]
  return ring.map(keys => ({ token: keys.token, key: decodeKey(keys.encodingAESKey), until: keys.until }))
}

/** Everything one endpoint needs to answer a request. */
interface EndpointContext {
  readonly account: string
  readonly deps: EndpointDeps
  readonly throttle: LogThrottle
  readonly dialect: Dialect
  readonly verifyDeps: VerifyDeps
}

/** An HTTP answer, and the type of its callback for metrics. */
interface Answered {
  readonly type: string
  readonly answer: HttpAnswer
}

async function answerRequest(context: EndpointContext, request: HttpRequest, now: number): Promise<Answered> {
  const verified = verifyCallback(context.verifyDeps, request, now)
  if (verified.kind === 'refused') return { type: 'unreadable', answer: { status: verified.status, body: '' } }
  const { opened } = verified
  if (request.method === 'GET') {
    const { account, dialect, deps } = context
    deps.log.info('WeCom verified the callback URL', { account, surface: dialect.surface })
    return { type: 'echo', answer: { status: 200, body: opened.message, contentType: plainText } }
  }
  const callback = context.dialect.decode(opened, now)
  if (callback === undefined) return { type: 'unhandled', answer: emptyAnswer }
  const unknown = unknownTypeOf(callback)
  if (unknown !== undefined) logUnhandled(context.throttle, unknown)
  return { type: metricType(callback), answer: await answerCallback(context, callback, verified) }
}

/** The type of a callback that we can't read. The sender of a message like that gets a notice. */
function unknownTypeOf(callback: Callback): string | undefined {
  if (callback.kind === 'message') return callback.inbound.unknownKind
  return callback.kind === 'unhandled' ? callback.type : undefined
}

function metricType(callback: Callback): string {
  const unknown = unknownTypeOf(callback)
  if (unknown === undefined) return callback.kind
  return unknown.startsWith('event:') ? eventLabel(unknown) : 'unhandled'
}

async function answerCallback(context: EndpointContext, callback: Callback, verified: Verified): Promise<HttpAnswer> {
  try {
    return context.dialect.seal(await context.deps.receive(callback), verified)
  } catch (error) {
    const isStore = isCode(error, 'store_failed')
    const msg = isStore ? 'failed to store a callback' : 'failed to answer a callback'
    context.deps.log.error(msg, { account: context.account, type: callback.kind, reason: messageOf(error) })
    return { status: isStore ? 503 : 500, body: '' }
  }
}

function logUnhandled(throttle: LogThrottle, type: string): void {
  if (type === 'invalid') {
    throttle.perMinute({ topic: 'invalid', msg: 'ignored a callback with an invalid payload' })
    return
  }
  const msg = 'ignoring callbacks of this type'
  throttle.once({ topic: `kind ${type}`, msg, fields: { type } })
}
