import { WecomdError } from '../../errors.ts'
import { noReplyOf, type HttpDeps, type NoReply, fetchOptionsOf } from './http.ts'
import type { IdleTimeout } from '../media/idle-timeout.ts'

/** A response body as a stream. Reading it rejects with `network` when the connection breaks. */
export interface Body {
  readonly kind: 'body'
  readonly headers: Headers
  /** The announced length. */
  readonly bytes?: number
  readonly chunks: AsyncIterable<Uint8Array>
}

/** GETs a body, or a range of it. Never rejects. Errors never contain the URL, because it contains secrets. */
export async function openBody(
  http: HttpDeps,
  url: string,
  idle: IdleTimeout,
  range?: string,
): Promise<Body | NoReply> {
  idle.touch()
  try {
    // A compressed body would not match the announced length.
    const headers = { 'accept-encoding': 'identity', ...(range !== undefined && { range }) }
    const response = await http.fetch(url, { ...fetchOptionsOf(http), headers, signal: idle.signal })
    idle.touch()
    const { status, body } = response
    if (status !== 200 && !(status === 206 && range !== undefined)) return { kind: 'status', status }
    const length = response.headers.get('content-length')
    const bytes = length !== null && /^\d+$/.test(length) ? { bytes: Number(length) } : {}
    return { kind: 'body', headers: response.headers, ...bytes, chunks: chunksOf(body, idle) }
  } catch (error) {
    return noReplyOf(error)
  }
}

async function* chunksOf(body: Response['body'], idle: IdleTimeout): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body ?? []) {
      idle.touch()
      yield chunk
    }
  } catch (error) {
    throw new WecomdError('network', noReplyOf(error).reason)
  }
}
