import { type AnyElysia, Elysia } from 'elysia'
import { callbackPaths } from '../domain/callback-path.ts'
import type { Endpoint, HttpAnswer, HttpRequest } from '../domain/endpoint.ts'
import { limits } from '../domain/limits.ts'
import { WecomdError } from '../errors.ts'

export interface Listener {
  /** The address it listens on, such as `http://0.0.0.0:8780`, with the real port. */
  readonly url: string
  /** Stops accepting requests and waits for those in progress. */
  stop(): Promise<void>
  /** Closes the connections of requests in progress. */
  abort(): void
}

/** A request that no account answers: nothing has this URL, the method is not one of callbacks, or the body is too large. */
export interface StrangeRequest {
  readonly status: 404 | 405 | 413
  readonly path: string
}

/** All possible callback URLs. A wrong method answers 405 on every one of them, then an unused URL answers 404. */
const paths = [...callbackPaths('bot', ':account', true), ...callbackPaths('app', ':account', true)]
/** Listed one by one because Elysia's `all` fails if the Host header has one to three letters: it mistakes the host for the path. */
const otherMethods = ['PUT', 'DELETE', 'PATCH', 'OPTIONS']

/**
 * Starts the listener that is reachable from the internet. It serves callbacks only, and error responses have no body, so that
 * strangers learn nothing. `find` is called for every request, because a reload can change the callback URLs.
 */
export function startPublicListener(
  address: { host: string; port: number },
  find: (path: string) => Endpoint | undefined,
  onStranger: (request: StrangeRequest) => void,
): Listener {
  const refuse = (cause: StrangeRequest['status'], { url, headers }: Request): Response => {
    const status = isTooLarge(headers) ? 413 : cause
    onStranger({ status, path: URL.parse(url)?.pathname ?? '' })
    return new Response(null, { status, ...(status === 405 && { headers: { allow: 'GET, POST' } }) })
  }
  const app = new Elysia({ strictPath: true }).onError(async ({ code, request }) => {
    if (code !== 'NOT_FOUND') return new Response(null, { status: 500 })
    const meant = withoutExtraSlashes(request.url)
    return meant === undefined ? refuse(404, request) : await app.handle(new Request(meant, request))
  })
  for (const path of paths) {
    addRoute(app, path, find, refuse)
    for (const method of otherMethods) app.route(method, path, ({ request }) => refuse(405, request), { parse: 'none' })
  }
  return listen(app, address, refusedBodyBytes)
}

/** Bun answers a larger body itself, without a word in the log. */
const refusedBodyBytes = 64 * 1024 * 1024

/** The URL without slashes that a proxy or a person has added: doubled ones and one at the end of the path. */
function withoutExtraSlashes(url: string): string | undefined {
  const parsed = URL.parse(url)
  if (parsed === null) return undefined
  const path = parsed.pathname.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')
  if (path === parsed.pathname) return undefined
  parsed.pathname = path
  return parsed.href
}

function addRoute(
  app: AnyElysia,
  path: string,
  find: (path: string) => Endpoint | undefined,
  refuse: (status: StrangeRequest['status'], request: Request) => Response,
): void {
  // At runtime `params` is undefined for a path without parameters, although its type is not.
  const answer = async (params: object | undefined, request: Request, callback: HttpRequest): Promise<Response> => {
    const account = params !== undefined && 'account' in params ? String(params.account) : ''
    const endpoint = find(path.replace(':account', () => account))
    return endpoint === undefined ? refuse(404, request) : toResponse(await endpoint.handle(callback))
  }
  app
    // The health check of a load balancer. A response to HEAD has no body.
    .head(path, async ({ request, params }) => {
      if (queryOf(request.url) !== '') return refuse(405, request)
      const { status } = await answer(params, request, { method: 'GET', query: '', body: '' })
      return new Response(null, { status })
    })
    .get(path, ({ request, params }) =>
      answer(params, request, { method: 'GET', query: queryOf(request.url), body: '' }),
    )
    .post(
      path,
      async ({ request, params }) => {
        const body = await readBody(request)
        if (body === undefined) return refuse(413, request)
        return answer(params, request, { method: 'POST', query: queryOf(request.url), body })
      },
      { parse: 'none' },
    )
}

function isTooLarge(headers: Headers): boolean {
  return Number(headers.get('content-length') ?? 0) > limits.callbackBodyBytes
}

/** The body of a callback; undefined if it is too large. Nothing is read of one that says so. */
async function readBody(request: Request): Promise<string | undefined> {
  if (isTooLarge(request.headers)) return undefined
  if (request.headers.has('content-length')) return await request.text()
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length
    if (bytes > limits.callbackBodyBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function queryOf(url: string): string {
  const at = url.indexOf('?')
  return at === -1 ? '' : url.slice(at + 1)
}

function toResponse(answer: HttpAnswer): Response {
  const { status, body, contentType } = answer
  if (body === '') return new Response(null, { status })
  return new Response(body, { status, headers: { 'content-type': contentType ?? 'application/json' } })
}

/** Bun closes a connection that was idle for so long. Its limit is 255. */
const idleSeconds = 120

function hintOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : ''
  if (code === 'EACCES') return 'permission denied; ports below 1024 require a privileged user'
  if (code !== 'EADDRINUSE') return 'this host does not have this address; set server.host or admin.host'
  return 'another process uses this port; set server.port or admin.port'
}

/** Starts an Elysia app on an address. Throws `port_in_use` if that fails, for whatever reason; the hint names it. */
export function listen(app: AnyElysia, address: { host: string; port: number }, maxBodyBytes: number): Listener {
  try {
    app.listen({
      hostname: address.host,
      port: address.port,
      maxRequestBodySize: maxBodyBytes,
      // Longer than any proxy keeps an idle connection, so that it never sends a callback on one that we close.
      idleTimeout: idleSeconds,
      reusePort: false,
    })
  } catch (cause) {
    throw new WecomdError('port_in_use', `cannot listen on ${address.host}:${address.port}`, {
      hint: hintOf(cause),
      cause,
    })
  }
  const port = app.server?.port ?? address.port
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return {
    url: `http://${host}:${port}`,
    stop: async () => {
      await app.server?.stop()
    },
    abort: () => void app.server?.stop(true),
  }
}
