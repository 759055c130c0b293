import { describe, expect, test } from 'bun:test'
import { appOf, type TestDaemon, type TestDaemonOptions } from './daemon.ts'
import { accept, countSends, readBy, sendAndWait, waitForTry } from './sending.ts'
import { SettableClock } from './settable-clock.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon()
let clock: SettableClock

const path = '/cgi-bin/message/send'
const hundred = Array.from({ length: 100 }, (_, n) => `member${n}`)

async function open(options: TestDaemonOptions = {}): Promise<TestDaemon> {
  clock = new SettableClock()
  await daemon.open({ clock, agent: {}, tenant: { members: hundred }, ...options })
  return daemon
}

/** One message to each of a hundred members, all at once. */
async function sendToAll(text: string): Promise<void> {
  const ids = await Promise.all(hundred.map(userid => accept(daemon, { to: `user:${userid}`, text })))
  const reports = await Promise.all(ids.map(id => daemon.delivered(id)))
  expect(new Set(reports.map(report => report.state))).toEqual(new Set(['delivered']))
}

const withText = (text: string) => daemon.tenant.ledger.entries.filter(entry => entry.text === text)
const isApp = (account: string) => async () => {
  const status = (await daemon.api('/api/status')) as { accounts: readonly { id: string; app: object }[] } // of this source
  return status.accounts.find(one => one.id === account)?.app
}

describe('access tokens', () => {
  test('send: a hundred messages at once without a token cost one gettoken', async () => {
    await open()
    await sendToAll('hello')
    expect([daemon.tenant.tokens.gets(), withText('hello').length, countSends(daemon)]).toEqual([1, 100, 100])
  })

  for (const [what, errcode] of [
    ['expire', 42_001],
    ['revoke', 40_014],
  ] as const) {
    test(`send: a storm of ${errcode} costs one more gettoken, and every message arrives once`, async () => {
      await open()
      await sendAndWait(daemon, { to: 'user:member0', text: 'first' })
      daemon.tenant.tokens[what]()
      // So many are under way before the first is answered.
      for (let n = 0; n < 10; n++) daemon.tenant.api.fail({ when: 'before', how: 200, delayMs: 500 }, path)
      await sendToAll('after')
      expect([daemon.tenant.tokens.gets(), withText('after').length]).toEqual([2, 100])
      expect(daemon.tenant.api.requests.filter(request => request.errcode === errcode).length).toBeGreaterThan(1)
      expect(await daemon.api('/api/status')).toMatchObject({ dead: 0, outbox: { queued: 0, held: 0 } })
    })
  }

  test('send: a restart needs no gettoken at all, and the token is not in the log', async () => {
    await open()
    await sendAndWait(daemon, { to: 'user:member0', text: 'before' })
    await daemon.restart()
    await sendAndWait(daemon, { to: 'user:member0', text: 'after' })
    expect([readBy(daemon, 'member0'), daemon.tenant.tokens.gets()]).toEqual([['before', 'after'], 1])
    const token = daemon.tenant.api.requests.at(-1)?.query.get('access_token') ?? ''
    expect(token).toHaveLength(80)
    expect(daemon.log.join('\n')).not.toContain(token)
    expect(daemon.log.join('\n')).not.toContain(appOf.corpSecret)
  })

  test('send: a token is renewed before it ends, so that no message meets an expired one', async () => {
    await open()
    await sendAndWait(daemon, { to: 'user:member0', text: 'before' })
    clock.step(7_000_000)
    await sendAndWait(daemon, { to: 'user:member0', text: 'near the end' })
    clock.step(300_000)
    await sendAndWait(daemon, { to: 'user:member0', text: 'after' })
    expect(daemon.tenant.api.requests.filter(request => request.errcode !== 0)).toEqual([])
    expect(await isApp('default')()).toMatchObject({ token: { expiresAt: expect.any(Number) } })
  })

  test('send: two accounts have two tokens and never mix them', async () => {
    const sales = { corpId: appOf.corpId, corpSecret: 'sales-secret', agentId: 1_000_003 }
    await open({
      tenant: { members: hundred, apps: [{ ...appOf }, sales] },
      channel: { accounts: { sales: { agent: sales } } },
    })
    const send = (account: string, n: number) => accept(daemon, { to: `user:member${n}@${account}`, text: account })
    const accounts = ['default', 'sales']
    const ids = await Promise.all(Array.from({ length: 40 }, (_, n) => send(accounts[n % 2] ?? '', n)))
    for (const id of ids) expect(await daemon.delivered(id)).toMatchObject({ state: 'delivered' })
    const { tokens } = daemon.tenant
    expect([tokens.gets(appOf.agentId), tokens.gets(sales.agentId), tokens.gets()]).toEqual([1, 1, 2])
    expect(withText('sales').map(entry => entry.agentId)).toEqual(Array(20).fill(sales.agentId))
    expect(withText('default').map(entry => entry.agentId)).toEqual(Array(20).fill(appOf.agentId))
    expect(daemon.tenant.api.requests.filter(request => request.errcode !== 0)).toEqual([])
  })

  test('send: a wrong corpSecret holds the messages of this account only, and says what is wrong', async () => {
    const sales = { corpId: appOf.corpId, corpSecret: 'not-the-secret', agentId: 1_000_003 }
    await open({ channel: { accounts: { sales: { agent: sales } } } })
    const id = await accept(daemon, { to: 'user:member0@sales', text: 'x' })
    const report = await daemon.delivered(id, 'held')
    expect(report.attempts[0]).toMatchObject({ outcome: 'retry', hint: expect.stringContaining('corpSecret') })
    expect(await isApp('sales')()).toMatchObject({ held: { errcode: 40_001 } })
    expect(await sendAndWait(daemon, { to: 'user:member0', text: 'y' })).toMatchObject({ state: 'delivered' })
    expect(daemon.log.join('\n')).not.toContain('not-the-secret')
  })

  test('send: a gettoken that is throttled is not asked again at once, and the message arrives later', async () => {
    await open()
    daemon.tenant.tokens.isThrottled = true
    const id = await accept(daemon, { to: 'user:member0', text: 'x' })
    const { attempts, dueAt = 0 } = await waitForTry(daemon, id)
    expect(dueAt - (attempts[0]?.at ?? 0)).toBeGreaterThanOrEqual(60_000)
    for (const n of [1, 2, 3]) await waitForTry(daemon, await accept(daemon, { to: `user:member${n}`, text: 'x' }))
    expect(daemon.tenant.tokens.gets()).toBe(1)
    daemon.tenant.tokens.isThrottled = false
    clock.step(80_000)
    await sendAndWait(daemon, { to: 'user:member4', text: 'wake up' })
    await daemon.delivered(id)
    expect(daemon.tenant.tokens.gets()).toBe(2)
  })
})

