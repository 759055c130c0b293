import { beforeAll, describe, expect, test } from 'bun:test'
import * as official from '@wecom/crypto'
import { botKey, botToken } from '../scenarios/daemon.ts'
import { exchange, head, type RawAnswer } from './raw.ts'
import { SettableClock } from '../scenarios/settable-clock.ts'
import { shareDaemon } from '../scenarios/use-daemon.ts'

const daemon = shareDaemon()
const clock = new SettableClock()
const seconds = () => Math.floor(clock.now() / 1_000)
const salesToken = 'salesBotToken01'
const bot = (token: string) => ({ token, encodingAESKey: botKey })

beforeAll(async () => {
  const accounts = { sales: { bot: bot(salesToken) }, off: { enabled: false, bot: bot('offToken01') } }
  await daemon.open({ clock, config: { channels: { wecom: { bot: bot(botToken), accounts } } } })
})

const send = (line: string, headers: Readonly<Record<string, string>> = {}, body = '') =>
  exchange(daemon.app.publicUrl, head(line, headers) + body)
const get = (path: string) => send(`GET ${path}`)
const post = (path: string, body: string, headers: Readonly<Record<string, string>> = {}) =>
  send(`POST ${path}`, { 'Content-Length': String(Buffer.byteLength(body)), ...headers }, body)

interface Wrong {
  readonly timestamp?: number
  readonly token?: string
  readonly signature?: string
  readonly plain?: string
}

/** A callback like WeCom sends it, except for the given faults. */
function callback(wrong: Wrong = {}) {
  const { timestamp = seconds(), token = botToken } = wrong
  const payload = { msgid: `m${Math.random()}`, msgtype: 'event', event: { eventtype: 'unheard_of' } }
  const encrypt = official.encrypt(botKey, wrong.plain ?? JSON.stringify(payload), '')
  const signature = wrong.signature ?? official.getSignature(token, String(timestamp), 'n', encrypt)
  return {
    query: `msg_signature=${signature}&timestamp=${timestamp}&nonce=n`,
    body: JSON.stringify({ encrypt }),
    encrypt,
  }
}

/** Expects a response with a status but no body and no revealing header. */
function expectBare(answer: RawAnswer, status: number): void {
  expect([answer.status, answer.body]).toEqual([status, ''])
  const allowed = ['date', 'content-length', 'allow', 'connection']
  expect([...answer.headers.keys()].filter(name => !allowed.includes(name))).toEqual([])
}

describe('paths', () => {
  for (const path of ['/wecom', '/wecom/bot', '/wecom/bot/default', '/wecom/bot/sales', '/wecom?']) {
    test(`public: ${path} without a query answers "wecomd"`, async () => {
      const answer = await get(path)
      expect([answer.status, answer.body]).toEqual([200, 'wecomd'])
      expect([...answer.headers.keys()].toSorted()).toEqual(['content-length', 'content-type', 'date'])
    })
  }

  const slashed = ['//wecom', '/wecom/', '/wecom/bot/', '/wecom//bot/default', '///wecom///bot//sales//']
  for (const path of slashed) {
    test(`public: ${path} is the URL without the extra slashes`, async () => {
      expect((await get(path)).body).toBe('wecomd')
      const { query, body } = callback(path.includes('sales') ? { token: salesToken } : {})
      expect((await post(`${path}?${query}`, body)).status).toBe(200)
      expectBare(await post(`${path}?${callback({ token: 'other' }).query}`, callback({ token: 'other' }).body), 401)
    })
  }

  const nowhere = [
    '//',
    '//healthz',
    '/wecom//bot//nobody/',
    '/',
    '/healthz',
    '/readyz',
    '/metrics',
    '/api/status',
    '/WECOM',
    '/%77ecom',
    '/wecom/../healthz',
    '/wecom/%2e%2e/api/status',
    '/wecom/..%2fwecom',
    '/wecom%2fbot',
    '/wecom;x',
    '/wecom/bot/default/x',
    '/wecom/bot/DEFAULT',
    '/wecom/bot/nobody',
    '/wecom/bot/off',
    '/wecom/bot/__proto__',
    '/wecom/agent',
    '/wecom/agent/default',
  ]
  for (const path of nowhere) {
    test(`public: ${path} is a bare 404`, async () => {
      expectBare(await get(path), 404)
      expectBare(await post(`${path}?${callback().query}`, callback().body), 404)
    })
  }

  for (const host of ['a', 'ab.c', '', 'x/wecom', '[::1]', 'evil.example:80']) {
    test(`public: the Host header does not matter: "${host}"`, async () => {
      expect((await send('GET /wecom', { Host: host })).body).toBe('wecomd')
      expectBare(await send('GET /nothing', { Host: host }), 404)
      expectBare(await send('PUT /wecom', { Host: host }), 405)
      const { query, body } = callback()
      expect((await post(`/wecom?${query}`, body, { Host: host })).status).toBe(200)
    })
  }
})

