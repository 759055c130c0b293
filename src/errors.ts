/** The codes of WecomdError. Callers branch on the code, never on the message. */
export type ErrorCode =
  | 'usage'
  | 'config'
  | 'state_folder'
  | 'port_in_use'
  | 'store_locked'
  | 'store_schema'
  | 'store_failed'
  | 'bad_key'
  | 'bad_signature'
  | 'bad_envelope'
  | 'bad_cipher'
  | 'bad_receiveid'
  | 'gateway_down'
  | 'gateway_refused'
  | 'gateway_timeout'
  | 'network'
  | 'not_found'
  | 'ambiguous'
  | 'unauthorized'
  | 'bad_target'
  | 'no_app'
  | 'group_blocked'
  | 'bad_message'
  | 'conflict'
  | 'overloaded'
  | 'daemon_unreachable'
  | 'cancelled'

/**
 * The only error class of wecomd. `message` describes what failed and with which input, but never contains a secret, a key or a
 * full URL. `hint` tells the operator what to do. `retryAfterMs` is set if a retry after that time may succeed.
 */
export class WecomdError extends Error {
  readonly code: ErrorCode
  readonly hint?: string
  readonly retryAfterMs?: number

  constructor(code: ErrorCode, message: string, more: { hint?: string; retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'WecomdError'
    this.code = code
    if (more.hint !== undefined) this.hint = more.hint
    if (more.retryAfterMs !== undefined) this.retryAfterMs = more.retryAfterMs
  }
}

/** True if `error` is a WecomdError with this code. */
export function isCode(error: unknown, code: ErrorCode): error is WecomdError {
  return error instanceof WecomdError && error.code === code
}

/** The message of any thrown value, for a log line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
