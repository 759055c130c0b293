import { timingSafeEqual } from 'node:crypto'
import { Elysia, t } from 'elysia'
import { type Listener, listen } from './public.ts'

/** What the private listener tells; `app.ts` knows it. */
export interface AdminDesk {
  ready(): Promise<{ ready: boolean; components: unknown }>
  status(): Promise<unknown>
  metrics(): Promise<string>
  /** Undefined when nothing is known by this id. */
  trace(id: string): Promise<unknown>
}

const maxBodyBytes = 32 * 1024 * 1024

/** The listener for administrators: health, metrics, and with the bearer token the API. */
export function startAdminListener(address: { host: string; port: number }, token: string, desk: AdminDesk): Listener {
  const api = new Elysia({ prefix: '/api' })
    .onBeforeHandle(({ headers, set }) => {
      if (isAuthorized(headers['authorization'], token)) return undefined
      set.status = 401
      return failure(
        'unauthorized',
        'this needs the bearer token',
        'it lies in the state folder in the file admin-token',
      )
    })
    .get('/status', () => desk.status())
    .get(
      '/trace/:id',
      async ({ params, set }) => {
        const found = await desk.trace(params.id)
        if (found !== undefined) return found
        set.status = 404
        return failure('not_found', 'nothing is known by this id', 'a msgid, the id of a turn or the id of a delivery')
      },
      { params: t.Object({ id: t.String({ maxLength: 300 }) }) },
    )
  const app = new Elysia()
    .onError(({ code, set }) => {
      const [status, ...said] = errors[String(code)] ?? [500, 'internal', 'this request failed', 'the log says why']
      set.status = status
      return failure(...said)
    })
    .get('/healthz', () => ({ alive: true }))
    .get('/readyz', async ({ set }) => {
      const readiness = await desk.ready()
      if (!readiness.ready) set.status = 503
      return readiness
    })
    .get('/metrics', async ({ set }) => {
      set.headers['content-type'] = 'text/plain; version=0.0.4; charset=utf-8'
      return desk.metrics()
    })
    .use(api)
  return listen(app, address, maxBodyBytes)
}

type Said = readonly [code: string, message: string, hint: string]
const errors: Readonly<Record<string, readonly [status: number, ...Said]>> = {
  NOT_FOUND: [404, 'not_found', 'there is nothing at this address', 'see docs/'],
  VALIDATION: [400, 'bad_request', 'the request is not as it should be', 'see docs/'],
  PARSE: [400, 'bad_request', 'the body cannot be read', 'send JSON'],
}

function failure(...[code, message, hint]: Said) {
  return { error: { code, message, hint } }
}

function isAuthorized(header: string | undefined, token: string): boolean {
  const given = Buffer.from(/^Bearer (.*)$/i.exec(header ?? '')?.[1] ?? '')
  const wanted = Buffer.from(token)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}
