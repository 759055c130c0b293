import { expect, test } from 'bun:test'
import * as official from '@wecom/crypto'
import type { Reply } from '../../src/domain/message.ts'
import { WecomdError } from '../../src/errors.ts'
import { vector } from '../crypto/vectors.ts'
import { encodingAESKey, hello, openReply, post, setUp, signed, start, token } from './peer.ts'

test('endpoint: a GET without a query answers `wecomd`', async () => {
  const { endpoint, events } = setUp()
  const answer = await endpoint.handle({ method: 'GET', query: '', body: '' })
  expect(answer).toEqual({ status: 200, body: 'wecomd', contentType: 'text/plain; charset=utf-8' })
  expect(events).toEqual([])
})

test('endpoint: URL verification returns the exact echostr', async () => {
  for (const message of ['4711223344556677889', '  "你好"\n', '\ufeff1']) {
    const { endpoint, events } = setUp()
    const query = signed(official.encrypt(encodingAESKey, message, ''), { echo: true })
    const answer = await endpoint.handle({ method: 'GET', query, body: '' })
    expect(answer).toEqual({ status: 200, body: message, contentType: 'text/plain; charset=utf-8' })
    expect(events).toEqual([
      { kind: 'callback', account: 'default', surface: 'bot', type: 'echo', result: 'ok', at: start, tookMs: 0 },
    ])
  }
})

test('endpoint: the echostr is verified with raw pluses, too', async () => {
  const { encrypt, nonce, timestamp, signature, message } = vector('bot-echostr')
  const query = `msg_signature=${signature}&timestamp=${timestamp}&nonce=${nonce}&echostr=${encrypt}`
  const { endpoint } = setUp()
  expect((await endpoint.handle({ method: 'GET', query, body: '' })).body).toBe(message)
})

test("endpoint: the reply has the callback's nonce and a numeric timestamp", async () => {
  const frame = { streamId: 's1', content: '<think></think>', finish: false }
  const { endpoint, received, clock } = setUp({}, () => Promise.resolve({ kind: 'stream', frame }))
  clock.time += 1500
  const answer = await endpoint.handle(post(hello, { nonce: 'n 1/+"' }))
  expect(answer).toMatchObject({ status: 200, contentType: 'application/json' })
  expect(openReply(answer.body)).toEqual({
    payload: { msgtype: 'stream', stream: { id: 's1', finish: false, content: '<think></think>' } },
    id: '',
    timestamp: 1_780_000_001,
    nonce: 'n 1/+"',
  })
  expect(received).toMatchObject([{ kind: 'message', inbound: { sender: 'ZhangSan', receivedAt: start + 1500 } }])
})

test('endpoint: the vector reply is reproduced byte for byte', async () => {
  const { message, encrypt, signature, timestamp, nonce, random } = vector('bot-stream-reply')
  const { stream } = JSON.parse(message) as { stream: { id: string; content: string; finish: boolean } }
  const reply: Reply = {
    kind: 'stream',
    frame: { streamId: stream.id, content: stream.content, finish: stream.finish },
  }
  const { endpoint, clock } = setUp({}, () => Promise.resolve(reply), random)
  clock.time = Number(timestamp) * 1000
  const answer = await endpoint.handle(post(hello, { timestamp, nonce }))
  expect(JSON.parse(answer.body)).toEqual({ encrypt, msgsignature: signature, timestamp: Number(timestamp), nonce })
})

test('endpoint: an empty reply is an empty body', async () => {
  const { endpoint } = setUp()
  expect(await endpoint.handle(post(hello))).toEqual({ status: 200, body: '' })
})

test('endpoint: an envelope with a capital Encrypt is accepted', async () => {
  const { endpoint, received } = setUp()
  const request = post(hello)
  await endpoint.handle({ ...request, body: request.body.replace('"encrypt"', '"Encrypt"') })
  expect(received).toHaveLength(1)
})

const good = post(hello)
const sealed = official.encrypt(encodingAESKey, '{}', '')
const old = { timestamp: String(start / 1000 - 301) }
const wrongToken = { token: 'stranger' }
const garbage = (encrypt: string, more = {}) => ({
  ...good,
  query: signed(encrypt, more),
  body: JSON.stringify({ encrypt }),
})
const truncated = Buffer.from(sealed, 'base64').subarray(16).toString('base64')
const get = (query: string) => ({ method: 'GET' as const, query, body: '' })