describe('what WeCom takes in a minute', () => {
  test('send: the thirty-first message to a member is held, WeCom drops none, and a minute later it arrives', async () => {
    await open()
    const texts = Array.from({ length: 31 }, (_, n) => `第 ${n} 条`)
    const ids: string[] = []
    for (const text of texts) ids.push(await accept(daemon, { to: 'user:Member0', text }))
    const report = await daemon.delivered(ids[30] ?? '', 'held')
    expect(report).toMatchObject({ state: 'held', attempts: [], dueAt: expect.any(Number) })
    expect([readBy(daemon, 'member0').length, countSends(daemon)]).toEqual([30, 30])
    expect(await daemon.api('/api/status')).toMatchObject({ outbox: { held: 1 } })
    expect(await isApp('default')()).toMatchObject({ quota: { minute: 30, hour: 30 } })
    expect(await sendAndWait(daemon, { to: 'user:member1', text: 'another' })).toMatchObject({ state: 'delivered' })

    clock.step(65_000)
    await sendAndWait(daemon, { to: 'user:member1', text: 'wake up' })
    await daemon.delivered(ids[30] ?? '')
    expect(readBy(daemon, 'member0')).toEqual(texts)
    expect(daemon.tenant.dropped).toEqual([])
  })

  test('send: the budget is of a member, however the message names him, and outlives a restart', async () => {
    await open()
    const targets = ['user:member0', 'user:MEMBER0|member1', 'user:member2|member0']
    const ids = await Promise.all(
      Array.from({ length: 30 }, (_, n) => accept(daemon, { to: targets[n % 3], text: `${n}` })),
    )
    for (const id of ids) await daemon.delivered(id)
    await daemon.restart()
    const held = await accept(daemon, { to: 'user:member3|member0', text: 'one too many' })
    expect(await daemon.delivered(held, 'held')).toMatchObject({ state: 'held', attempts: [] })
    expect(daemon.tenant.dropped).toEqual([])
  })
})

