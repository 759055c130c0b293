import { afterAll, expect, test } from 'bun:test'
import { type ErrorCode, WecomdError } from '../../src/errors.ts'
import { startAdminListener } from '../../src/http/admin.ts'
import { keptLog } from '../wecom/api-rig.ts'

const { log, lines } = keptLog()
let thrown: unknown
const refuse = () => Promise.reject(thrown)
const api = {
  ready: refuse,
  status: refuse,
  metrics: refuse,
  trace: refuse,
  turns: refuse,
  send: refuse,
  delivery: refuse,
  dead: refuse,
  retryDead: refuse,
  dropDead: refuse,
}
const listener = startAdminListener({ host: '127.0.0.1', port: 0 }, () => 'token', api, log)
afterAll(() => listener.stop())

async function send(error: unknown) {
  thrown = error
  const response = await fetch(`${listener.url}/api/send`, {
    method: 'POST',
    headers: { authorization: 'Bearer token', 'content-type': 'application/json' },
    body: JSON.stringify({ to: 'user:a', text: 'x' }),
  })
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: await response.json() }
}

const codes: readonly [code: ErrorCode, status: number][] = [
  ['bad_target', 400],
  ['no_app', 400],
  ['group_blocked', 400],
  ['bad_message', 400],
  ['conflict', 409],
  ['overloaded', 429],
  ['store_failed', 503],
]
for (const [code, status] of codes) {
  test(`private: ${code} is ${status} with its message and hint`, async () => {
    expect(await send(new WecomdError(code, 'what failed', { hint: 'what to do' }))).toEqual({
      status,
      retryAfter: null,
      body: { error: { code, message: 'what failed', hint: 'what to do' } },
    })
  })
}

test('private: Retry-After is rounded up to whole seconds', async () => {
  expect((await send(new WecomdError('overloaded', 'full', { retryAfterMs: 29_001 }))).retryAfter).toBe('30')
})

test('private: an unexpected error is a bare 500, with details in the log', async () => {
  const { status, body } = await send(new Error('SECRET'))
  expect([status, JSON.stringify(body).includes('SECRET')]).toEqual([500, false])
  expect(body).toEqual({ error: { code: 'internal', message: 'internal error', hint: 'see the log for the cause' } })
  expect(lines.filter(line => line.includes('SECRET'))).toHaveLength(1)
})
