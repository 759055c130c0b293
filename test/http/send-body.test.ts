import { afterAll, describe, expect, test } from 'bun:test'
import { startAdminListener } from '../../src/http/admin.ts'
import type { SendBody } from '../../src/http/send.ts'
import { keptLog } from '../wecom/api-rig.ts'

const { log, lines } = keptLog()
const unused = () => Promise.reject(new Error('not called here'))
const sent: SendBody[] = []
const api = {
  ready: unused,
  status: unused,
  metrics: unused,
  trace: unused,
  turns: unused,
  async send(body: SendBody) {
    sent.push(body)
    return { id: 'send_1' }
  },
  delivery: unused,
  dead: unused,
  retryDead: unused,
  dropDead: unused,
}
const listener = startAdminListener({ host: '127.0.0.1', port: 0 }, () => 'token', api, log)
afterAll(() => listener.stop())

async function post(body: string | Uint8Array<ArrayBuffer>, type = 'application/json', token = 'token') {
  const headers = { authorization: `Bearer ${token}`, 'content-type': type }
  const response = await fetch(`${listener.url}/api/send`, { method: 'POST', headers, body })
  const { error } = (await response.json()) as {
    error?: { code: string; message: string; hint?: string; path?: string }
  }
  return { status: response.status, ...error }
}

/** `{"to":"user:a","text":"中文"}` with the text in GBK. */
const gbk = Buffer.concat([
  Buffer.from('{"to":"user:a","text":"'),
  Buffer.from([0xd6, 0xd0, 0xce, 0xc4]),
  Buffer.from('"}'),
])

describe('the bytes of a request to send', () => {
  test('private: bytes that are not UTF-8 are refused, and the hint says how to name them', async () => {
    const { status, code, message, hint } = await post(gbk)
    expect([status, code, message]).toEqual([400, 'bad_message', 'the body is not valid UTF-8'])
    expect(hint).toContain('charset=gbk')
    expect(sent).toEqual([])
  })

  for (const type of [
    'application/json; charset=gbk',
    'application/json;charset="GB2312"',
    'text/json; charset=gb18030',
  ]) {
    test(`private: with ${type} they are decoded`, async () => {
      expect(await post(gbk, type)).toEqual({ status: 202 })
      expect(sent.splice(0)).toEqual([{ to: 'user:a', text: '中文' }])
    })
  }

  test('private: UTF-8 is the default, with or without a mark at its beginning', async () => {
    for (const type of ['application/json', 'application/json; charset=utf-8', 'text/plain', '']) {
      expect(await post('\ufeff{"to":"user:a","text":"中文"}', type)).toEqual({ status: 202 })
    }
    expect(sent.splice(0)).toHaveLength(4)
  })

  test('private: an unknown charset and half a character are refused', async () => {
    expect(await post('{}', 'application/json; charset=nope')).toMatchObject({
      status: 400,
      message: 'the body is not valid NOPE',
    })
    expect(await post(gbk.subarray(0, -4), 'application/json; charset=gbk')).toMatchObject({ status: 400 })
  })

  test('private: without the token the body is not read', async () => {
    expect(await post(gbk, 'application/json', 'wrong')).toMatchObject({ status: 401, code: 'unauthorized' })
  })
})

describe('values of another type than expected', () => {
  const odd: readonly unknown[] = [null, true, 5, '', [], {}, [1], { toString: 1 }, { constructor: { prototype: 1 } }]
  const article = { title: 't', url: 'https://a.cn' }
  const fields: readonly (readonly [
    path: string,
    put: (value: unknown) => object,
    allowed: (value: unknown) => boolean,
  ])[] = [
    ['to', value => ({ to: value, text: 'x' }), () => false],
    ['account', value => ({ to: 'user:a', text: 'x', account: value }), () => false],
    ['text', value => ({ to: 'user:a', text: value }), () => false],
    ['markdown', value => ({ to: 'user:a', markdown: value }), () => false],
    [
      'card',
      value => ({ to: 'user:a', card: value }),
      value => typeof value === 'object' && value !== null && !Array.isArray(value),
    ],
    ['news', value => ({ to: 'user:a', news: value }), () => false],
    ['news.0.title', value => ({ to: 'user:a', news: [{ ...article, title: value }] }), () => false],
    ['news.0.url', value => ({ to: 'user:a', news: [{ ...article, url: value }] }), () => false],
    [
      'news.0.description',
      value => ({ to: 'user:a', news: [{ ...article, description: value }] }),
      value => value === '',
    ],
    ['news.0.picurl', value => ({ to: 'user:a', news: [{ ...article, picurl: value }] }), value => value === ''],
    ['media', value => ({ to: 'user:a', media: value }), () => false],
    ['media.fileName', value => ({ to: 'user:a', media: { fileName: value, base64: 'eA==' } }), () => false],
    ['media.base64', value => ({ to: 'user:a', media: { fileName: 'a', base64: value } }), () => false],
    ['media.path', value => ({ to: 'user:a', media: { fileName: 'a', path: value } }), () => false],
    ['idempotencyKey', value => ({ to: 'user:a', text: 'x', idempotencyKey: value }), () => false],
  ]
  for (const [path, put, isAllowed] of fields) {
    test(`private: ${path} of another type is 400 with its path`, async () => {
      for (const value of odd.filter(one => !isAllowed(one))) {
        const answer = await post(JSON.stringify(put(value)))
        expect([value, answer.status, answer.path?.startsWith(path)]).toEqual([value, 400, true])
      }
    })
  }

  test('private: a body that is no object, or no JSON, is 400', async () => {
    for (const body of ['null', '[]', '5', '"x"', '{', '', '{"__proto__":1}', '{"to":"user:a","text":"x","nope":1}']) {
      expect([body, (await post(body)).status]).toEqual([body, 400])
    }
    expect(sent.splice(0)).toEqual([])
    expect(lines).toEqual([])
  })
})
