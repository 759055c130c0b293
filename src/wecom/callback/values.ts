import { limits } from '../../domain/limits.ts'

/** An id as spelled, or undefined when it is none: empty, too long, or with characters in it that no id has. */
export function parseId(text: string | undefined): string | undefined {
  const isId = text !== undefined && text.length > 0 && text.length <= limits.idChars && !/[\p{Cc}\p{Cs}]/u.test(text)
  return isId ? text : undefined
}

/** The name of a kind of message or event, or undefined when it may not go into a log and a metric. */
export function parseTypeName(text: string | undefined): string | undefined {
  return text !== undefined && /^[\w.-]{1,64}$/.test(text) ? text : undefined
}

/** Epoch ms of whole seconds, a number or digits; undefined for anything else, also for what must be milliseconds. */
export function parseSeconds(value: unknown): number | undefined {
  const seconds = Number(value)
  return Number.isInteger(seconds) && seconds > 0 && seconds < 1e11 ? seconds * 1000 : undefined
}
