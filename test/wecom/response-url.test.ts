import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { createResponsePoster, type ResponseUrlOptions } from '../../src/wecom/api/response-url.ts'
import { quietWorld } from '../scenarios/daemon.ts'

const { fetch } = quietWorld()
const seen: { method: string; url: string; type: string | null; body: unknown }[] = []
let answer: (request: Request) => Response | Promise<Response> = () => Response.json({ errcode: 0, errmsg: 'ok' })

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  async fetch(request) {
    const { method, url, headers } = request
    seen.push({ method, url, type: headers.get('content-type'), body: await request.json() })
    return await answer(request)
  },
})
const origin = `http://127.0.0.1:${server.port}`
const url = `${origin}/cgi-bin/aibot/response?response_code=SECRET`
afterAll(() => server.stop(true))
beforeEach(() => {
  seen.length = 0
})

const poster = (more: Partial<ResponseUrlOptions> = {}) =>
  createResponsePoster({ fetch, timeoutMs: 2_000, apiBaseUrl: origin, moreHosts: [], ...more })

/** A port without a listener. */
function deadPort(): number {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { port } = probe
  probe.stop(true)
  return port
}

test('response-url: the answer is posted as markdown, without a token', async () => {
  answer = () => Response.json({ errcode: 0, errmsg: 'ok' })
  expect(await poster()(url, '# 你好\n"x"')).toEqual({ outcome: 'delivered', errcode: 0, errmsg: 'ok' })
  const body = { msgtype: 'markdown', markdown: { content: '# 你好\n"x"' } }
  expect(seen).toEqual([{ method: 'POST', url, type: 'application/json', body }])
})

describe('answers', () => {
  const answers: readonly [what: string, answer: () => Response, outcome: object][] = [
    [
      'a refusal',
      () => Response.json({ errcode: 60140, errmsg: 'used' }),
      { outcome: 'refused', errcode: 60140, errmsg: 'used' },
    ],
    [
      'busy (-1)',
      () => Response.json({ errcode: -1, errmsg: 'busy' }),
      { outcome: 'retry', errcode: -1, errmsg: 'busy' },
    ],
    [
      'a code without errmsg',
      () => Response.json({ errcode: 40001 }),
      { outcome: 'refused', errcode: 40001, errmsg: '' },
    ],
    ['a code as text', () => Response.json({ errcode: '0' }), { outcome: 'unknown' }],
    ['a fractional code', () => Response.json({ errcode: 0.5 }), { outcome: 'unknown' }],
    ['JSON without a code', () => Response.json({ ok: true }), { outcome: 'unknown' }],
    ['null', () => Response.json(null), { outcome: 'unknown' }],
    ["a proxy's web page", () => new Response('<html>Welcome</html>'), { outcome: 'unknown' }],
    ['nothing', () => new Response(''), { outcome: 'unknown' }],
    ['an oversized answer', () => Response.json({ errcode: 0, x: 'x'.repeat(70_000) }), { outcome: 'unknown' }],
    [
      'HTTP 500',
      () => new Response('', { status: 500 }),
      { outcome: 'unknown', errmsg: 'HTTP 500 without an errcode' },
    ],
    ['HTTP 502 with a page', () => new Response('{"errcode":0}', { status: 502 }), { outcome: 'unknown' }],
    [
      'HTTP 404',
      () => new Response('', { status: 404 }),
      { outcome: 'refused', errmsg: 'HTTP 404 without an errcode' },
    ],
    ['HTTP 403 of a proxy', () => new Response('no', { status: 403 }), { outcome: 'refused' }],
  ]
  for (const [what, wanted, outcome] of answers) {
    test(`response-url: ${what} is ${Object.values(outcome)[0]}`, async () => {
      answer = wanted
      expect(await poster()(url, 'x')).toMatchObject(outcome)
      expect(seen).toHaveLength(1)
    })
  }

  test('response-url: a redirect is not followed', async () => {
    answer = () => Response.redirect(`${origin}/elsewhere`, 307)
    expect(await poster()(url, 'x')).toMatchObject({ outcome: 'refused', errmsg: 'HTTP 307 without an errcode' })
    expect(seen).toHaveLength(1)
  })

  test('response-url: a long errmsg is cut', async () => {
    answer = () => Response.json({ errcode: 1, errmsg: 'x'.repeat(1_000) })
    expect((await poster()(url, 'x')).errmsg).toHaveLength(300)
  })
})

