import { WecomdError } from '../../errors.ts'
import type { UsageTexts } from '../texts/usage.ts'

/** A usage error that knows which command it is about. */
export class UsageError extends WecomdError {
  constructor(
    readonly path: readonly string[],
    message: string,
  ) {
    super('usage', message)
  }
}

/** An argument that is none of its choices. */
export function notOneOf(
  path: readonly string[],
  what: string,
  choices: readonly string[],
  got: string,
  texts: UsageTexts,
): UsageError {
  return new UsageError(path, texts.notOneOf(what, choices.join(texts.or), got))
}
