import { afterAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { MediaMessage } from '../../src/domain/delivery.ts'
import type { Fetch } from '../../src/world.ts'
import { bytesOf, checked, fetch, hello, openRig, robotKey, salesApp, toBob } from './api-rig.ts'
import { openForwardProxy } from './forward-proxy.ts'
import { type Asked, openRawWecom } from './raw-wecom.ts'

/** A self-signed certificate for localhost, and its key. */
const pem = await Bun.file(join(import.meta.dir, 'localhost.pem')).text()
const plain = await openRawWecom()
const tls = await openRawWecom({ key: pem, cert: pem })
const proxy = await openForwardProxy('us@er', 'p:w/ß')
const strict = await openForwardProxy('us@er', 'p:w/ß', false)
afterAll(() => [plain, tls, proxy, strict].forEach(one => one.close()))

const content = Buffer.alloc(300_000, 'wecomd ')
const file: MediaMessage = {
  kind: 'media',
  media: 'file',
  fileName: '报告.pdf',
  bytes: content.length,
  source: { kind: 'spool', file: 'x' },
}
for (const wecom of [plain, tls]) wecom.on('media/upload', () => ({ errcode: 0, media_id: 'M' }))

/** Secrets that must not appear outside a request. */
const secrets = ['us@er', 'us%40er', 'p:w', 'p%3Aw', salesApp.corpSecret, 'access_token', 'T1', robotKey]

function rigBehind(origin: string, proxyUrl?: string, ca?: string) {
  const openMedia = async () => bytesOf(content)
  const network = {
    apiBaseUrl: origin,
    moreHosts: [],
    timeoutMs: 5_000,
    ...(proxyUrl && { proxy: proxyUrl }),
    ...(ca && { ca }),
  }
  const rig = openRig(origin, { network, openMedia })
  return { ...rig, send: () => rig.platform.send('default', toBob, hello, checked) }
}

const isWhole = (one: Asked | undefined) =>
  one?.body.includes(content) === true &&
  one.headers.some(([name, value]) => name === 'content-length' && value === String(one.body.length)) &&
  !one.headers.some(([name]) => name === 'transfer-encoding' || name.startsWith('proxy-'))

describe('through a proxy', () => {
  const ways = [
    [
      'http',
      plain,
      undefined,
      (path: string) => `${path === 'gettoken' ? 'GET' : 'POST'} ${plain.origin}/cgi-bin/${path}`,
    ],
    ['https', tls, pem, () => `CONNECT ${new URL(tls.origin).host}`],
  ] as const
  for (const [what, wecom, ca, line] of ways) {
    test(`egress: every ${what} call uses the proxy with its credentials`, async () => {
      const { platform, send, lines: logged } = rigBehind(wecom.origin, proxy.url, ca)
      const [before, requestsBefore] = [proxy.passed.length, wecom.asked.length]
      expect(await send()).toMatchObject({ outcome: 'delivered' })
      const url = `${wecom.origin}/cgi-bin/aibot/response?response_code=x`
      expect(await platform.postResponse(url, 'x')).toMatchObject({ outcome: 'delivered' })
      expect(await platform.send('default', { kind: 'webhook', name: 'ops' }, hello, checked)).toMatchObject({
        outcome: 'delivered',
      })
      expect(wecom.asked.slice(requestsBefore).map(({ path }) => path)).toEqual([
        'gettoken',
        'message/send',
        'aibot/response',
        'webhook/send',
      ])
      const lines = ['gettoken', 'message/send', 'aibot/response', 'webhook/send'].map(line)
      expect(new Set(proxy.passed.slice(before))).toEqual(new Set(lines))
      expect(secrets.filter(secret => logged.join('\n').includes(secret))).toEqual([])
    })

    test(`egress: a proxied ${what} upload has a length and no chunked encoding`, async () => {
      const { platform } = rigBehind(wecom.origin, proxy.url, ca)
      expect(await platform.upload('default', toBob, file)).toEqual({ mediaId: 'M' })
      expect(isWhole(wecom.of('media/upload').at(-1))).toBe(true)
    })
  }

  for (const [what, wecom, ca] of ways) {
    test(`egress: a refusing ${what} proxy means retry and leaks no secret`, async () => {
      const requestsBefore = wecom.asked.length
      const { send, lines } = rigBehind(wecom.origin, strict.url, ca)
      const outcome = await send()
      expect(outcome).toMatchObject({ outcome: 'retry', hint: expect.stringContaining('proxy') })
      expect(wecom.asked).toHaveLength(requestsBefore)
      const output = JSON.stringify([outcome, lines])
      expect(secrets.filter(secret => output.includes(secret))).toEqual([])
    })
  }

  const refusals = [
    ['407 Proxy Authentication Required', /user and a password.*channels\.wecom\.network\.egressProxyUrl/],
    ['403 Forbidden', /^the proxy of channels\.wecom\.network\.egressProxyUrl refuses to connect to WeCom/],
    ['502 Bad Gateway', /^the proxy of channels\.wecom\.network\.egressProxyUrl refuses to connect to WeCom/],
  ] as const
  for (const [status, hint] of refusals) {
    test(`egress: a proxy's ${status} gives a hint`, async () => {
      const stubborn = Bun.listen({
        hostname: '127.0.0.1',
        port: 0,
        socket: { data: socket => void socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`) },
      })
      const { send, platform } = rigBehind(tls.origin, `http://127.0.0.1:${stubborn.port}`, pem)
      const outcomes = [await send(), await platform.postResponse(`${tls.origin}/x?response_code=x`, 'x')]
      stubborn.stop(true)
      const expected = { outcome: 'retry' as const, silent: true, errmsg: `ERR_PROXY_TUNNEL ${status.slice(0, 3)}` }
      for (const outcome of outcomes) expect(outcome).toEqual({ ...expected, hint: expect.stringMatching(hint) })
    })
  }

  test('egress: without a configured proxy there is no proxy option', async () => {
    const inits: (BunFetchRequestInit | undefined)[] = []
    const spy: Fetch = (url, init) => {
      inits.push(init)
      return fetch(url, init)
    }
    await openRig(plain.origin, { fetch: spy }).platform.send('default', toBob, hello, checked)
    expect(inits.map(init => [init !== undefined && 'proxy' in init, init?.redirect])).toEqual([
      [false, 'manual'],
      [false, 'manual'],
    ])
  })
})

describe('over TLS', () => {
  test('egress: a direct upload has a length and no chunked encoding', async () => {
    const { platform } = rigBehind(tls.origin, undefined, pem)
    expect(await platform.upload('default', toBob, file)).toEqual({ mediaId: 'M' })
    expect(isWhole(tls.of('media/upload').at(-1))).toBe(true)
  })

  test('egress: an untrusted certificate means retry, nothing sent', async () => {
    const requestsBefore = tls.asked.length
    const { send, lines, platform } = rigBehind(tls.origin)
    const outcome = await send()
    expect(await platform.postResponse(`${tls.origin}/x?response_code=x`, 'x')).toMatchObject({ outcome: 'retry' })
    expect(outcome).toMatchObject({ outcome: 'retry', errmsg: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    expect(tls.asked).toHaveLength(requestsBefore)
    const output = JSON.stringify([outcome, lines])
    expect(secrets.filter(secret => output.includes(secret))).toEqual([])
  })

  test('egress: a certificate for another host is refused without the URL', async () => {
    const other = tls.origin.replace('localhost', '127.0.0.1')
    const { send, platform } = rigBehind(other, undefined, pem)
    const outcomes = [await send(), await platform.postResponse(`${other}/x?response_code=x`, 'x')]
    expect(outcomes.map(one => one.outcome)).toEqual(['retry', 'retry'])
    expect(secrets.filter(secret => JSON.stringify(outcomes).includes(secret))).toEqual([])
  })
})
