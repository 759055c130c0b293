import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import type { Message } from '../../src/domain/delivery.ts'
import type { Target } from '../../src/domain/target.ts'
import { checked, hello, openRig, salesApp, toBob } from './api-rig.ts'
import { openRawWecom, type RawWecom } from './raw-wecom.ts'

let wecom: RawWecom
const opened: RawWecom[] = []
afterAll(() => opened.forEach(one => one.close()))
beforeEach(async () => {
  wecom = await openRawWecom()
  opened.push(wecom)
})

const send = (to: Target = toBob, message: Message = hello) =>
  openRig(wecom.origin).platform.send('default', to, message, checked)
const inGroups = () =>
  openRig(wecom.origin, { apps: new Map([['default', { ...salesApp, allowAppChat: true }]]) }).platform
const group = { kind: 'group', chatid: 'wrGROUP' } as const

describe('message/send', () => {
  test('app-send: the token is in the query and JSON in the body', async () => {
    expect(await send()).toEqual({ outcome: 'delivered', errcode: 0, errmsg: 'ok', msgid: 'm1' })
    const [one] = wecom.of('message/send')
    expect(one).toMatchObject({ method: 'POST', query: { access_token: 'T1' } })
    expect(one?.headers).toContainEqual(['content-type', 'application/json'])
    expect(JSON.parse(one?.body.toString() ?? '')).toEqual({
      touser: 'bob',
      msgtype: 'text',
      agentid: 1000002,
      text: { content: '你好 "hello"' },
      enable_duplicate_check: 1,
      duplicate_check_interval: 120,
    })
  })

  test('app-send: equal messages are equal bytes', async () => {
    const { platform } = openRig(wecom.origin)
    await platform.send('default', toBob, hello, checked)
    await platform.send('default', { ...toBob }, { content: hello.content, kind: 'text' }, checked)
    const [one, two] = wecom.of('message/send').map(({ body }) => body.toString())
    expect(one).toBe(two ?? '')
  })

  test('app-send: unreached receivers are reported by list, without empty lists', async () => {
    const lists = { invaliduser: 'bob|carol', invalidparty: '', invalidtag: '3', unlicenseduser: 'dan' }
    wecom.on('message/send', () => ({ errcode: 0, errmsg: 'ok', ...lists, msgid: 'X' }))
    expect(await send()).toEqual({
      outcome: 'delivered',
      errcode: 0,
      errmsg: 'ok',
      msgid: 'X',
      unreached: { invaliduser: ['bob', 'carol'], invalidtag: ['3'], unlicenseduser: ['dan'] },
    })
  })

  test('app-send: a message that reaches no one is refused, with a hint', async () => {
    wecom.on('message/send', () => ({ errcode: 81013, errmsg: 'all invalid', invaliduser: 'bob' }))
    expect(await send()).toMatchObject({
      outcome: 'refused',
      errcode: 81013,
      unreached: { invaliduser: ['bob'] },
      hint: expect.stringContaining('visible range'),
    })
  })

  test('app-send: an untrusted IP holds everything and names the address', async () => {
    const errmsg = 'not allow to access from your ip, hint: [1], from ip: 198.51.100.9, more info at https://x'
    wecom.on('message/send', () => ({ errcode: 60020, errmsg }))
    const outcome = await send()
    expect(outcome).toMatchObject({ outcome: 'retry', hold: true, errcode: 60020 })
    expect(outcome.hint).toStartWith('add 198.51.100.9 to the trusted IPs (企业可信IP) of app 1000002')
  })

  test('app-send: an account without an app makes no request', async () => {
    const { platform } = openRig(wecom.origin)
    const outcome = {
      outcome: 'refused',
      errmsg: 'account hr has no app',
      hint: 'configure the agent section of this account',
    } as const
    expect(await platform.send('hr', toBob, hello, checked)).toEqual(outcome)
    const file = {
      kind: 'media',
      media: 'file',
      fileName: 'a',
      bytes: 9,
      source: { kind: 'text', content: 'x' },
    } as const
    expect(await platform.upload('hr', toBob, file)).toEqual(outcome)
    expect(platform.tokenExpiresAt('hr')).toBeUndefined()
    expect(wecom.asked).toEqual([])
  })
})

