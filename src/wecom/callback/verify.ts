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
  /** The ciphertext of a POST body; undefined when the body is not an envelope of this surface. */
  readEncrypt(body: string): string | undefined
  onSignatureFailure(at: number): void
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
  if (query === undefined) return { kind: 'refused', status: 400 }
  const encrypt = isVerification ? query.echostr : deps.readEncrypt(request.body)
  if (encrypt === undefined) return { kind: 'refused', status: 400 }
  if (!isFresh(deps, query.timestamp, now)) return { kind: 'refused', status: 401 }
  const signing = signingKeys(deps, query, encrypt, now)
  if (signing.length === 0) return { kind: 'refused', status: 401 }
  const opened = open(deps, signing, encrypt)
  if (opened === undefined) return { kind: 'refused', status: 400 }
  return { kind: 'admitted', nonce: query.nonce, ...opened }
}

function isFresh(deps: VerifyDeps, timestamp: string, now: number): boolean {
  const offMs = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) * 1000 - now : Number.NaN
  if (Math.abs(offMs) <= limits.timestampSkewMs) return true
  const offSeconds = Number.isNaN(offMs) ? undefined : Math.round(offMs / 1000)
  const fields = { offSeconds, hint: 'check the clock of this host; repeated old requests are rejected, too' }
  deps.throttle.perMinute({
    topic: 'timestamp',
    msg: 'callback rejected: timestamp too far from the current time',
    fields,
  })
  return false
}

function signingKeys(deps: VerifyDeps, query: CallbackQuery, encrypt: string, now: number): readonly CallbackSecret[] {
  const { signature, timestamp, nonce } = query
  const signing = deps.keys.filter(
    ({ token, until }) => now < until && verifySignature(signature, token, timestamp, nonce, encrypt),
  )
  if (signing.length > 0) return signing
  deps.onSignatureFailure(now)
  const hint = 'check that the token matches the admin console; requests that are not from WeCom fail, too'
  deps.throttle.perMinute({ topic: 'signature', msg: 'callback rejected: wrong signature', fields: { hint } })
  return []
}

/** Tries all keys whose token signed the request: a replaced EncodingAESKey may have kept its token. */
function open(
  deps: VerifyDeps,
  signing: readonly CallbackSecret[],
  encrypt: string,
): { readonly opened: Opened; readonly keys: CallbackSecret } | undefined {
  const errors: WecomdError[] = []
  for (const keys of signing) {
    const opened = openWith(deps, keys, encrypt)
    if (!(opened instanceof WecomdError)) return { opened, keys }
    errors.push(opened)
  }
  const [first] = errors
  if (first === undefined) return undefined
  const fields = { code: first.code, hint: first.hint }
  deps.throttle.perMinute({ topic: first.code, msg: `callback rejected: ${first.message}`, fields })
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
