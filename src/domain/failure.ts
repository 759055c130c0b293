/**
 * Why a question got no answer. `model_*` and their details come from the gateway.
 *
 * - gateway_restart: the run was lost when the gateway stopped
 * - no_agent: the gateway does not know the agent
 * - internal: the gateway refused the question
 */
export type FailureCause =
  | 'model_auth'
  | 'model_rate'
  | 'model_context'
  | 'model_timeout'
  | 'model_error'
  | 'model_empty'
  | 'gateway_restart'
  | 'no_agent'
  | 'internal'

export interface Failure {
  readonly cause: FailureCause
  /** The gateway's words, without secrets, at most 200 characters. They stay out of the log. */
  readonly error?: string
}

/** What an operator runs on the gateway's host to learn more; undefined if nothing there helps. */
export function gatewayCommandFor(cause: string): string | undefined {
  if (cause === 'model_auth') return 'openclaw models status'
  if (cause === 'no_agent') return 'openclaw agents list'
  return cause.startsWith('model_') || cause === 'internal' ? 'openclaw logs --follow' : undefined
}

const errorChars = 200
/** A word that announces a secret with the secret, known forms of keys, and anything that is as long as one. */
const secrets =
  /\b(?:bearer|basic)\s+[^\s"',;]+|\b(?:api[-_ ]?key|token|secret|password)\b["']?\s*[:=]\s*["']?[^\s"',;]{6,}|\b(?:sk|pk|gh[a-z]|xox[a-z])[-_][\w-]{6,}|[\w+/=-]{32,}/gi

/** An error text of the gateway as it may be stored and shown: one line, no secrets, at most 200 characters. */
export function describeError(text: string): string {
  const line = text
    .toWellFormed()
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .replace(secrets, '…')
    .trim()
  return line.length <= errorChars ? line : `${line.slice(0, errorChars - 1).toWellFormed()}…`
}
