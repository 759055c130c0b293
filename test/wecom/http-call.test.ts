import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { callWecom, json, type HttpDeps, urlOf } from '../../src/wecom/api/http.ts'
import { createResponsePoster } from '../../src/wecom/api/response-url.ts'
import { createRobot } from '../../src/wecom/api/robot.ts'
import { fetch } from './api-rig.ts'
import { type Answered, openRawWecom, type RawWecom } from './raw-wecom.ts'

let wecom: RawWecom
const opened: RawWecom[] = []
afterAll(() => opened.forEach(one => one.close()))
beforeEach(async () => {
  wecom = await openRawWecom()
  opened.push(wecom)
})

const http: HttpDeps = { fetch, timeoutMs: 2_000 }
const call = (answer: Answered, more: Partial<HttpDeps> = {}) => {
  wecom.on('x', () => answer)
  return callWecom({ ...http, ...more }, urlOf(wecom.origin, 'x', { access_token: 'T&=' }), json('{"a":1}'))
}

test('http-call: POST with a payload, otherwise GET; the query is escaped', async () => {
  await call({ errcode: 0 })
  await callWecom(http, urlOf(wecom.origin, 'y', {}))
  expect(wecom.asked.map(({ method, path, query, body }) => [method, path, query, body.toString()])).toEqual([
    ['POST', 'x', { access_token: 'T&=' }, '{"a":1}'],
    ['GET', 'y', {}, ''],
  ])
})

describe('answers', () => {
  test('http-call: a body with an integer errcode is an answer', async () => {
    const answer = { errcode: 60011, errmsg: 'no', more: [1] }
    expect(await call(answer)).toEqual({ kind: 'answer', errcode: 60011, errmsg: 'no', fields: answer })
  })

  const raw = [
    '{"errcode":0,"errmsg":"ok\u0007"}',
    '{"errcode":0,\r\n\t"errmsg":"o\nk\u0000"}',
    '{"errcode":0,"errmsg":"\u001b[1mok\u009b"}',
  ]
  for (const body of raw) {
    test(`http-call: raw control characters in ${JSON.stringify(body)} are harmless`, async () => {
      expect(await call(Buffer.from(body))).toMatchObject({ kind: 'answer', errcode: 0 })
    })
  }

  const none = [{ errcode: '0' }, { errcode: 0.5 }, {}, [], Buffer.from('null'), Buffer.from(''), Buffer.from('<html>')]
  for (const answer of none) {
    const words = Buffer.isBuffer(answer) ? `"${answer.toString()}"` : JSON.stringify(answer)
    test(`http-call: HTTP 200 with ${words} is not an answer`, async () => {
      expect(await call(answer)).toEqual({ kind: 'status', status: 200 })
    })
  }

  test('http-call: an oversized body is not an answer and not read whole', async () => {
    let written = 0
    const flood = createServer(socket => {
      socket.on('error', () => socket.destroy())
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n')
      const pour = () => {
        while (!socket.destroyed && written < 1_000_000_000) {
          written += 65_536
          if (!socket.write(Buffer.alloc(65_536, ' '))) return
        }
      }
      socket.on('drain', pour)
      pour()
    })
    await new Promise<void>(resolve => flood.listen(0, '127.0.0.1', resolve))
    const { port } = flood.address() as AddressInfo // it listens on TCP
    expect(await callWecom(http, `http://127.0.0.1:${port}/`)).toEqual({ kind: 'status', status: 200 })
    flood.close()
    expect(written).toBeLessThan(50_000_000)
  })
})

describe('no answer', () => {
  test('http-call: a redirect is not followed', async () => {
    expect(await call(302)).toEqual({ kind: 'status', status: 302 })
    expect(wecom.asked).toHaveLength(1)
  })

  test('http-call: a body that stalls times out', async () => {
    const stuck = createServer(socket => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"errcode":0'))
    await new Promise<void>(resolve => stuck.listen(0, '127.0.0.1', resolve))
    const { port } = stuck.address() as AddressInfo // it listens on TCP
    const answer = await callWecom({ ...http, timeoutMs: 80 }, `http://127.0.0.1:${port}/`)
    stuck.close()
    expect(answer).toEqual({ kind: 'broken', reason: 'no answer in time', mayHaveArrived: true })
  })

  test('http-call: a request without an answer may have arrived', async () => {
    const silence = { kind: 'broken', reason: 'no answer in time', mayHaveArrived: true } as const
    expect(await call('hang', { timeoutMs: 60 })).toEqual(silence)
    expect(await call('reset')).toEqual({ ...silence, reason: 'ECONNRESET' })
  })

  test('http-call: an unreachable host never received the request', async () => {
    const { origin } = wecom
    wecom.close()
    const silence = { kind: 'broken', reason: 'ECONNREFUSED', mayHaveArrived: false } as const
    expect(await callWecom(http, `${origin}/x?access_token=T`)).toEqual(silence)
    const nowhere = await callWecom(http, 'http://wecom.invalid/x?access_token=T')
    expect(nowhere).toMatchObject({ kind: 'broken', mayHaveArrived: false })
  })

  test('http-call: only the code of an error is reported, never its message', async () => {
    const fail = () => Promise.reject(Object.assign(new Error('fetching "https://x/?access_token=T"'), { code: 'X_Y' }))
    const silence = { kind: 'broken', reason: 'X_Y', mayHaveArrived: true } as const
    expect(await callWecom({ ...http, fetch: fail }, 'https://x/?access_token=T')).toEqual(silence)
  })
})

describe('a connection that was forgotten on its way', () => {
  /** A server whose connections answer one request and then swallow everything, as after a firewall has dropped them. */
  async function openForgetful() {
    let requests = 0
    const server = createServer(socket => {
      let isUsed = false
      socket.on('error', () => {})
      socket.on('data', () => {
        if (isUsed) return
        isUsed = true
        requests++
        const body = '{"errcode":0,"errmsg":"ok"}'
        socket.write(
          `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        )
      })
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo // it listens on TCP
    opened.push({ ...wecom, close: () => server.close() })
    return { origin: `http://127.0.0.1:${port}`, requests: () => requests }
  }
  const robotDeps = (origin: string) => ({
    http: { ...http, timeoutMs: 500, apiBaseUrl: origin, moreHosts: [] },
    random: { bytes: (count: number) => new Uint8Array(count), fraction: () => 0.5 },
    openMedia: () => Promise.reject(new Error('no media here')),
  })
  const message = { kind: 'text', content: 'hi' } as const

  test('http-call: messages of a group robot do not use it', async () => {
    const { origin, requests } = await openForgetful()
    const robot = createRobot('key', robotDeps(origin))
    const outcomes = [await robot?.send(message), await robot?.send(message), await robot?.send(message)]
    expect(outcomes.map(outcome => outcome?.outcome)).toEqual(['delivered', 'delivered', 'delivered'])
    expect(requests()).toBe(3)
  })

  test('http-call: answers by response_url do not use it', async () => {
    const { origin } = await openForgetful()
    const post = createResponsePoster(robotDeps(origin).http)
    for (const n of [1, 2]) expect(await post(`${origin}/r${n}`, 'hi')).toMatchObject({ outcome: 'delivered' })
  })
})