describe('an app that WeCom refuses', () => {
  test('send: 60020 holds everything, one probe a minute goes out, and once the address is trusted all arrive in order', async () => {
    await open()
    const { tenant } = daemon
    tenant.api.trustOnly(['192.0.2.7'])
    const first = await accept(daemon, { to: 'user:member0', text: '0' })
    const report = await daemon.delivered(first, 'held')
    expect(report.attempts).toMatchObject([{ outcome: 'retry', errcode: 60_020 }])
    expect(report.attempts[0]?.hint).toMatch(/add 127\.0\.0\.1 to the trusted IPs \(企业可信IP\) of app 1000002 /)
    const ids = [first]
    for (let n = 1; n <= 20; n++) ids.push(await accept(daemon, { to: `user:member${n % 3}`, text: `${n}` }))
    for (const id of ids.slice(1, 3)) expect(await daemon.delivered(id, 'held')).toMatchObject({ attempts: [] })
    expect(tenant.api.count(path)).toBe(1)
    expect(await isApp('default')()).toMatchObject({
      held: { since: expect.any(Number), errcode: 60_020, hint: expect.stringContaining('企业可信IP') },
    })
    expect(daemon.log.filter(line => line.includes('WeCom refuses this app'))).toHaveLength(1)

    clock.step(65_000)
    ids.push(await accept(daemon, { to: 'user:member3', text: '21' }))
    await until('the probe', () => tenant.api.count(path) === 2)
    await daemon.delivered(ids.at(-1) ?? '', 'held')
    expect(tenant.api.count(path)).toBe(2)

    tenant.api.trustOnly(undefined)
    clock.step(65_000)
    ids.push(await accept(daemon, { to: 'user:member4', text: '22' }))
    for (const id of ids) expect(await daemon.delivered(id)).toMatchObject({ state: 'delivered' })
    for (const member of [0, 1, 2]) {
      const texts = Array.from({ length: 21 }, (_, n) => `${n}`).filter((_, n) => n % 3 === member)
      expect(readBy(daemon, `member${member}`)).toEqual(texts)
    }
    expect(await isApp('default')()).not.toHaveProperty('held')
    expect(await daemon.api('/api/status')).toMatchObject({ dead: 0, outbox: { queued: 0, held: 0 } })
  })

  test('send: a restart remembers the hold and sends one probe, not all that waits', async () => {
    await open()
    const { tenant } = daemon
    tenant.api.trustOnly([])
    const ids = [await accept(daemon, { to: 'user:member0', text: '0' })]
    await daemon.delivered(ids[0] ?? '', 'held')
    for (let n = 1; n <= 10; n++) ids.push(await accept(daemon, { to: `user:member${n}`, text: 'x' }))
    clock.step(65_000)
    await daemon.restart()
    await until('the probe', () => tenant.api.count(path) === 2)
    expect(await isApp('default')()).toMatchObject({ held: { errcode: 60_020 } })
    tenant.api.trustOnly(undefined)
    clock.step(65_000)
    await daemon.restart()
    for (const id of ids) expect(await daemon.delivered(id)).toMatchObject({ state: 'delivered' })
    expect(tenant.api.count(path)).toBe(2 + 11)
  })

  test('send: an upload that is refused with 60020 holds as well, and a robot goes on', async () => {
    await open({
      tenant: { members: hundred, robots: [{ name: 'ops', key: 'k' }] },
      channel: { webhooks: { ops: 'k' } },
    })
    daemon.tenant.api.trustOnly([])
    const media = { fileName: 'a.txt', base64: Buffer.from('some bytes').toString('base64') }
    const id = await accept(daemon, { to: 'user:member0', media })
    expect(await daemon.delivered(id, 'held')).toMatchObject({ attempts: [{ errcode: 60_020 }] })
    expect(await sendAndWait(daemon, { to: 'webhook:ops', text: 'alarm' })).toMatchObject({ state: 'delivered' })
    expect(countSends(daemon)).toBe(0)
  })
})