describe('without an answer', () => {
  const silences = [
    ['hung', 'hang'],
    ['broken', 'reset'],
    ['HTTP 500', 500],
    ['HTTP 502', 502],
  ] as const
  for (const [what, how] of silences) {
    test(`app-send: the outcome of a ${what} call is unknown`, async () => {
      wecom.on('message/send', () => how)
      const network = { apiBaseUrl: wecom.origin, moreHosts: [], timeoutMs: 80 }
      const outcome = await openRig(wecom.origin, { network }).platform.send('default', toBob, hello, checked)
      expect(outcome.outcome).toBe('unknown')
      expect(wecom.of('message/send')).toHaveLength(1)
    })
  }

  test('app-send: a web page instead of an answer leaves it unknown', async () => {
    wecom.on('message/send', () => Buffer.from('<html>Welcome</html>'))
    expect(await send()).toEqual({
      outcome: 'unknown',
      silent: true,
      errmsg: 'HTTP 200 without an errcode',
      hint: expect.stringContaining('network.apiBaseUrl'),
    })
  })

  test('app-send: a refused connection means that nothing was sent', async () => {
    const { platform, clock } = openRig(wecom.origin)
    await platform.send('default', toBob, hello, checked)
    wecom.close()
    expect(await platform.send('default', toBob, hello, checked)).toMatchObject({ outcome: 'retry' })
    clock.time += 7_200_000
    expect(await platform.send('default', toBob, hello, checked)).toMatchObject({ outcome: 'retry' })
  })

  for (const status of [407, 429]) {
    test(`app-send: HTTP ${status} comes from a proxy and is retried`, async () => {
      wecom.on('message/send', () => status)
      expect(await send()).toMatchObject({ outcome: 'retry', errmsg: `HTTP ${status} without an errcode` })
    })
  }

  test('app-send: HTTP 404 does not come from WeCom', async () => {
    wecom.on('message/send', () => 404)
    expect(await send()).toMatchObject({ outcome: 'refused', errmsg: 'HTTP 404 without an errcode' })
  })
})

describe('appchat/send', () => {
  test('app-send: groups are off by default, with a hint about other routes', async () => {
    const outcome = await send(group)
    expect(outcome).toMatchObject({ outcome: 'refused', hint: expect.stringContaining('agent.allowAppChat') })
    expect(wecom.asked).toEqual([])
  })

  test('app-send: a group message, which may be sent at most once, has a connection of its own', async () => {
    await inGroups().send('default', group, hello, checked)
    await send({ kind: 'user', ids: ['a'] })
    const connectionOf = (path: string) => wecom.of(path)[0]?.headers.find(([name]) => name === 'connection')?.[1]
    expect([connectionOf('appchat/send'), connectionOf('message/send')]).toEqual([undefined, 'keep-alive'])
  })

  test('app-send: an allowed group message goes to appchat/send', async () => {
    expect(await inGroups().send('default', group, hello, checked)).toMatchObject({ outcome: 'delivered' })
    expect(JSON.parse(wecom.of('appchat/send')[0]?.body.toString() ?? '')).toEqual({
      chatid: 'wrGROUP',
      msgtype: 'text',
      text: { content: '你好 "hello"' },
    })
  })

  test("app-send: another owner's group is refused with a hint", async () => {
    wecom.on('appchat/send', () => ({ errcode: 86008, errmsg: 'no' }))
    const outcome = await inGroups().send('default', group, hello, checked)
    expect(outcome).toMatchObject({ outcome: 'refused', hint: expect.stringContaining('group robot') })
  })

  test('app-send: a card for a group is refused', async () => {
    const outcome = await inGroups().send('default', group, { kind: 'card', card: {} }, checked)
    expect(outcome).toEqual({ outcome: 'refused', errmsg: 'groups of an app do not accept cards' })
  })
})
