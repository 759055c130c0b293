import type { MediaBytes } from '../domain/ports.ts'
import type { Fetch } from '../world.ts'

/** How calls to WeCom leave this host. */
export interface Line {
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
export interface Answer {
  readonly kind: 'answer'
  readonly errcode: number
  readonly errmsg: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** No word of WeCom: some server's HTTP status, or nothing. `mayHaveLeft` is false when not one byte of the request did. */
export type Silence =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'broken'; readonly reason: string; readonly mayHaveLeft: boolean }

/** Answers are a few hundred bytes; more than this is not from the platform. */
const answerLimitBytes = 64 * 1024
/** A body may take a second longer for each of these. */
const slowestBytesPerSecond = 128 * 1024
const errmsgChars = 300

/** One call to WeCom: a POST with a payload, else a GET. Never rejects, and says nothing of the URL, which holds secrets. */
export async function callWecom(
  line: Line,
  url: string,
  payload?: Payload,
  limitBytes = answerLimitBytes,
): Promise<Answer | Silence> {
  try {
    const response = await line.fetch(url, {
      ...(payload !== undefined && post(payload)),
      redirect: 'manual',
      signal: AbortSignal.timeout(line.timeoutMs + slowness(payload)),
      ...(line.proxy !== undefined && { proxy: line.proxy }),
      ...(line.ca !== undefined && { tls: { ca: line.ca } }),
    })
    const text = await readText(response, limitBytes)
    return (response.status === 200 ? parseAnswer(text) : undefined) ?? { kind: 'status', status: response.status }
  } catch (error) {
    return breakOf(error)
  }
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

/** Empty when it is longer than the limit. */
async function readText(response: Response, limitBytes: number): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.length
    if (bytes > limitBytes) return ''
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

function parseAnswer(text: string): Answer | undefined {
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null) return undefined
  const fields: Readonly<Record<string, unknown>> = { ...value }
  const { errcode, errmsg } = fields
  if (typeof errcode !== 'number' || !Number.isInteger(errcode)) return undefined
  return { kind: 'answer', errcode, errmsg: typeof errmsg === 'string' ? errmsg.slice(0, errmsgChars) : '', fields }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not the platform's JSON: the caller treats it as no answer
  }
}

/**
 * Codes of Bun and OpenSSL that say that not one byte of the request has left. EPROTO is not among them: it comes for a
 * failed handshake, and for a record that breaks after the request too.
 */
const neverLeft =
  /^(?:ConnectionRefused|ECONNREFUSED|FailedToOpenSocket|ENOTFOUND|EAI_AGAIN|ERR_PROXY|ERR_TLS|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/

/** Messages of such errors tell the URL, so only the code is taken. */
function breakOf(error: unknown): Silence {
  // The code of a DOMException, such as a timeout, is a number and says nothing to anybody.
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  return { kind: 'broken', reason: code === '' ? 'no answer in time' : code, mayHaveLeft: !neverLeft.test(code) }
}