const refused: readonly [string, Parameters<ReturnType<typeof setUp>['endpoint']['handle']>[0], number][] = [
  ['a POST without a query', { ...good, query: '' }, 400],
  ['a POST without a nonce', { ...good, query: good.query.replace('nonce', 'once') }, 400],
  ['a POST with a doubled nonce', { ...good, query: `${good.query}&nonce=n0nce` }, 400],
  ['a malformed escape', { ...good, query: good.query.replace('n0nce', '%zz') }, 400],
  ['a GET without an echostr', get(signed(sealed)), 400],
  ['an empty body', { ...good, body: '' }, 400],
  ["XML on the Bot's path", { ...good, body: ' <xml><Encrypt><![CDATA[x]]></Encrypt></xml>' }, 400],
  ['a body that is null', { ...good, body: 'null' }, 400],
  ['a body that is a list', { ...good, body: '["encrypt"]' }, 400],
  ['an encrypt that is a number', { ...good, body: '{"encrypt":1}' }, 400],
  ['an empty encrypt', { ...good, body: '{"encrypt":""}' }, 400],
  ['an invalid envelope that is also late', { ...good, query: signed('x', old), body: '{' }, 400],
  ['a timestamp 301 s in the past', post(hello, old), 401],
  ['a timestamp 301 s in the future', post(hello, { timestamp: String(start / 1000 + 301) }), 401],
  ['a timestamp that is not a number', post(hello, { timestamp: 'now' }), 401],
  ['a timestamp in hexadecimal', post(hello, { timestamp: `0x${(start / 1000).toString(16)}` }), 401],
  ['a signature by another token', post(hello, wrongToken), 401],
  ['a signature over another text', { ...good, query: signed('something else') }, 401],
  ['an invalid signature', { ...good, query: good.query.replace(/msg_signature=\w+/, 'msg_signature=x') }, 401],
  ['unsigned garbage', garbage('garbage', wrongToken), 401],
  ['an unsigned verification', get(signed(sealed, { echo: true, ...wrongToken })), 401],
  ['signed garbage', garbage('garbage'), 400],
  ['a ciphertext without its last block', garbage(truncated), 400],
  ['a ciphertext for another key', garbage(vector('agent-text-callback').encrypt), 400],
  ['a verification with garbage', get(signed('garbage', { echo: true })), 400],
]

for (const [what, request, status] of refused) {
  test(`endpoint: ${what} is answered ${status}`, async () => {
    const { endpoint, received, events } = setUp()
    expect(await endpoint.handle(request)).toEqual({ status, body: '' })
    expect(received).toEqual([])
    expect(events.at(-1)).toMatchObject({ kind: 'callback', type: 'unreadable', result: 'rejected' })
  })
}

test('endpoint: a timestamp is accepted up to 300 s off', async () => {
  for (const off of [-300, 300]) {
    const { endpoint } = setUp()
    expect((await endpoint.handle(post(hello, { timestamp: String(start / 1000 + off) }))).status).toBe(200)
  }
})

test('endpoint: only a wrong signature counts as signature failure', async () => {
  const { endpoint, events } = setUp()
  await endpoint.handle(post(hello, old))
  await endpoint.handle(garbage('garbage'))
  expect(events.some(event => event.kind === 'refused' && event.cause === 'signature')).toBe(false)
  await endpoint.handle(post(hello, wrongToken))
  expect(events.slice(-2)).toMatchObject([
    { kind: 'refused', cause: 'signature', account: 'default', at: start },
    { kind: 'callback' },
  ])
})

test('endpoint: a configured receiveid must match; otherwise any is accepted', async () => {
  const strict = setUp({ receiveId: 'suite1' })
  expect((await strict.endpoint.handle(post(hello, { id: 'suite1' }))).status).toBe(200)
  expect((await strict.endpoint.handle(post(hello, { id: 'suite2' }))).status).toBe(400)
  expect((await strict.endpoint.handle(post(hello))).status).toBe(400)
  const open = setUp({}, () => Promise.resolve({ kind: 'text', content: 'hi' }))
  await open.endpoint.handle(post(hello, { id: 'suite3' }))
  const answer = await open.endpoint.handle(post(hello, { id: 'suite3' }))
  expect(openReply(answer.body)).toMatchObject({ id: 'suite3', payload: { msgtype: 'text', text: { content: 'hi' } } })
  expect(open.lines).toHaveLength(1)
})

test('endpoint: an invalid payload gets an empty answer and is logged', async () => {
  const { endpoint, lines, events } = setUp()
  expect(await endpoint.handle(post({ msgtype: 'text' }))).toEqual({ status: 200, body: '' })
  expect(lines).toMatchObject([{ level: 'warn', msg: 'ignored a callback with an invalid payload' }])
  expect(events).toMatchObject([{ type: 'unhandled', result: 'ok' }])
})

test('endpoint: an unknown type is logged once', async () => {
  const { endpoint, lines, clock } = setUp()
  const kinds = ['sticker', 'sticker', 'hologram', 'sticker', 'hologram']
  for (const msgtype of kinds) {
    clock.time += 100_000
    const timestamp = String(Math.floor(clock.time / 1000))
    expect((await endpoint.handle(post({ ...hello, msgtype }, { timestamp }))).status).toBe(200)
  }
  expect(lines.map(line => line.fields)).toMatchObject([{ type: 'sticker' }, { type: 'hologram' }])
})

