import { timingSafeEqual } from 'node:crypto'
import { Elysia, ParseError, t, ValidationError } from 'elysia'
import { type ErrorCode, messageOf, WecomdError } from '../errors.ts'
import type { Log } from '../world.ts'
import { BodyError, checkBody, readJsonBody } from './json-body.ts'
import { type Listener, listen } from './public.ts'
import { type SendBody, sendBody } from './send.ts'

/** The operations of the private listener. `app/admin.ts` implements them. */
export interface AdminApi {
  ready(): Promise<{ ready: boolean; components: unknown }>
  status(): Promise<unknown>
  metrics(): Promise<string>
  /** Resolves to undefined for an unknown id. */
  trace(id: string): Promise<unknown>
  /** Lists turns. `query` is as it was sent. */
  turns(query: Readonly<Record<string, string>>): Promise<unknown>
  /** Accepts a message for sending and resolves to the id of its delivery. Throws a WecomdError if it cannot be sent. */
  send(body: SendBody): Promise<{ id: string }>
  /** Resolves to undefined for an unknown id. */
  delivery(id: string): Promise<unknown>
  /** Lists the dead letters. */
  dead(): Promise<unknown>
  /** This and `dropDead` throw `not_found` for a delivery that is not a dead letter. */
  retryDead(id: string): Promise<{ id: string }>
  dropDead(id: string): Promise<{ id: string }>
}

const maxBodyBytes = 32 * 1024 * 1024

/**
 * Starts the private listener: health and metrics without a token, and the API with one. `token` is a function because a reload
 * can change the token.
 */
export function startAdminListener(
  address: { host: string; port: number },
  token: () => string,
  api: AdminApi,
  log: Log,
): Listener {
  const routes = new Elysia({ prefix: '/api', normalize: false })
    // Authorize before the body is parsed and validated; `beforeHandle` runs after that. `onParse` runs only with a body.
    .onParse(({ headers }) => authorize(headers['authorization'], token()))
    .onTransform(({ headers }) => authorize(headers['authorization'], token()))
    .get('/status', () => api.status())
    .get('/trace/:id', async ({ params, set }) => (await api.trace(params.id)) ?? missing(set), { params: idParam })
    .get('/turns', ({ query }) => api.turns(onlyTexts(query)))
    .get('/deliveries/:id', async ({ params, set }) => (await api.delivery(params.id)) ?? missing(set), {
      params: idParam,
    })
    .post(
      '/send',
      async ({ body, set }) => {
        set.status = 202
        return api.send(checkBody(sendBody, body))
      },
      { parse: ({ request }) => readJsonBody(request) },
    )
    .get('/dead', async () => ({ dead: await api.dead() }))
    .post(
      '/dead/:id/retry',
      async ({ params, set }) => {
        set.status = 202
        return api.retryDead(params.id)
      },
      { params: idParam },
    )
    .delete('/dead/:id', ({ params }) => api.dropDead(params.id), { params: idParam })
  const app = new Elysia({ normalize: false })
    .onError(({ code, error, set }) => describeError(String(code), error, set, log))
    .get('/healthz', () => ({ alive: true }))
    .get('/readyz', async ({ set }) => {
      const readiness = await api.ready()
      if (!readiness.ready) set.status = 503
      return readiness
    })
    .get('/metrics', async ({ set }) => {
      set.headers['content-type'] = 'text/plain; version=0.0.4; charset=utf-8'
      return api.metrics()
    })
    .use(routes)
  return listen(app, address, maxBodyBytes)
}

const idParam = t.Object({ id: t.String({ maxLength: 300 }) })

/** A parameter that is given twice counts as not given. */
function onlyTexts(query: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(query).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  )
}

type ErrorText = readonly [code: string, message: string, hint?: string]
/** The part of a response that error handling sets. */
interface ResponseSettings {
  status?: number | string
  readonly headers: Record<string, string | number>
}

const errors: Readonly<Record<string, readonly [status: number, ...ErrorText]>> = {
  NOT_FOUND: [404, 'not_found', 'there is no such endpoint', 'see docs/operation.md'],
  PARSE: [400, 'bad_request', 'the body is not valid JSON', 'send a JSON object'],
}

const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  unauthorized: 401,
  not_found: 404,
  bad_target: 400,
  no_app: 400,
  group_blocked: 400,
  bad_message: 400,
  conflict: 409,
  ambiguous: 409,
  overloaded: 429,
  store_failed: 503,
}

function missing(set: ResponseSettings) {
  set.status = 404
  return failure('not_found', 'unknown id', 'use a msgid, an idempotencyKey, or the id of a turn or delivery')
}

function describeError(code: string, error: unknown, set: ResponseSettings, log: Log) {
  const ours = error instanceof ParseError ? error.cause : error // Elysia wraps errors thrown in `onParse`
  if (ours instanceof WecomdError) return describeWecomdError(ours, set)
  if (error instanceof BodyError) {
    set.status = 400
    const { message, path } = error
    return { error: { code: 'bad_request', message, hint: 'docs/operation.md describes the request', path } }
  }
  if (error instanceof ValidationError) {
    set.status = 400
    const [path, message] = firstProblem(error)
    return { error: { code: 'bad_request', message, hint: 'docs/operation.md describes the request', path } }
  }
  const known = errors[code]
  if (known === undefined) log.error('a request to the private listener failed', { error: messageOf(error) })
  const [status, ...text] = known ?? [500, 'internal', 'internal error', 'see the log for the cause']
  set.status = status
  return failure(...text)
}

function describeWecomdError(error: WecomdError, set: ResponseSettings) {
  const { code, message, hint, retryAfterMs } = error
  set.status = statuses[code] ?? 500
  if (retryAfterMs !== undefined) set.headers['retry-after'] = String(Math.ceil(retryAfterMs / 1000))
  return failure(code, message, hint)
}

/** The path and the message of the first validation error, without the invalid value. */
function firstProblem(error: ValidationError): [path: string, message: string] {
  const { valueError } = error
  const path = valueError?.path.slice(1).replaceAll('/', '.') ?? ''
  return [path, `${path === '' ? 'the body' : path}: ${valueError?.message ?? 'is invalid'}`]
}

function failure(...[code, message, hint]: ErrorText) {
  return { error: { code, message, ...(hint !== undefined && { hint }) } }
}

function authorize(header: string | undefined, token: string): void {
  const given = Buffer.from(/^Bearer (.*)$/i.exec(header ?? '')?.[1] ?? '')
  const wanted = Buffer.from(token)
  // An empty token matches nothing, or a request without one would be let in.
  if (token !== '' && given.length === wanted.length && timingSafeEqual(given, wanted)) return
  throw new WecomdError('unauthorized', 'missing or wrong bearer token', {
    hint: 'the token is admin.token, or in the file admin-token of the state folder',
  })
}
