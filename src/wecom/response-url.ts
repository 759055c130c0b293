import type { Outcome } from '../domain/delivery.ts'
import type { Fetch } from '../world.ts'

export interface ResponseUrlOptions {
  readonly fetch: Fetch
  readonly timeoutMs: number
  readonly proxy?: string
  readonly ca?: string
  /** Origin of the API, such as a private deployment's or a simulator's. */
  readonly apiBaseUrl: string
  /** Further hosts that may be called. */
  readonly moreHosts: readonly string[]
}

/** The answer is `{"errcode":0,"errmsg":"ok"}`; more than this is not from the platform. */
const answerLimitChars = 64 * 1024

/** Posts markdown to a response_url (page 101138): plain JSON, no token, one body per URL. Never rejects. */
export function createResponsePoster(options: ResponseUrlOptions): (url: string, content: string) => Promise<Outcome> {
  return async (url, content) => {
    if (!isAllowed(url, options)) {
      return {
        outcome: 'refused',
        errmsg: 'the host is not allowed',
        hint: 'add it to network.mediaHosts if it is yours',
      }
    }
    try {
      const response = await options.fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ msgtype: 'markdown', markdown: { content } }),
        redirect: 'manual',
        signal: AbortSignal.timeout(options.timeoutMs),
        ...(options.proxy !== undefined && { proxy: options.proxy }),
        ...(options.ca !== undefined && { tls: { ca: options.ca } }),
      })
      return readAnswer(response.status, await response.text())
    } catch (error) {
      return outcomeOfFailure(error)
    }
  }
}

function isAllowed(url: string, options: ResponseUrlOptions): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, host, hostname } = new URL(url)
  const base = new URL(options.apiBaseUrl)
  if (host === base.host) return protocol === base.protocol
  if (protocol !== 'https:') return false
  return (
    hostname === 'qyapi.weixin.qq.com' ||
    hostname.endsWith('.myqcloud.com') ||
    options.moreHosts.some(more => isHost(more, host))
  )
}

/** `*.` at the beginning stands for any number of labels. */
function isHost(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern
}

/** HTTP is 200 for refusals too; only the integer errcode counts, and -1 says that nothing was done. */
function readAnswer(status: number, body: string): Outcome {
  const errcode = status === 200 && body.length < answerLimitChars ? errcodeOf(body) : undefined
  if (errcode === undefined) {
    const isOurs = status >= 300 && status < 500
    return { outcome: isOurs ? 'refused' : 'unknown', errmsg: `HTTP ${status} without an errcode` }
  }
  const errmsg = errmsgOf(body)
  if (errcode === 0) return { outcome: 'delivered', errcode, errmsg }
  return { outcome: errcode === -1 ? 'retry' : 'refused', errcode, errmsg }
}

function errcodeOf(body: string): number | undefined {
  const value = field(body, 'errcode')
  return typeof value === 'number' && Number.isInteger(value) ? value : undefined
}

function errmsgOf(body: string): string {
  const value = field(body, 'errmsg')
  return typeof value === 'string' ? value.slice(0, 300) : ''
}

function field(body: string, name: string): unknown {
  try {
    const answer: unknown = JSON.parse(body)
    return typeof answer === 'object' && answer !== null ? Reflect.get(answer, name) : undefined
  } catch {
    return undefined // not the platform's JSON: the caller treats it as no answer
  }
}

/** Codes of Bun and OpenSSL that say that not one byte of the request has left. */
const neverLeft =
  /^(?:ConnectionRefused|ECONNREFUSED|FailedToOpenSocket|ENOTFOUND|EAI_AGAIN|ERR_PROXY|ERR_TLS|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/

function outcomeOfFailure(error: unknown): Outcome {
  // The code of a DOMException, such as a timeout, is a number and says nothing to anybody.
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  const errmsg = code === '' ? 'no answer in time' : code
  if (neverLeft.test(code))
    return { outcome: 'retry', errmsg, hint: 'is WeCom reachable from this host (proxy, DNS, firewall)?' }
  return { outcome: 'unknown', errmsg }
}
