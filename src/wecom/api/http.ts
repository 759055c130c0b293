import { parseJson } from '../../domain/json.ts'
import type { MediaBytes } from '../../domain/spool.ts'
import type { Fetch } from '../../world.ts'

/** How calls to WeCom leave this host. */
export interface HttpDeps {
  readonly fetch: Fetch
  readonly timeoutMs: number
  readonly proxy?: string
  readonly ca?: string
}

/** What a POST carries. */
export interface Payload {
  readonly type: string
  readonly body: string | MediaBytes
}

/** What WeCom says: HTTP is 200 for refusals too, only the integer errcode counts. */
export interface ApiReply {
  readonly kind: 'answer'
  readonly errcode: number
  readonly errmsg: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** No word of WeCom: some server's HTTP status, or nothing. `mayHaveLeft` is false when not one byte of the request did. */
export type NoReply =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'broken'; readonly reason: string; readonly mayHaveLeft: boolean }

/** Answers are a few hundred bytes; more than this is not from the platform. */
const answerLimitBytes = 64 * 1024
/** A body may take a second longer for each of these. */
const slowestBytesPerSecond = 128 * 1024
const errmsgChars = 300

/** One call to WeCom: a POST with a payload, else a GET. Never rejects, and says nothing of the URL, which holds secrets. */
export async function callWecom(
  line: HttpDeps,
  url: string,
  payload?: Payload,
  limitBytes = answerLimitBytes,
): Promise<ApiReply | NoReply> {
  try {
    const response = await line.fetch(url, {
      ...(payload !== undefined && post(payload)),
      ...fetchOptionsOf(line),
      signal: AbortSignal.timeout(line.timeoutMs + slowness(payload)),
    })
    const text = await readText(response.body ?? [], limitBytes)
    return (response.status === 200 ? parseAnswer(text) : undefined) ?? { kind: 'status', status: response.status }
  } catch (error) {
    return noReplyOf(error)
  }
}

/** What all requests have: the way out, and no redirects. */
export function fetchOptionsOf({ proxy, ca }: HttpDeps): BunFetchRequestInit {
  return { redirect: 'manual', ...(proxy !== undefined && { proxy }), ...(ca !== undefined && { tls: { ca } }) }
}

/** Where a call goes to. */
export function urlOf(origin: string, path: string, query: Readonly<Record<string, string>>): string {
  return `${origin}/cgi-bin/${path}?${new URLSearchParams(query).toString()}`
}

/** A body of JSON. */
export function json(body: string): Payload {
  return { type: 'application/json', body }
}

/** With a length of its own a body that comes piece by piece is sent as it comes, and not in chunked encoding. */
function post({ type, body }: Payload): BunFetchRequestInit {
  if (typeof body === 'string') return { method: 'POST', headers: { 'content-type': type }, body }
  const headers = { 'content-type': type, 'content-length': String(body.bytes) }
  return { method: 'POST', headers, body: body.open() }
}

function slowness(payload: Payload | undefined): number {
  const bytes = typeof payload?.body === 'object' ? payload.body.bytes : 0
  return Math.ceil((bytes / slowestBytesPerSecond) * 1_000)
}

/** A short text; empty when it is longer than the limit. */
export async function readText(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limitBytes = answerLimitBytes,
): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of body) {
    bytes += piece.length
    if (bytes > limitBytes) return ''
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

/** WeCom's word in a text; undefined when it is something else. */
export function parseAnswer(text: string): ApiReply | undefined {
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null) return undefined
  const fields: Readonly<Record<string, unknown>> = { ...value }
  const { errcode, errmsg } = fields
  if (typeof errcode !== 'number' || !Number.isInteger(errcode)) return undefined
  return { kind: 'answer', errcode, errmsg: typeof errmsg === 'string' ? errmsg.slice(0, errmsgChars) : '', fields }
}

/**
 * Codes of Bun and OpenSSL that say that not one byte of the request has left. EPROTO is not among them: it comes for a
 * failed handshake, and for a record that breaks after the request too.
 */
const neverLeft =
  /^(?:ConnectionRefused|ECONNREFUSED|FailedToOpenSocket|ENOTFOUND|EAI_AGAIN|ERR_PROXY|ERR_TLS|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/

/** What a failed request was. Messages of such errors tell the URL, so only the code is taken. */
export function noReplyOf(error: unknown): Extract<NoReply, { kind: 'broken' }> {
  // The code of a DOMException, such as a timeout, is a number and says nothing to anybody.
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  // That of a proxy which opens no tunnel.
  const status = error instanceof Error && 'status' in error ? ` ${String(error.status)}` : ''
  const reason = code === '' ? 'no answer in time' : `${code}${status}`
  return { kind: 'broken', reason, mayHaveLeft: !neverLeft.test(code) }
}
