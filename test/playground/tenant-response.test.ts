import { afterEach, expect, test } from 'bun:test'
import { createTenant } from '../../src/playground/tenant/tenant.ts'
import { createLog, realWorld, type World } from '../../src/world.ts'
import { encodingAESKey, serveCallbacks, stream, token } from './callback-server.ts'

const real = realWorld(
  createLog(
    () => {},
    () => 0,
    { level: 'error', format: 'json' },
  ),
)
const open: { close(): void }[] = []

afterEach(() => {
  for (const one of open.splice(0)) one.close()
})

async function answered(chatid?: string) {
  let laterMs = 0
  const clock = { ...real.clock, now: () => real.clock.now() + laterMs }
  const world: World = { ...real, clock }
  const server = serveCallbacks(() => stream('ok', true))
  const tenant = await createTenant(world, { callbackUrl: server.url, token, encodingAESKey })
  open.push(server, tenant)
  const saying = { userid: 'lisi', text: '@助手 hi' }
  const bubble = await tenant.say(chatid === undefined ? saying : { ...saying, chatid }).finished
  return { tenant, bubble, url: bubble.responseUrl ?? '', passMs: (ms: number) => void (laterMs += ms) }
}

async function post(url: string, body: object | string) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(url, { method: 'POST', body: text, keepalive: false })
  return {
    status: response.status,
    ...((await response.json().catch(() => ({}))) as { errcode?: number; errmsg?: string }),
  }
}

const markdown = (content: string) => ({ msgtype: 'markdown', markdown: { content } })

test('tenant: a markdown to a response_url is shown as an answer', async () => {
  const { tenant, bubble, url } = await answered()
  expect(await post(url, markdown('全文'))).toEqual({ status: 200, errcode: 0, errmsg: 'ok' })
  const again = await post(url, markdown('全文'))
  expect(again.errcode).not.toBe(0)
  expect(again.errmsg).toMatch(/^.+, hint: \[\d{20,}\], from ip: \S+, more info at https:\S+$/)
  expect(tenant.ledger.seen({ userid: 'lisi' }).filter(entry => entry.kind === 'markdown')).toMatchObject([
    { text: '全文', msgid: bubble.msgid },
  ])
})

test('tenant: a response_url is valid for an hour', async () => {
  const { url, passMs } = await answered()
  expect((await post(url.replace(/=.*/, '=nope'), markdown('x'))).errcode).not.toBe(0)
  passMs(3_600_000)
  expect((await post(url, markdown('x'))).errcode).not.toBe(0)
})

test('tenant: a rejected body does not use up the response_url', async () => {
  const { tenant, url } = await answered()
  expect((await post(url, { msgtype: 'stream', stream: {} })).errcode).toBe(40008)
  expect((await post(url, 'not json')).errmsg).toContain('Warning: wrong json format.')
  expect((await post(url, markdown(''))).errcode).toBe(44004)
  expect((await post(url, markdown('a'.repeat(20_481)))).errcode).toBe(45002)
  expect((await post(url, markdown('a'.repeat(20_480)))).errcode).toBe(0)
  expect(tenant.responses.posts.map(({ errcode }) => errcode)).toEqual([40008, 47001, 44004, 45002, 0])
})

test('tenant: a card is for single chats only', async () => {
  const card = { msgtype: 'template_card', template_card: { card_type: 'text_notice' } }
  expect((await post((await answered('wrGroup')).url, card)).errcode).not.toBe(0)
  expect((await post((await answered()).url, card)).errcode).toBe(0)
})

test('tenant: a reset before the effect keeps the response_url', async () => {
  const { tenant, url } = await answered()
  tenant.responses.fail({ when: 'before', how: 'reset' }, url)
  expect(await post(url, markdown('x')).catch((error: unknown) => error)).toBeInstanceOf(Error)
  expect((await post(url, markdown('x'))).errcode).toBe(0)
})

test('tenant: a reset after the effect uses up the response_url', async () => {
  const { tenant, url } = await answered()
  tenant.responses.fail({ when: 'after', how: 'reset' }, url)
  expect(await post(url, markdown('x')).catch((error: unknown) => error)).toBeInstanceOf(Error)
  expect((await post(url, markdown('x'))).errcode).not.toBe(0)
  expect(tenant.ledger.entries.filter(entry => entry.kind === 'markdown')).toHaveLength(1)
})

test('tenant: a response_url can answer 502 or late', async () => {
  const { tenant, url } = await answered()
  tenant.responses.fail({ when: 'before', how: 502 })
  tenant.responses.fail({ when: 'before', how: 200, delayMs: 20 })
  expect((await post(url, markdown('x'))).status).toBe(502)
  expect((await post(url, markdown('x'))).errcode).toBe(0)
})