test('endpoint: many made-up types do not flood the log', async () => {
  const { endpoint, lines } = setUp()
  for (let kind = 0; kind < 500; kind++) await endpoint.handle(post({ ...hello, msgtype: `kind${kind}` }))
  expect(lines.length).toBeLessThanOrEqual(200)
})

type Faults = Parameters<typeof post>[1]

const causes: readonly [string, Faults | ReturnType<typeof post>, object][] = [
  ['parameters', { ...good, query: 'msg_signature=x&nonce=n' }, { cause: 'parameters' }],
  ['the envelope', { ...good, body: '{"hello":1}' }, { cause: 'envelope' }],
  ['an envelope of the app', { ...good, body: '<xml></xml>' }, { cause: 'xml' }],
  [
    'a clock that is 8 h off',
    { timestamp: String(start / 1000 - 28_800) },
    { cause: 'timestamp', offSeconds: -28_800 },
  ],
  ['the token', wrongToken, { cause: 'signature' }],
  ['the EncodingAESKey', garbage(vector('agent-text-callback').encrypt), { cause: 'bad_cipher' }],
]

for (const [what, how, expected] of causes) {
  test(`endpoint: a refusal because of ${what} is logged and reported with its cause and a hint`, async () => {
    const { endpoint, lines, events } = setUp()
    await endpoint.handle(how !== undefined && 'body' in how ? how : post(hello, how))
    expect(events[0]).toMatchObject({ kind: 'refused', account: 'default', surface: 'bot', at: start, ...expected })
    expect(lines).toMatchObject([{ level: 'warn', fields: { account: 'default', hint: expect.any(String) } }])
    expect(lines[0]?.msg).toStartWith('callback rejected: ')
  })
}

test('endpoint: each cause has its own line a minute', async () => {
  const { endpoint, lines } = setUp()
  for (let round = 0; round < 3; round++) {
    await endpoint.handle(post(hello, wrongToken))
    await endpoint.handle({ method: 'POST', query: '', body: good.body })
  }
  expect(lines.map(({ msg }) => msg)).toEqual([
    'callback rejected: wrong signature',
    'callback rejected: a parameter of the URL is missing or doubled',
  ])
})

test('endpoint: a verification by WeCom is an info line', async () => {
  const { endpoint, lines } = setUp()
  await endpoint.handle({
    method: 'GET',
    query: signed(official.encrypt(encodingAESKey, '4711', ''), { echo: true }),
    body: '',
  })
  expect(lines).toMatchObject([
    { level: 'info', msg: 'WeCom verified the callback URL', fields: { account: 'default', surface: 'bot' } },
  ])
})

test('endpoint: invalid requests log one line a minute', async () => {
  const { endpoint, lines, clock } = setUp()
  for (let request = 0; request < 120; request++) {
    await endpoint.handle(post(hello, { ...wrongToken, timestamp: String(Math.floor(clock.time / 1000)) }))
    clock.time += 1000
  }
  expect(lines).toHaveLength(2)
})

test('endpoint: callbacks of another aibotid are answered and logged once', async () => {
  const { endpoint, lines, received } = setUp({ aibotid: 'aib1' })
  for (const aibotid of ['aib1', 'aib2', 'aib3']) await endpoint.handle(post({ ...hello, aibotid }))
  expect(received).toHaveLength(3)
  expect(lines).toHaveLength(1)
})

test('endpoint: a failing store answers 503, any other error 500', async () => {
  const failures: readonly [Error, number][] = [
    [new WecomdError('store_failed', 'disk full'), 503],
    [new WecomdError('network', 'no route'), 500],
    [new TypeError('our bug'), 500],
  ]
  for (const [failure, status] of failures) {
    const { endpoint, lines, events } = setUp({}, () => Promise.reject(failure))
    expect(await endpoint.handle(post(hello))).toEqual({ status, body: '' })
    expect(lines).toMatchObject([{ level: 'error', fields: { account: 'default', reason: failure.message } }])
    expect(events).toMatchObject([{ type: 'message', result: 'failed' }])
  }
})

test('endpoint: no log line contains users, text or secrets', async () => {
  const { endpoint, lines } = setUp({ aibotid: 'aib1' }, () => Promise.reject(new Error('x')))
  const strange = { ...hello, aibotid: 'aib2', msgtype: 'image' }
  for (const request of [post(hello), post(hello, wrongToken), post(strange, { id: 'ww1' })])
    await endpoint.handle(request)
  const log = JSON.stringify(lines)
  for (const secret of ['ZhangSan', '机密', token, encodingAESKey, 'n0nce']) expect(log).not.toContain(secret)
  expect(lines.length).toBeGreaterThan(3)
})

test('endpoint: an invalid key is refused at creation', () => {
  expect(() => setUp({ encodingAESKey: 'short' })).toThrow('has 5 characters instead of 43')
})
