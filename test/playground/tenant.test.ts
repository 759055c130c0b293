import { afterEach, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { decrypt } from '@wecom/crypto'
import { createTenant, type TenantOptions } from '../../src/playground/tenant/tenant.ts'
import { createLog, realWorld } from '../../src/world.ts'
import {
  type Answer,
  type Envelope,
  encodingAESKey,
  type Received,
  serveCallbacks,
  stream,
  token,
} from './callback-server.ts'

const world = realWorld(
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

async function tenantOf(
  answer: (received: Received) => Answer | Promise<Answer>,
  options: Partial<TenantOptions> = {},
  spoil?: (envelope: Envelope) => unknown,
) {
  const server = serveCallbacks(answer, spoil)
  const tenant = await createTenant(world, { callbackUrl: server.url, token, encodingAESKey, refreshMs: 5, ...options })
  open.push(server, tenant)
  return { server, tenant }
}

/** Answers the n-th callback with the n-th text. The last one finishes the stream. */
function growing(...texts: string[]) {
  let turn = -1
  return () => {
    turn = Math.min(turn + 1, texts.length - 1)
    return stream(texts[turn] ?? '', turn === texts.length - 1)
  }
}

test('tenant: a bubble is refreshed until it is finished', async () => {
  const { server, tenant } = await tenantOf(growing('<think></think>', '你', '你好', '你好！'))
  const bubble = await tenant.say({ userid: '007zhang', text: '在吗' }).finished
  expect(bubble.frames.map(frame => frame.content)).toEqual(['<think></think>', '你', '你好', '你好！'])
  expect(bubble.state).toBe('finished')
  expect(new Set(server.received.map(received => received.msgid)).size).toBe(4)
  expect(server.received.map(received => received.msgtype)).toEqual(['text', 'stream', 'stream', 'stream'])
  expect(server.received[1]).not.toHaveProperty('response_url')
  expect(tenant.ledger.seen({ userid: '007zhang' })).toMatchObject([
    { kind: 'frame-final', text: '你好！', msgid: bubble.msgid },
  ])
  expect(tenant.violations()).toEqual([])
})

test('tenant: the raw bodies of a bubble can be decrypted by a test', async () => {
  const { tenant } = await tenantOf(growing('', 'done'))
  const bubble = await tenant.say({ userid: 'lisi', text: 'hi' }).finished
  const plain = bubble.captured.map(({ raw }) => JSON.parse(decrypt(encodingAESKey, JSON.parse(raw).encrypt).message))
  expect(plain).toEqual([stream('', false), stream('done', true)])
})

test('tenant: a group message reaches the bot only with a mention', async () => {
  const { server, tenant } = await tenantOf(growing('ok'))
  await tenant.say({ userid: 'lisi', chatid: 'wrGroup', text: '@助手 hi' }).finished
  expect((await tenant.say({ userid: 'lisi', chatid: 'wrGroup', text: 'hi' }).finished).state).toBe('dropped')
  expect(server.received).toHaveLength(1)
  expect(server.received[0]).toMatchObject({ chattype: 'group', chatid: 'wrGroup', from: { userid: 'lisi' } })
  expect(tenant.ledger.seen({ chatid: 'wrGroup' })).toHaveLength(1)
  expect(tenant.ledger.seen({ userid: 'lisi' })).toHaveLength(0)
})

test('tenant: an unanswered message is delivered three times', async () => {
  const { server, tenant } = await tenantOf(() => new Response('', { status: 503 }), { retryAfterMs: 10 })
  const bubble = await tenant.say({ userid: 'lisi', text: 'hi' }).finished
  expect(bubble.state).toBe('lost')
  expect(server.received.map(received => received.msgid)).toEqual([bubble.msgid, bubble.msgid, bubble.msgid])
})

test('tenant: a late answer is ignored, that to the retry is accepted', async () => {
  const late = Promise.withResolvers<Answer>()
  const answers = [late.promise, stream('second', true)]
  const { tenant } = await tenantOf(() => answers.shift(), { retryAfterMs: 30 })
  const bubble = await tenant.say({ userid: 'lisi', text: 'hi' }).finished
  late.resolve(stream('first', true))
  expect(bubble.captured.map(exchange => exchange.status)).toEqual([0, 200])
  expect(bubble.text).toBe('second')
})

test('tenant: a fourth message is dropped while three are open', async () => {
  const { tenant } = await tenantOf(() => stream('', false))
  const bubbles = ['a', 'b', 'c', 'd'].map(text => tenant.say({ userid: 'lisi', text }))
  await bubbles[3]?.finished
  expect(bubbles.map(bubble => bubble.state)).toEqual(['sending', 'sending', 'sending', 'dropped'])
  expect(tenant.say({ userid: 'zhangsan', text: 'e' }).state).toBe('sending')
})

test('tenant: a bubble that never finishes expires with its window', async () => {
  const { tenant } = await tenantOf(() => stream('half', false), { windowMs: 60 })
  const bubble = await tenant.say({ userid: 'lisi', text: 'hi' }).finished
  expect(bubble.state).toBe('expired')
  expect(tenant.ledger.entries).toMatchObject([{ kind: 'frame-expired', text: 'half' }])
})

test('tenant: polling can be stopped, done by hand and resumed', async () => {
  const { server, tenant } = await tenantOf(growing('a', 'ab', 'abc'), { refreshMs: 1000 })
  const bubble = await tenant.say({ userid: 'lisi', text: 'hi' }).opened
  bubble.stopPolling()
  await bubble.pollOnce()
  expect(bubble.text).toBe('ab')
  expect(server.received).toHaveLength(2)
  bubble.resumePolling()
  await bubble.finished
  expect(bubble.text).toBe('abc')
})

test('tenant: the empty packet opens no bubble', async () => {
  const { tenant } = await tenantOf(() => undefined)
  expect((await tenant.say({ userid: 'lisi', text: 'hi' }).finished).state).toBe('silent')
  expect(tenant.violations()).toEqual([])
})

test('tenant: entering a chat is reported once a day', async () => {
  const { server, tenant } = await tenantOf(() => ({ msgtype: 'text', text: { content: '欢迎' } }))
  expect(await tenant.enterChat('lisi')).toBe('欢迎')
  expect(await tenant.enterChat('lisi')).toBeUndefined()
  expect(server.received).toHaveLength(1)
  expect(tenant.ledger.seen({ userid: 'lisi' })).toMatchObject([{ kind: 'welcome', text: '欢迎' }])
})

test('tenant: the console accepts only a URL that returns the exact echo', async () => {
  const { tenant } = await tenantOf(() => undefined)
  expect(await tenant.verifyUrl()).toEqual({ ok: true })
  const quoting = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('"echo"') })
  const other = await createTenant(world, { callbackUrl: quoting.url.href, token, encodingAESKey })
  open.push(other, { close: () => void quoting.stop(true) })
  expect((await other.verifyUrl()).ok).toBe(false)
})

