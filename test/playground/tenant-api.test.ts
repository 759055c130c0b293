import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { type ApiRequest } from '../../src/playground/tenant/api/api.ts'
import { corpId, main, openTenant, other, text } from './tenant-rig.ts'

const getting = (secret: string, id = corpId) => `gettoken?corpid=${id}&corpsecret=${secret}`

test('tenant-api: gettoken returns one valid token per app', async () => {
  using rig = await openTenant()
  const first = await rig.get(getting(main.corpSecret))
  expect(first).toMatchObject({ errcode: 0, errmsg: 'ok', expires_in: 7200 })
  expect(String(first['access_token']).length).toBeLessThanOrEqual(512)
  rig.passMs(7_100_000)
  expect(await rig.accessToken()).toBe(String(first['access_token']))
  expect(await rig.accessToken(other)).not.toBe(String(first['access_token']))
  rig.passMs(100_000)
  expect(await rig.accessToken()).not.toBe(String(first['access_token']))
  expect([rig.tenant.tokens.gets(main.agentId), rig.tenant.tokens.gets(other.agentId)]).toEqual([3, 1])
  expect(rig.tenant.tokens.gets()).toBe(4)
})

const badSecrets: [string, string, number][] = [
  ['a wrong secret', getting('nope'), 40001],
  ['a wrong corpid', getting(main.corpSecret, 'wwnope'), 40013],
  ['no secret', getting(''), 41004],
  ['no corpid', getting(main.corpSecret, ''), 41002],
]

for (const [name, path, errcode] of badSecrets) {
  test(`tenant-api: gettoken with ${name} is ${errcode}`, async () => {
    using rig = await openTenant()
    const answer = await rig.get(path)
    expect(answer.errcode).toBe(errcode)
    expect(answer).not.toHaveProperty('access_token')
  })
}

test('tenant-api: gettoken can be throttled', async () => {
  using rig = await openTenant()
  rig.tenant.tokens.isThrottled = true
  expect((await rig.get(getting(main.corpSecret))).errcode).toBe(45009)
  rig.tenant.tokens.isThrottled = false
  expect((await rig.get(getting(main.corpSecret))).errcode).toBe(0)
})

test('tenant-api: a token is missing, wrong, revoked or expired', async () => {
  using rig = await openTenant()
  const send = async (token?: string) =>
    (
      await rig.post(`message/send${token === undefined ? '' : `?access_token=${token}`}`, {
        agentid: main.agentId,
        touser: 'lisi',
        ...text('hi'),
      })
    ).errcode
  expect(await send()).toBe(41001)
  expect(await send('nope')).toBe(40014)
  const token = await rig.accessToken()
  expect(await send(token)).toBe(0)
  rig.tenant.tokens.revoke(other.agentId)
  expect(await send(token)).toBe(0)
  rig.tenant.tokens.revoke()
  expect(await send(token)).toBe(40014)
  const second = await rig.accessToken()
  rig.tenant.tokens.expire(main.agentId)
  expect(await send(second)).toBe(42001)
  const third = await rig.accessToken()
  expect(await send(third)).toBe(0)
  rig.passMs(7_200_000)
  expect(await send(third)).toBe(42001)
})

test("tenant-api: an error has the format of WeCom and the caller's address", async () => {
  using rig = await openTenant({ callerIp: '203.0.113.7' })
  expect((await rig.get('tag/list')).errmsg).toMatch(
    /^.+, hint: \[\d{20,}\], from ip: 203\.0\.113\.7, more info at https:\/\/open\.work\.weixin\.qq\.com\/devtool\/query\?e=41001$/,
  )
})

test('tenant-api: an untrusted address gets 60020, except from gettoken', async () => {
  using rig = await openTenant({ callerIp: '203.0.113.7' })
  rig.tenant.api.trustOnly(['198.51.100.1'])
  const token = await rig.accessToken()
  const refused = await rig.get(`tag/list?access_token=${token}`)
  expect(refused.errcode).toBe(60020)
  expect(refused.errmsg).toMatch(/^not allow to access from your ip, hint: .* from ip: 203\.0\.113\.7, /)
  const headers = { 'x-forwarded-for': '198.51.100.1' }
  const proxied = await fetch(rig.url(`tag/list?access_token=${token}`), { headers, keepalive: false })
  expect(await proxied.json()).toMatchObject({ errcode: 0 })
  expect((await rig.post('webhook/send?key=robot-key', text('hi'))).errcode).toBe(0)
  rig.tenant.api.trustOnly(undefined)
  expect((await rig.get(`tag/list?access_token=${token}`)).errcode).toBe(0)
})

