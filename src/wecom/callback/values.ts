import { limits } from '../../domain/limits.ts'

/** Returns the id unchanged; undefined when it is empty, too long, or contains control characters or half surrogates. */
export function parseId(text: string | undefined): string | undefined {
  const isId = text !== undefined && text.length > 0 && text.length <= limits.idChars && !/[\p{Cc}\p{Cs}]/u.test(text)
  return isId ? text : undefined
}

/** Returns the name of a message or event type; undefined when it is not safe for logs and metrics. */
export function parseTypeName(text: string | undefined): string | undefined {
  return text !== undefined && /^[\w.-]{1,64}$/.test(text) ? text : undefined
}

/** Epoch milliseconds of whole seconds, a number or digits. Undefined otherwise, also for values already in ms. */
export function parseSeconds(value: unknown): number | undefined {
  const seconds = typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN
  return Number.isInteger(seconds) && seconds > 0 && seconds < 1e11 ? seconds * 1000 : undefined
}
