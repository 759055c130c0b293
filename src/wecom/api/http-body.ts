import { WecomdError } from '../../errors.ts'
import { noReplyOf, type HttpDeps, type NoReply, fetchOptionsOf } from './http.ts'
import type { IdleTimeout } from '../media/idle-timeout.ts'

/** An answer that is bytes. Reading it rejects with `network` when it breaks off. */
export interface Body {
  readonly kind: 'body'
  readonly headers: Headers
  /** As announced. */
  readonly bytes?: number
  readonly pieces: AsyncIterable<Uint8Array>
}

/** A GET of bytes, or of some of them. Never rejects, and says nothing of the URL, which holds secrets. */
export async function openBody(
  line: HttpDeps,
  url: string,
  patience: IdleTimeout,
  range?: string,
): Promise<Body | NoReply> {
  patience.touch()
  try {
    // What is encoded on the way would arrive with another length than it is announced with.
    const headers = { 'accept-encoding': 'identity', ...(range !== undefined && { range }) }
    const response = await line.fetch(url, { ...fetchOptionsOf(line), headers, signal: patience.signal })
    patience.touch()
    const { status, body } = response
    if (status !== 200 && !(status === 206 && range !== undefined)) return { kind: 'status', status }
    const length = response.headers.get('content-length')
    const bytes = length !== null && /^\d+$/.test(length) ? { bytes: Number(length) } : {}
    return { kind: 'body', headers: response.headers, ...bytes, pieces: piecesOf(body, patience) }
  } catch (error) {
    return noReplyOf(error)
  }
}

async function* piecesOf(body: Response['body'], patience: IdleTimeout): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of body ?? []) {
      patience.touch()
      yield piece
    }
  } catch (error) {
    throw new WecomdError('network', noReplyOf(error).reason)
  }
}
