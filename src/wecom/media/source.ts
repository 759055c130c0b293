import type { Outcome } from '../../domain/delivery.ts'
import { safeFileName } from '../../domain/media.ts'
import type { MediaProblem } from '../../domain/message.ts'
import type { Fetched } from '../../domain/ports.ts'
import { fileNameOf } from './content-disposition.ts'
import type { NoReply } from '../api/http.ts'
import { outcomeOfNoReply } from '../api/outcome.ts'

/** Decrypted media as a stream. Reading it rejects with `network` or `bad_cipher`. */
export interface MediaStream {
  readonly kind: 'source'
  readonly disposition: string | null
  readonly chunks: AsyncIterable<Uint8Array>
}

/** A fetch that stored nothing: failed for good, or to be retried later. */
export type NotFetched = Exclude<Fetched, { kind: 'kept' }>

/** A fetch that failed for good. The hint is for the operator. */
export function failed(problem: MediaProblem, hint?: string): Extract<NotFetched, { kind: 'failed' }> {
  return { kind: 'failed', problem, ...(hint !== undefined && { hint }) }
}

/** Adds the file name of a Content-Disposition to a failed fetch, so that the notice can name the file. */
export function withFileName<Result extends Fetched>(result: Result, disposition: string | null): Result {
  const name = result.kind === 'failed' ? fileNameOf(disposition) : undefined
  return name === undefined ? result : { ...result, fileName: safeFileName(name) }
}

/** Maps the outcome of a repeatable call to a failed fetch. `refused` is final, anything else is retried. */
export function notFetchedBy({ outcome, hint, errmsg, retryAfterMs }: Outcome): NotFetched {
  const reason = hint ?? errmsg
  if (outcome === 'refused') return failed('unreachable', reason)
  return {
    kind: 'later',
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(reason !== undefined && { hint: reason }),
  }
}

const expiredStatuses: readonly number[] = [403, 404, 410]

/** Maps a response without media to a failed fetch. The storage answers 403, 404 or 410 for an expired link. */
export function notFetchedByNoReply(noReply: NoReply): NotFetched {
  if (noReply.kind === 'status') {
    const { status } = noReply
    if (expiredStatuses.includes(status)) return failed('expired', `HTTP ${status}`)
    if (status >= 300 && status < 400) return failed('unreachable', 'redirects are not followed')
    if (status < 500 && outcomeOfNoReply(noReply).outcome === 'refused') return failed('unreachable', `HTTP ${status}`)
  }
  return notFetchedBy(outcomeOfNoReply(noReply, true))
}

/** Reads at least `bytes` leading bytes. `whole` is the complete stream, including them. */
export async function peek(chunks: AsyncIterable<Uint8Array>, bytes: number) {
  const iterator = chunks[Symbol.asyncIterator]()
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
