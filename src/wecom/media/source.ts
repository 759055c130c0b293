import type { Outcome } from '../../domain/delivery.ts'
import { safeFileName } from '../../domain/media.ts'
import type { MediaProblem } from '../../domain/message.ts'
import type { Fetched } from '../../domain/ports.ts'
import { fileNameOf } from './content-disposition.ts'
import type { NoReply } from '../api/http.ts'
import { outcomeOfNoReply } from '../api/outcome.ts'

/** Media as they come, not encrypted any more. Reading them rejects with `network` or `bad_cipher`. */
export interface MediaStream {
  readonly kind: 'source'
  readonly disposition: string | null
  readonly pieces: AsyncIterable<Uint8Array>
}

export type NotFetched = Exclude<Fetched, { kind: 'kept' }>

export function failed(problem: MediaProblem, hint?: string): Extract<NotFetched, { kind: 'failed' }> {
  return { kind: 'failed', problem, ...(hint !== undefined && { hint }) }
}

/** The same of a file whose name is known all the same. */
export function named<Result extends Fetched>(result: Result, disposition: string | null): Result {
  const name = result.kind === 'failed' ? fileNameOf(disposition) : undefined
  return name === undefined ? result : { ...result, fileName: safeFileName(name) }
}

/** What a call that may be repeated makes of media. `refused` is final. */
export function ofOutcome({ outcome, hint, errmsg, retryAfterMs }: Outcome): NotFetched {
  const told = hint ?? errmsg
  if (outcome === 'refused') return failed('unreachable', told)
  return {
    kind: 'later',
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(told !== undefined && { hint: told }),
  }
}

const gone: readonly number[] = [403, 404, 410]

/** What an answer without media makes of a link. */
export function ofNoReply(silence: NoReply): NotFetched {
  if (silence.kind === 'status') {
    const { status } = silence
    if (gone.includes(status)) return failed('expired', `HTTP ${status}`)
    if (status >= 300 && status < 400) return failed('unreachable', 'redirects are not followed')
    if (status < 500 && outcomeOfNoReply(silence).outcome === 'refused') return failed('unreachable', `HTTP ${status}`)
  }
  return ofOutcome(outcomeOfNoReply(silence, true))
}

/** The beginning of a body, and all of it. */
export async function peek(pieces: AsyncIterable<Uint8Array>, bytes: number) {
  const iterator = pieces[Symbol.asyncIterator]()
  const first: Uint8Array[] = []
  for (let seen = 0; seen < bytes; ) {
    const { done, value } = await iterator.next()
    if (done === true) break
    first.push(value)
    seen += value.length
  }
  const head = Buffer.concat(first)
  return { head, whole: joined(head, iterator) }
}

async function* joined(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}