test('tenant: hostile callbacks can be made by hand', async () => {
  const { server, tenant } = await tenantOf(() => undefined)
  const { query, body } = tenant.seal('{"msgtype":"text"}')
  expect((await tenant.rawPost(body, query)).status).toBe(200)
  expect((await tenant.rawPost(body, query.replace('nonce=', 'nonce=1'))).status).toBe(401)
  expect(server.received).toHaveLength(1)
})

test('tenant: strict mode rejects at the first violation', async () => {
  const { tenant } = await tenantOf(() => stream('', true), { strict: true })
  const error = await tenant.say({ userid: 'lisi', text: 'hi' }).finished.catch((thrown: unknown) => thrown)
  expect(String(error)).toContain('shows nothing')
})

test("tenant: changing a stream's id or finished text is a violation", async () => {
  const answers = [stream('a', false), { msgtype: 'stream', stream: { id: 'st_2', content: 'ab', finish: true } }]
  const { tenant } = await tenantOf(() => answers.shift() ?? stream('abc', true))
  const bubble = await tenant.say({ userid: 'lisi', text: 'hi' }).finished
  await bubble.pollOnce()
  expect(tenant.violations()).toEqual([
    'the stream changed its id from st_1 to st_2',
    'the frame changed after it was finished',
  ])
})