test('tenant-api: only connections from accepted ports are answered', async () => {
  using rig = await openTenant()
  const ports = new Set<number>()
  rig.tenant.api.acceptOnly(port => ports.has(port))
  expect(await rig.get(getting(main.corpSecret)).catch((error: unknown) => error)).toBeInstanceOf(Error)
  const received = Promise.withResolvers<string>()
  const socket = connect(Number(new URL(rig.tenant.apiBaseUrl).port), '127.0.0.1', () => {
    ports.add(socket.localPort ?? 0)
    socket.write('GET /cgi-bin/tag/list HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  })
  socket.once('data', bytes => received.resolve(String(bytes)))
  expect(await received.promise).toContain('41001')
  socket.destroy()
  expect(rig.tenant.api.requests).toHaveLength(1)
  rig.tenant.api.acceptOnly(undefined)
  expect((await rig.get(getting(main.corpSecret))).errcode).toBe(0)
})

test('tenant-api: requests to a path can be made to fail with an errcode', async () => {
  using rig = await openTenant()
  rig.tenant.api.failWith('/cgi-bin/message/send', -1, 2)
  const errcodes = []
  for (let count = 0; count < 3; count++) errcodes.push((await rig.send({ touser: 'lisi', ...text('hi') })).errcode)
  expect(errcodes).toEqual([-1, -1, 0])
  expect(rig.tenant.ledger.seen({ userid: 'lisi' })).toHaveLength(1)
})

test('tenant-api: a fault before or after the effect is used once per path', async () => {
  using rig = await openTenant()
  const path = '/cgi-bin/message/send'
  const { api, ledger } = rig.tenant
  for (const fault of [
    { when: 'before', how: 'reset' },
    { when: 'after', how: 'reset' },
    { when: 'before', how: 502 },
    { when: 'before', how: 200, delayMs: 20 },
    { when: 'after', how: 503 },
  ] as const)
    api.fail(fault, path)
  const send = async () =>
    (await rig.send({ touser: 'lisi', ...text('hi') }).catch(() => ({ errcode: undefined }))).errcode
  const shown = async () => [await send(), ledger.seen({ userid: 'lisi' }).length]
  expect(await shown()).toEqual([undefined, 0])
  expect(await shown()).toEqual([undefined, 1])
  expect(await shown()).toEqual([undefined, 1])
  expect(await shown()).toEqual([0, 2])
  expect(await shown()).toEqual([undefined, 3])
  expect(await shown()).toEqual([0, 4])
  expect(api.requests.filter(one => one.path === path).map(one => one.errcode)).toEqual([
    undefined,
    0,
    undefined,
    0,
    0,
    0,
  ])
})

test('tenant-api: a hanging request is recorded at once and never answered', async () => {
  using rig = await openTenant()
  rig.tenant.api.fail({ when: 'before', how: 'hang' })
  const received = Promise.withResolvers<ApiRequest>()
  rig.tenant.on(event => event.kind === 'api' && received.resolve(event.request))
  const abort = new AbortController()
  const waiting = fetch(rig.url('tag/list'), { signal: abort.signal }).catch((error: unknown) => error)
  const request = await received.promise
  expect(request).toMatchObject({ method: 'GET', path: '/cgi-bin/tag/list' })
  expect(request.errcode).toBeUndefined()
  abort.abort()
  expect(await waiting).toBeInstanceOf(Error)
})

test('tenant-api: every request is reported with its app and errcode', async () => {
  using rig = await openTenant()
  const reported: unknown[] = []
  rig.tenant.on(
    event => event.kind === 'api' && reported.push([event.request.path, event.request.agentId, event.request.errcode]),
  )
  await rig.get(`tag/list?access_token=${await rig.accessToken(other)}`)
  await rig.post('webhook/send?key=nope', text('hi'))
  expect(reported).toEqual([
    ['/cgi-bin/gettoken', undefined, 0],
    ['/cgi-bin/tag/list', other.agentId, 0],
    ['/cgi-bin/webhook/send', undefined, 93000],
  ])
  expect(rig.tenant.api.count('/cgi-bin/gettoken')).toBe(1)
})

test('tenant-api: the tags of the corp can be listed', async () => {
  using rig = await openTenant()
  const tags = await rig.get(`tag/list?access_token=${await rig.accessToken()}`)
  expect(tags).toEqual({ errcode: 0, errmsg: 'ok', taglist: [{ tagid: 7, tagname: 'Ops' }] })
})

test('tenant-api: an unknown route is HTTP 404', async () => {
  using rig = await openTenant()
  expect((await fetch(rig.url('message/nope'))).status).toBe(404)
  expect((await fetch(rig.url('message/send'))).status).toBe(404)
})