describe('methods', () => {
  test('public: HEAD without a query answers like GET, without the body', async () => {
    for (const path of ['/wecom', '/wecom/bot', '/wecom/bot/sales', '/wecom/bot/'])
      expectBare(await send(`HEAD ${path}`), 200)
    for (const path of ['/wecom/bot/nobody', '/wecom/agent', '/nothing']) expectBare(await send(`HEAD ${path}`), 404)
    const answer = await send('HEAD /wecom?a=1')
    expectBare(answer, 405)
    expect(answer.headers.get('allow')).toBe('GET, POST')
  })

  for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    test(`public: ${method} on a callback URL is a 405`, async () => {
      const paths = ['/wecom', '/wecom/bot', '/wecom/bot/sales', '/wecom/bot/nobody', '/wecom/agent', '/wecom?a=1']
      for (const path of paths) {
        const answer = await send(`${method} ${path}`)
        expectBare(answer, 405)
        expect(answer.headers.get('allow')).toBe('GET, POST')
      }
      expectBare(await send(`${method} /nothing`), 404)
    })
  }

  test('public: a malformed request is a 400', async () => {
    expect((await exchange(daemon.app.publicUrl, 'NONSENSE\r\n\r\n')).status).toBe(400)
  })
})

const chunked = (bytes: number) => `${bytes.toString(16)}\r\n${'a'.repeat(bytes)}\r\n0\r\n\r\n`

describe('sizes', () => {
  const mebibyte = 1_048_576

  test('public: a body of 1 MiB is accepted, one byte more is a 413', async () => {
    expectBare(await post('/wecom?a=1', 'a'.repeat(mebibyte)), 400)
    expectBare(await post('/wecom?a=1', 'a'.repeat(mebibyte + 1)), 413)
  })

  test('public: the size limit also applies to chunked bodies', async () => {
    const headers = { 'Transfer-Encoding': 'chunked' }
    expectBare(await send('POST /wecom?a=1', headers, chunked(mebibyte)), 400)
    expectBare(await send('POST /wecom?a=1', headers, chunked(mebibyte + 1)), 413)
  })

  test('public: a body that is too large leaves a warning', async () => {
    await post('/wecom/bot?a=1', 'a'.repeat(mebibyte + 1))
    const lines = daemon.log.map(line => JSON.parse(line)).filter(({ msg }) => msg.includes('larger than 1 MiB'))
    expect(lines.map(({ level, hint }) => [level, typeof hint])).toEqual([['warn', 'string']])
  })

  test('public: the size is checked before method and account', async () => {
    const headers = { 'Content-Length': String(mebibyte + 1) }
    for (const line of ['PUT /wecom', 'POST /wecom/bot/nobody', 'DELETE /wecom/bot/nobody']) {
      expectBare(await send(line, headers, 'a'.repeat(mebibyte + 1)), 413)
    }
  })
})

