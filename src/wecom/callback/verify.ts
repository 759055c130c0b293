import { checkReceiveid, type EnvelopeKey, type Opened, openEnvelope } from '../../crypto/envelope.ts'
import { verifySignature } from '../../crypto/signature.ts'
import type { HttpRequest } from '../../domain/endpoint.ts'
import { limits } from '../../domain/limits.ts'
import { WecomdError } from '../../errors.ts'
import type { LogThrottle } from './log-throttle.ts'
import { type CallbackQuery, parseCallbackQuery } from './query.ts'

/** One token with its key, and until when they are taken, epoch ms. */
export interface CallbackSecret {
  readonly token: string
  readonly key: EnvelopeKey
  readonly until: number
}

/** What one callback URL checks requests against. */
export interface VerifyDeps {
  readonly surface: 'bot' | 'app'
  /** The newest first. */
  readonly keys: readonly CallbackSecret[]
  readonly receiveid: string
  readonly throttle: LogThrottle
  /** The ciphertext of a POST body; undefined when the body is not an envelope of this surface. */
  readEncrypt(body: string): string | undefined
  onSignatureFailure(at: number): void
}

/** A callback that is from WeCom, and the keys that it came with: its reply goes with them. */
export interface Verified {
  readonly kind: 'admitted'
  readonly nonce: string
  readonly opened: Opened
  readonly keys: CallbackSecret
}

export type Verification = { readonly kind: 'refused'; readonly status: 400 | 401 } | Verified

/** The ladder of definitions.md 7: each rung refuses with its own status; nothing is decrypted before it is verified. */
export function verifyCallback(door: VerifyDeps, request: HttpRequest, now: number): Verification {
  const isVerification = request.method === 'GET'
  const query = parseCallbackQuery(request.query, isVerification)
  if (query === undefined) return { kind: 'refused', status: 400 }
  const encrypt = isVerification ? query.echostr : door.readEncrypt(request.body)
  if (encrypt === undefined) return { kind: 'refused', status: 400 }
  if (!isTimely(door, query.timestamp, now)) return { kind: 'refused', status: 401 }
  const signing = keysThatSign(door, query, encrypt, now)
  if (signing.length === 0) return { kind: 'refused', status: 401 }
  const opened = open(door, signing, encrypt)
  if (opened === undefined) return { kind: 'refused', status: 400 }
  return { kind: 'admitted', nonce: query.nonce, ...opened }
}

function isTimely(door: VerifyDeps, timestamp: string, now: number): boolean {
  const offMs = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) * 1000 - now : Number.NaN
  if (Math.abs(offMs) <= limits.timestampSkewMs) return true
  const offSeconds = Number.isNaN(offMs) ? undefined : Math.round(offMs / 1000)
  const fields = { offSeconds, hint: 'an old request, or the clock of this host is wrong' }
  door.throttle.perMinute({ topic: 'timestamp', msg: 'a callback carries a timestamp that is not now', fields })
  return false
}

function keysThatSign(door: VerifyDeps, query: CallbackQuery, encrypt: string, now: number): readonly CallbackSecret[] {
  const { signature, timestamp, nonce } = query
  const signing = door.keys.filter(
    ({ token, until }) => now < until && verifySignature(signature, token, timestamp, nonce, encrypt),
  )
  if (signing.length > 0) return signing
  door.onSignatureFailure(now)
  const hint = 'a stranger, or the token in the config differs from the admin console'
  door.throttle.perMinute({ topic: 'signature', msg: 'a callback is not signed with our token', fields: { hint } })
  return []
}

/** Only the EncodingAESKey may have been replaced, so that several keys go with the token that signed. */
function open(
  door: VerifyDeps,
  signing: readonly CallbackSecret[],
  encrypt: string,
): { readonly opened: Opened; readonly keys: CallbackSecret } | undefined {
  const faults: WecomdError[] = []
  for (const keys of signing) {
    const opened = openWith(door, keys, encrypt)
    if (!(opened instanceof WecomdError)) return { opened, keys }
    faults.push(opened)
  }
  const [fault] = faults
  if (fault === undefined) return undefined
  const fields = { code: fault.code, hint: fault.hint }
  door.throttle.perMinute({ topic: fault.code, msg: `a signed callback cannot be read: ${fault.message}`, fields })
  return undefined
}

function openWith(door: VerifyDeps, { key }: CallbackSecret, encrypt: string): Opened | WecomdError {
  try {
    const opened = openEnvelope(key, encrypt)
    checkReceiveid(door.surface, door.receiveid, opened.receiveid)
    return opened
  } catch (error) {
    if (!(error instanceof WecomdError)) throw error
    return error
  }
}
