import { type AnyElysia, Elysia } from 'elysia'
import { callbackPaths } from '../domain/callback-path.ts'
import type { Endpoint, HttpAnswer, HttpRequest } from '../domain/endpoint.ts'
import { limits } from '../domain/limits.ts'
import { WecomdError } from '../errors.ts'

export interface Listener {
  /** Where it really listens, such as `http://0.0.0.0:8780`. */
  readonly url: string
  /** Accepts nothing new, lets the requests under way end. */
  stop(): Promise<void>
  /** Cuts what is still under way. */
  abort(): void
}

/** Where callback URLs may be. Those that no account has are 404, but a wrong method is reported first. */
const places = [...callbackPaths('bot', ':account', true), ...callbackPaths('app', ':account', true)]
/** Each by its name: what only `all` catches is lost for a Host of one to three letters, which Elysia takes for the path. */
const otherMethods = ['HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']

/**
 * The listener that the internet reaches: callbacks and nothing else. Whatever is wrong gets a status and no word. A
 * request goes to what `find` has at its path at that moment.
 */
export function startPublicListener(
  address: { host: string; port: number },
  find: (path: string) => Endpoint | undefined,
): Listener {
  const app = new Elysia({ strictPath: true }).onError(
    ({ code }) => new Response(null, { status: code === 'NOT_FOUND' ? 404 : 500 }),
  )
  for (const place of places) {
    addRoute(app, place, find)
    for (const method of otherMethods) app.route(method, place, notAllowed, { parse: 'none' })
  }
  return listen(app, address)
}

function notAllowed(): Response {
  return new Response(null, { status: 405, headers: { allow: 'GET, POST' } })
}

function addRoute(app: AnyElysia, place: string, find: (path: string) => Endpoint | undefined): void {
  // A place without a parameter has no params either, whatever their type says.
  const answer = async (params: object | undefined, request: HttpRequest): Promise<Response> => {
    const account = params !== undefined && 'account' in params ? String(params.account) : ''
    const endpoint = find(place.replace(':account', () => account))
    return endpoint === undefined ? new Response(null, { status: 404 }) : toResponse(await endpoint.handle(request))
  }
  app
    .get(place, ({ request, params }) => answer(params, { method: 'GET', query: queryOf(request.url), body: '' }))
    .post(
      place,
      ({ request, params, body }) =>
        answer(params, { method: 'POST', query: queryOf(request.url), body: typeof body === 'string' ? body : '' }),
      { parse: 'text' },
    )
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

function hintOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : ''
  if (code === 'EACCES') return 'this user may not listen there; ports below 1024 need a privilege'
  if (code !== 'EADDRINUSE') return 'this host has no such address; set server.host or admin.host'
  return 'another process has this port; set server.port or admin.port'
}

/** Starts any Elysia app on an address; `port_in_use` when that cannot be, whyever. */
export function listen(
  app: AnyElysia,
  address: { host: string; port: number },
  maxBodyBytes: number = limits.callbackBodyBytes,
): Listener {
  try {
    app.listen({
      hostname: address.host,
      port: address.port,
      maxRequestBodySize: maxBodyBytes,
      idleTimeout: 30,
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
