/** Every code an error of ours can carry. Callers branch on these, never on messages. */
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
 * The one error class. `message` says what failed and with what (never a secret, key or full URL), `hint` what the
 * operator does next, `retryAfterMs` when trying again may help.
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

/** True when `error` is ours and carries `code`. */
export function isCode(error: unknown, code: ErrorCode): error is WecomdError {
  return error instanceof WecomdError && error.code === code
}

/** The message of anything thrown, for a log line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
