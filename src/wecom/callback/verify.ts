import { checkReceiveid, type EnvelopeKey, type Opened, openEnvelope } from '../../crypto/envelope.ts'
import { verifySignature } from '../../crypto/signature.ts'
import type { HttpRequest } from '../../domain/endpoint.ts'
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
  /** The ciphertext of a POST body, or why it is not an envelope of this surface. */
  readEncrypt(body: string): string | EnvelopeProblem
  onRefused(refusal: Refusal, at: number): void
}

/** A body that is no envelope of its surface. `topic` is a constant. */
export interface EnvelopeProblem {
  readonly topic: string
  readonly reason: string
  readonly hint: string
}

/** Why a request was refused, for the log and for `status`. `offSeconds`: how far the clock of this host is off. */
export interface Refusal {
  readonly cause: string
  readonly reason: string
  readonly hint?: string
  readonly offSeconds?: number
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
  if (typeof encrypt !== 'string') return refuse(deps, now, 400, { ...encrypt, cause: encrypt.topic })
  if (!isFresh(deps, query.timestamp, now)) return { kind: 'refused', status: 401 }
  const signing = signingKeys(deps, query, encrypt, now)
  if (signing.length === 0) return { kind: 'refused', status: 401 }
  const opened = open(deps, signing, encrypt, now)
  if (opened === undefined) return { kind: 'refused', status: 400 }
  return { kind: 'admitted', nonce: query.nonce, ...opened }
}

const noParameters: Refusal = {
  cause: 'parameters',
  reason: 'a parameter of the URL is missing or doubled',
  hint: 'a proxy must pass the query on unchanged; requests that are not from WeCom fail, too',
}

function refuse(
  deps: VerifyDeps,
  now: number,
  status: 400 | 401,
  refusal: Refusal,
): Extract<Verification, { kind: 'refused' }> {
  const { cause, reason, ...fields } = refusal
  deps.throttle.perMinute({ topic: cause, msg: `callback rejected: ${reason}`, fields })
  deps.onRefused(refusal, now)
  return { kind: 'refused', status }
}

function isFresh(deps: VerifyDeps, timestamp: string, now: number): boolean {
  const offMs = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) * 1000 - now : Number.NaN
  if (Math.abs(offMs) <= limits.timestampSkewMs) return true
  const offSeconds = Number.isNaN(offMs) ? undefined : Math.round(offMs / 1000)
  refuse(deps, now, 401, {
    cause: 'timestamp',
    reason: 'timestamp too far from the current time',
    hint: 'check the clock of this host; repeated old requests are rejected, too',
    ...(offSeconds !== undefined && { offSeconds }),
  })
  return false
}

function signingKeys(deps: VerifyDeps, query: CallbackQuery, encrypt: string, now: number): readonly CallbackSecret[] {
  const { signature, timestamp, nonce } = query
  const signing = deps.keys.filter(
    ({ token, until }) => now < until && verifySignature(signature, token, timestamp, nonce, encrypt),
  )
  if (signing.length > 0) return signing
  const hint = 'check that the token matches the admin console; requests that are not from WeCom fail, too'
  refuse(deps, now, 401, { cause: 'signature', reason: 'wrong signature', hint })
  return []
}

/** Tries all keys whose token signed the request: a replaced EncodingAESKey may have kept its token. */
function open(
  deps: VerifyDeps,
  signing: readonly CallbackSecret[],
  encrypt: string,
  now: number,
): { readonly opened: Opened; readonly keys: CallbackSecret } | undefined {
  const errors: WecomdError[] = []
  for (const keys of signing) {
    const opened = openWith(deps, keys, encrypt)
    if (!(opened instanceof WecomdError)) return { opened, keys }
    errors.push(opened)
  }
  const [first] = errors
  if (first === undefined) return undefined
  const { code: cause, message: reason, hint } = first
  refuse(deps, now, 400, { cause, reason, ...(hint !== undefined && { hint }) })
  return undefined
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
