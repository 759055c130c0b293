import { parseJson } from '../../domain/json.ts'
import type { MediaBytes } from '../../domain/spool.ts'
import type { Fetch } from '../../world.ts'

/** How calls to WeCom leave this host: proxy, trusted authority, timeout. */
export interface HttpDeps {
  readonly fetch: Fetch
  readonly timeoutMs: number
  readonly proxy?: string
  readonly ca?: string
}

/** The body of a POST and its content type. */
export interface Payload {
  readonly type: string
  readonly body: string | MediaBytes
  /**
   * It may be sent at most once, so it gets a connection of its own: a kept one may have died on its way without a sign.
   */
  readonly isOnce?: true
}

/** An answer from WeCom. The HTTP status is 200 even for refusals; only the errcode counts. */
export interface ApiReply {
  readonly kind: 'answer'
  readonly errcode: number
  readonly errmsg: string
  readonly fields: Readonly<Record<string, unknown>>
}

/**
 * No answer from WeCom: another server's HTTP status, or nothing at all. `mayHaveArrived` is false only when not one
 * byte of the request was sent.
 */
export type NoReply =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'broken'; readonly reason: string; readonly mayHaveArrived: boolean }

/** Answers have a few hundred bytes. A longer one does not come from the platform. */
const replyLimitBytes = 64 * 1024
/** The slowest acceptable upload. It extends the timeout with the size of the body. */
const minBytesPerSecond = 128 * 1024
const errmsgChars = 300

/**
 * Makes one call to WeCom: a POST with a payload, otherwise a GET. Never rejects. Errors never contain the URL, because
 * it contains secrets.
 */
export async function callWecom(
  http: HttpDeps,
  url: string,
  payload?: Payload,
  limitBytes = replyLimitBytes,
): Promise<ApiReply | NoReply> {
  try {
    const response = await http.fetch(url, {
      ...(payload !== undefined && post(payload)),
      ...fetchOptionsOf(http),
      signal: AbortSignal.timeout(http.timeoutMs + uploadTimeMs(payload)),
    })
    const text = await readText(response.body ?? [], limitBytes)
    return (response.status === 200 ? parseReply(text) : undefined) ?? { kind: 'status', status: response.status }
  } catch (error) {
    return noReplyOf(error)
  }
}

/** The options of every request: proxy, trusted authority, no redirects. */
export function fetchOptionsOf({ proxy, ca }: HttpDeps): BunFetchRequestInit {
  return { redirect: 'manual', ...(proxy !== undefined && { proxy }), ...(ca !== undefined && { tls: { ca } }) }
}

/** The URL of an API call. */
export function urlOf(origin: string, path: string, query: Readonly<Record<string, string>>): string {
  return `${origin}/cgi-bin/${path}?${new URLSearchParams(query).toString()}`
}

/** A JSON payload. */
export function json(body: string): Payload {
  return { type: 'application/json', body }
}

/** A JSON payload that may be sent at most once. */
export function jsonOnce(body: string): Payload {
  return { ...json(body), isOnce: true }
}

/** An explicit content-length keeps Bun from using chunked encoding for a streamed body. */
function post({ type, body, isOnce }: Payload): BunFetchRequestInit {
  const fresh = isOnce && { keepalive: false }
  if (typeof body === 'string') return { method: 'POST', headers: { 'content-type': type }, body, ...fresh }
  const headers = { 'content-type': type, 'content-length': String(body.bytes) }
  return { method: 'POST', headers, body: body.open() }
}

function uploadTimeMs(payload: Payload | undefined): number {
  const bytes = typeof payload?.body === 'object' ? payload.body.bytes : 0
  return Math.ceil((bytes / minBytesPerSecond) * 1_000)
}

/** Reads a short text. Returns '' when it is longer than the limit. */
export async function readText(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limitBytes = replyLimitBytes,
): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > limitBytes) return ''
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

const controls = /\p{Cc}/gu

/** Parses an answer from WeCom; undefined when the text is not JSON with an integer errcode. */
export function parseReply(text: string): ApiReply | undefined {
  // WeCom quotes what was sent in errmsg, with raw control characters. Outside of strings JSON reads them as spaces, too.
  const value = parseJson(text.replace(controls, ' '))
  if (typeof value !== 'object' || value === null) return undefined
  const fields: Readonly<Record<string, unknown>> = { ...value }
  const { errcode, errmsg } = fields
  if (typeof errcode !== 'number' || !Number.isInteger(errcode)) return undefined
  return { kind: 'answer', errcode, errmsg: typeof errmsg === 'string' ? errmsg.slice(0, errmsgChars) : '', fields }
}

/**
 * Error codes of Bun and OpenSSL which mean that not one byte of the request was sent. EPROTO is missing on purpose: it
 * stands for a failed handshake, but also for a TLS record that breaks after the request.
 */
const neverSent =
  /^(?:ConnectionRefused|ECONNREFUSED|FailedToOpenSocket|ENOTFOUND|EAI_AGAIN|ERR_PROXY|ERR_TLS|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/

/** Classifies a failed request. Only the error's code is used, because its message contains the URL. */
export function noReplyOf(error: unknown): Extract<NoReply, { kind: 'broken' }> {
  // The code of a DOMException, such as a timeout, is a meaningless number.
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  // The status of a proxy that refuses the tunnel.
  const status = error instanceof Error && 'status' in error ? ` ${String(error.status)}` : ''
  const reason = code === '' ? 'no answer in time' : `${code}${status}`
  return { kind: 'broken', reason, mayHaveArrived: !neverSent.test(code) }
}