describe('callbacks', () => {
  const { query, body, encrypt } = callback()
  const [signature, timestamp, nonce] = query.split('&')
  const refused: readonly [what: string, query: string, body: string, status: number][] = [
    ['no query at all', '', body, 400],
    ['no signature', `${timestamp}&${nonce}`, body, 400],
    ['no timestamp', `${signature}&${nonce}`, body, 400],
    ['no nonce', `${signature}&${timestamp}`, body, 400],
    ['an empty signature', `msg_signature=&${timestamp}&${nonce}`, body, 400],
    ['a doubled signature', `${query}&${signature}`, body, 400],
    ['a doubled timestamp', `${query}&timestamp=1`, body, 400],
    ['a doubled nonce', `${query}&nonce=n`, body, 400],
    ['a timestamp that is not a number', `${signature}&timestamp=now&${nonce}`, body, 401],
    ['an empty body', query, '', 400],
    ['a body that is not JSON', query, '{"encrypt":', 400],
    ['a body of JSON without the envelope', query, '{"encrypt":7}', 400],
    ['XML, as sent to apps', query, `<xml><Encrypt><![CDATA[${encrypt}]]></Encrypt></xml>`, 400],
    ['a body other than the signed one', query, callback().body, 401],
    ['a wrong signature', `msg_signature=${'0'.repeat(40)}&${timestamp}&${nonce}`, body, 401],
  ]
  for (const [what, query, body, status] of refused) {
    test(`public: ${what} is ${status}`, async () => {
      expectBare(await post(query === '' ? '/wecom' : `/wecom?${query}`, body), status)
    })
  }

  test('public: checks run in order: parameters, envelope, time, signature', async () => {
    const old = seconds() - 400
    const stale = callback({ timestamp: old, token: 'wrong' })
    expectBare(await post(`/wecom?${stale.query}&nonce=n`, 'garbage'), 400)
    expectBare(await post(`/wecom?${stale.query}`, 'garbage'), 400)
    expectBare(await post(`/wecom?${stale.query}`, stale.body), 401)
    expectBare(await post(`/wecom?${stale.query}`, JSON.stringify({ encrypt: 'bm90IHJlYWxseQ==' })), 401)
    const now = seconds()
    const encrypt = Buffer.alloc(64, 7).toString('base64')
    const signature = official.getSignature(botToken, String(now), 'n', encrypt)
    const query = `msg_signature=${signature}&timestamp=${now}&nonce=n`
    expectBare(await post(`/wecom?${query}`, JSON.stringify({ encrypt })), 400)
  })

  test("public: a callback is verified with its own account's token", async () => {
    const sales = callback({ token: salesToken })
    expectBare(await post(`/wecom/bot/default?${sales.query}`, sales.body), 401)
    expectBare(await post(`/wecom/bot/sales?${sales.query}`, sales.body), 200)
  })

  test('public: a timestamp may be off by 300 s in both directions', async () => {
    const now = seconds()
    for (const [offset, status] of [
      [-290, 200],
      [290, 200],
      [-310, 401],
      [310, 401],
    ] as const) {
      const { query, body } = callback({ timestamp: now + offset })
      expectBare(await post(`/wecom?${query}`, body), status)
    }
  })

  test('public: an unknown payload is answered with an empty 200', async () => {
    for (const plain of ['not json', '[]', '{}', '{"msgid":7}']) {
      const { query, body } = callback({ plain })
      expectBare(await post(`/wecom?${query}`, body), 200)
    }
  })

  test('public: the content type does not matter, since proxies change it', async () => {
    for (const type of [
      'application/xml',
      'multipart/form-data; boundary=x',
      'application/x-www-form-urlencoded',
      'x',
    ]) {
      const { query, body } = callback()
      expectBare(await post(`/wecom?${query}`, body, { 'Content-Type': type }), 200)
    }
  })

  test('public: an echostr is returned byte for byte as plain text', async () => {
    const echo = ' 1234567890123456789 \n'
    const now = String(seconds())
    const echostr = official.encrypt(botKey, echo, '')
    const signature = official.getSignature(botToken, now, 'n', echostr)
    const path = `/wecom?msg_signature=${signature}&timestamp=${now}&nonce=n&echostr=${encodeURIComponent(echostr)}`
    const answer = await get(path)
    expect([answer.status, answer.body]).toEqual([200, echo])
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expectBare(await get(`${path}&echostr=x`), 400)
    expectBare(await get(path.replace(/&echostr=.*/, '')), 400)
  })
})
