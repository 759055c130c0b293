import { checkReceiveid, type EnvelopeKey, type Opened, openEnvelope } from '../../crypto/envelope.ts'
import { verifySignature } from '../../crypto/signature.ts'
import type { HttpRequest, Refusal } from '../../domain/endpoint.ts'
import { limits } from '../../domain/limits.ts'
import { WecomdError } from '../../errors.ts'
import type { LogThrottle } from './log-throttle.ts'
import { type CallbackQuery, parseCallbackQuery } from './query.ts'

/** One token with its key, accepted until `until` (epoch milliseconds). */
export interface CallbackSecret {
  readonly token: string
  readonly key: EnvelopeKey
  readonly until: number
}

/** Everything a callback URL verifies requests with. */
export interface VerifyDeps {
  readonly surface: 'bot' | 'app'
  /** All accepted keys, the newest first. */
  readonly keys: readonly CallbackSecret[]
  readonly receiveid: string
  readonly throttle: LogThrottle
  /** The host's clock, which WeCom's timestamp is compared with. */
  wall(): number
  /** The ciphertext of a POST body, or why it is not an envelope of this surface. */
  readEncrypt(body: string): string | Refusal
  onRefused(refusal: Refusal, at: number): void
}

/** A callback proven to come from WeCom, and the keys that proved it. The reply must use the same keys. */
export interface Verified {
  readonly kind: 'admitted'
  readonly nonce: string
  readonly opened: Opened
  readonly keys: CallbackSecret
}

/** The result of `verifyCallback`: refused with a status, or verified and decrypted. */
export type Verification = { readonly kind: 'refused'; readonly status: 400 | 401 } | Verified

/**
 * Verifies and decrypts one request. The checks run in a fixed order, and the first that fails decides the status:
 *
 * 1. query: `msg_signature`, `timestamp` and `nonce` present, `echostr` for a URL verification — else 400
 * 2. envelope: the body has the form of this surface and contains a ciphertext — else 400
 * 3. timestamp: at most 300 s from now — else 401, so that old requests cannot be replayed
 * 4. signature: SHA-1 over token, timestamp, nonce and ciphertext, compared in constant time — else 401
 * 5. decryption, padding and receiveid — else 400
 *
 * Nothing is decrypted before its signature is verified. An operator can tell a wrong token (401) from a wrong
 * EncodingAESKey (400) by the status alone.
 */
export function verifyCallback(deps: VerifyDeps, request: HttpRequest, now: number): Verification {
  const isVerification = request.method === 'GET'
  const query = parseCallbackQuery(request.query, isVerification)
  if (query === undefined) return refuse(deps, now, 400, noParameters)
  const encrypt = isVerification ? (query.echostr ?? '') : deps.readEncrypt(request.body)
  if (typeof encrypt !== 'string') return refuse(deps, now, 400, encrypt)
  const staleness = stalenessOf(query.timestamp, deps.wall())
  if (staleness !== undefined) return refuse(deps, now, 401, staleness)
  const opened = open(deps, signingKeys(deps, query, encrypt, now), encrypt)
  if ('cause' in opened) return refuse(deps, now, opened === wrongSignature ? 401 : 400, opened)
  return { kind: 'admitted', nonce: query.nonce, ...opened }
}

const noParameters: Refusal = {
  cause: 'parameters',
  reason: 'a parameter of the URL is missing or doubled',
  hint: 'a proxy must pass the query on unchanged; requests that are not from WeCom fail, too',
}

const wrongSignature: Refusal = {
  cause: 'signature',
  reason: 'wrong signature',
  hint: 'check that the token matches the admin console; requests that are not from WeCom fail, too',
}

function refuse({ throttle, onRefused }: VerifyDeps, now: number, status: 400 | 401, refusal: Refusal): Verification {
  const { cause, reason, ...fields } = refusal
  throttle.perMinute({ topic: cause, msg: `callback rejected: ${reason}`, fields })
  onRefused(refusal, now)
  return { kind: 'refused', status }
}

/** Undefined if the timestamp is close enough to now. */
function stalenessOf(timestamp: string, wall: number): Refusal | undefined {
  const offMs = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) * 1000 - wall : Number.NaN
  if (Math.abs(offMs) <= limits.timestampSkewMs) return undefined
  return {
    cause: 'timestamp',
    reason: 'timestamp too far from the current time',
    hint: 'check the clock of this host; repeated old requests are rejected, too',
    ...(!Number.isNaN(offMs) && { offSeconds: Math.round(offMs / 1000) }),
  }
}

function signingKeys(deps: VerifyDeps, query: CallbackQuery, encrypt: string, now: number): readonly CallbackSecret[] {
  const { signature, timestamp, nonce } = query
  return deps.keys.filter(
    ({ token, until }) => now < until && verifySignature(signature, token, timestamp, nonce, encrypt),
  )
}

/**
 * Tries all keys whose token signed the request: a replaced EncodingAESKey may have kept its token. Without one the
 * signature is wrong. If all fail, returns why the newest did.
 */
function open(
  deps: VerifyDeps,
  signing: readonly CallbackSecret[],
  encrypt: string,
): Pick<Verified, 'opened' | 'keys'> | Refusal {
  let newest: Refusal | undefined
  for (const keys of signing) {
    const opened = openWith(deps, keys, encrypt)
    if (!(opened instanceof WecomdError)) return { opened, keys }
    const { code: cause, message: reason, hint } = opened
    newest ??= { cause, reason, ...(hint !== undefined && { hint }) }
  }
  return newest ?? wrongSignature
}

function openWith(deps: VerifyDeps, { key }: CallbackSecret, encrypt: string): Opened | WecomdError {
  try {
    const opened = openEnvelope(key, encrypt)
    checkReceiveid(deps.surface, deps.receiveid, opened.receiveid)
    return opened
  } catch (error) {
    if (!(error instanceof WecomdError)) throw error
    return error
  }
}