const png = Buffer.from('89504e470d0a1a0a', 'hex')
const image = (raw: Buffer, md5 = createHash('md5').update(raw).digest('hex')) => ({
  msgtype: 'image',
  image: { base64: raw.toString('base64'), md5 },
})

const bodies: [string, object, string | undefined][] = [
  ['a finished stream', stream('ok', true), undefined],
  ['exactly 20,480 bytes', stream('a'.repeat(20_480), true), undefined],
  ['a picture at the end', stream('ok', true, { msg_item: [image(png)] }), undefined],
  ['a feedback id', stream('ok', true, { feedback: { id: 'trace_1' } }), undefined],
  ['20,481 bytes', stream('a'.repeat(20_481), true), 'more than 20480'],
  ['text as an answer to a message', { msgtype: 'text', text: { content: 'x' } }, 'not a legal answer'],
  ['markdown as an answer to a message', { msgtype: 'markdown', markdown: { content: 'x' } }, 'not a legal answer'],
  ['no stream id', stream('ok', true, { id: '' }), 'stream.id'],
  ['finish as a text', stream('ok', true, { finish: 'true' }), 'stream.finish'],
  ['no content', stream('ok', true, { content: null }), 'stream.content'],
  ['an invisible end', stream('<think></think> \u200b', true), 'shows nothing'],
  ['a picture before the end', stream('ok', false, { msg_item: [image(png)] }), 'finish frame only'],
  ['eleven pictures', stream('ok', true, { msg_item: Array.from({ length: 11 }, () => image(png)) }), 'at most 10'],
  ['a picture with a wrong md5', stream('ok', true, { msg_item: [image(png, 'x')] }), 'a wrong md5'],
  ['a picture that is a GIF', stream('ok', true, { msg_item: [image(Buffer.from('GIF89a'))] }), 'neither PNG nor JPEG'],
  ['a long feedback id', stream('ok', true, { feedback: { id: 'x'.repeat(257) } }), 'feedback.id'],
]

for (const [name, body, violation] of bodies) {
  test(`tenant: ${name} is ${violation === undefined ? 'fine' : 'a violation'}`, async () => {
    const { tenant } = await tenantOf(() => body, { refreshMs: 60_000 })
    const bubble = await tenant.say({ userid: 'lisi', text: 'hi' }).opened
    bubble.stopPolling()
    if (violation === undefined) expect(tenant.violations()).toEqual([])
    else expect(tenant.violations().join()).toContain(violation)
  })
}

const envelopes: [string, (envelope: Envelope) => unknown, string][] = [
  ['another nonce', envelope => ({ ...envelope, nonce: '1' }), 'nonce'],
  ['a timestamp that is a text', envelope => ({ ...envelope, timestamp: String(envelope.timestamp) }), 'timestamp'],
  [
    'a timestamp in milliseconds',
    envelope => ({ ...envelope, timestamp: Number(envelope.timestamp) * 1000 }),
    'timestamp',
  ],
  ['a wrong signature', envelope => ({ ...envelope, msgsignature: 'x' }), 'msgsignature'],
  [
    'msg_signature for msgsignature',
    ({ msgsignature, ...rest }) => ({ ...rest, msg_signature: msgsignature }),
    'msgsignature',
  ],
  ['a broken cipher', envelope => ({ ...envelope, encrypt: 'AAAA' }), 'cannot be decrypted'],
  ['no cipher', () => ({}), 'no encrypt'],
  ['a JSON text', () => 'success', 'neither empty nor a JSON object'],
]

for (const [name, spoil, violation] of envelopes) {
  test(`tenant: an envelope with ${name} is a violation`, async () => {
    const { tenant } = await tenantOf(() => stream('ok', true), {}, spoil)
    await tenant.say({ userid: 'lisi', text: 'hi' }).opened
    expect(tenant.violations().join()).toContain(violation)
  })
}