describe('no answer', () => {
  test('response-url: a timeout leaves the outcome unknown', async () => {
    answer = () => new Promise<Response>(() => {})
    expect(await poster({ timeoutMs: 50 })(url, 'x')).toEqual({
      outcome: 'unknown',
      silent: true,
      errmsg: 'no answer in time',
      hint: expect.stringContaining('reachable'),
    })
  })

  test('response-url: a broken connection leaves the outcome unknown', async () => {
    const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: socket => socket.terminate() } })
    const base = `http://127.0.0.1:${listener.port}`
    const outcome = await poster({ apiBaseUrl: base })(`${base}/x`, 'x')
    listener.stop(true)
    expect(outcome).toMatchObject({ outcome: 'unknown' })
  })

  test('response-url: a refused connection is retried', async () => {
    const base = `http://127.0.0.1:${deadPort()}`
    expect(await poster({ apiBaseUrl: base })(`${base}/x`, 'x')).toMatchObject({
      outcome: 'retry',
      hint: 'check that WeCom is reachable from this host (proxy, DNS, firewall)',
    })
  })

  test('response-url: a missing proxy is retried and never bypassed', async () => {
    const proxy = `http://127.0.0.1:${deadPort()}`
    expect(await poster({ proxy })(url, 'x')).toMatchObject({ outcome: 'retry' })
    expect(seen).toEqual([])
  })
})

describe('allowed hosts', () => {
  const base = 'https://qyapi.weixin.qq.com'
  /** The URLs that a poster with these options requests. */
  async function letsOut(target: string, more: Partial<ResponseUrlOptions> = {}): Promise<boolean> {
    const called: string[] = []
    const spy = async (to: string) => {
      called.push(to)
      return Response.json({ errcode: 0 })
    }
    const { outcome } = await poster({ fetch: spy, apiBaseUrl: base, ...more })(target, 'x')
    expect(outcome).toBe(called.length === 1 ? 'delivered' : 'refused')
    return called.length === 1
  }

  const cases: readonly [boolean, string, Partial<ResponseUrlOptions>?][] = [
    [true, 'https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=x'],
    [true, 'https://bucket.cos.ap-guangzhou.myqcloud.com/x'],
    [true, 'http://10.0.0.5:8080/x', { apiBaseUrl: 'http://10.0.0.5:8080' }],
    [true, 'https://mine.example/x', { moreHosts: ['mine.example'] }],
    [true, 'https://mine.example:8443/x', { moreHosts: ['mine.example:8443'] }],
    [false, 'http://qyapi.weixin.qq.com/x'],
    [false, 'https://qyapi.weixin.qq.com.evil.example/x'],
    [false, 'https://evilmyqcloud.com/x'],
    [false, 'https://myqcloud.com.evil.example/x'],
    [false, 'https://qyapi.weixin.qq.com@evil.example/x'],
    [false, 'https://evil.example/https://qyapi.weixin.qq.com/'],
    [false, 'https://10.0.0.5:8080/x', { apiBaseUrl: 'http://10.0.0.5:8080' }],
    [false, 'http://10.0.0.5:8081/x', { apiBaseUrl: 'http://10.0.0.5:8080' }],
    [false, 'http://mine.example/x', { moreHosts: ['mine.example'] }],
    [false, 'https://mine.example:8443/x', { moreHosts: ['mine.example'] }],
    [false, 'http://169.254.169.254/latest/meta-data'],
    [false, 'file:///etc/passwd'],
    [false, 'not a url'],
    [false, ''],
  ]
  for (const [isAllowed, target, more] of cases) {
    const besides = more === undefined ? '' : ` with ${JSON.stringify(more)}`
    test(`response-url: it ${isAllowed ? 'calls' : 'does not call'} ${target === '' ? 'an empty url' : target}${besides}`, async () => {
      expect(await letsOut(target, more)).toBe(isAllowed)
    })
  }

  test('response-url: a disallowed host is reported without the URL', async () => {
    const outcome = await poster()('https://evil.example/x?response_code=SECRET', 'x')
    expect(outcome).toEqual({
      outcome: 'refused',
      errmsg: 'the host is not allowed',
      hint: 'if the host is yours, add it to network.mediaHosts',
    })
  })
})
