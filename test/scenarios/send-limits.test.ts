import { afterEach, describe, expect, test } from 'bun:test'
import { appOf, type House, type HouseOptions, openHouse } from './house.ts'
import { accept, countSends, readBy, sendAndWait, waitForTry } from './sending.ts'
import { SettableClock } from './settable-clock.ts'
import { until } from './until.ts'

let house: House
let clock: SettableClock
afterEach(() => house.close())

const path = '/cgi-bin/message/send'
const hundred = Array.from({ length: 100 }, (_, n) => `member${n}`)

async function open(options: HouseOptions = {}): Promise<House> {
  clock = new SettableClock()
  house = await openHouse({ clock, agent: {}, tenant: { members: hundred }, ...options })
  return house
}

/** One message to each of a hundred members, all at once. */
async function sendToAll(text: string): Promise<void> {
  const ids = await Promise.all(hundred.map(userid => accept(house, { to: `user:${userid}`, text })))
  const reports = await Promise.all(ids.map(id => house.delivered(id)))
  expect(new Set(reports.map(report => report.state))).toEqual(new Set(['delivered']))
}

const withText = (text: string) => house.tenant.ledger.entries.filter(entry => entry.text === text)
const isApp = (account: string) => async () => {
  const status = (await house.api('/api/status')) as { accounts: readonly { id: string; app: object }[] } // of this source
  return status.accounts.find(one => one.id === account)?.app
}

describe('access tokens', () => {
  test('send: a hundred messages at once without a token cost one gettoken', async () => {
    await open()
    await sendToAll('hello')
    expect([house.tenant.tokens.gets(), withText('hello').length, countSends(house)]).toEqual([1, 100, 100])
  })

  for (const [what, errcode] of [
    ['expire', 42_001],
    ['revoke', 40_014],
  ] as const) {
    test(`send: a storm of ${errcode} costs one more gettoken, and every message arrives once`, async () => {
      await open()
      await sendAndWait(house, { to: 'user:member0', text: 'first' })
      house.tenant.tokens[what]()
      // So many are under way before the first is answered.
      for (let n = 0; n < 10; n++) house.tenant.api.fail({ when: 'before', how: 200, delayMs: 500 }, path)
      await sendToAll('after')
      expect([house.tenant.tokens.gets(), withText('after').length]).toEqual([2, 100])
      expect(house.tenant.api.requests.filter(request => request.errcode === errcode).length).toBeGreaterThan(1)
      expect(await house.api('/api/status')).toMatchObject({ dead: 0, outbox: { queued: 0, held: 0 } })
    })
  }

  test('send: a restart needs no gettoken at all, and the token is not in the log', async () => {
    await open()
    await sendAndWait(house, { to: 'user:member0', text: 'before' })
    await house.restart()
    await sendAndWait(house, { to: 'user:member0', text: 'after' })
    expect([readBy(house, 'member0'), house.tenant.tokens.gets()]).toEqual([['before', 'after'], 1])
    const token = house.tenant.api.requests.at(-1)?.query.get('access_token') ?? ''
    expect(token).toHaveLength(80)
    expect(house.log.join('\n')).not.toContain(token)
    expect(house.log.join('\n')).not.toContain(appOf.corpSecret)
  })

  test('send: a token is renewed before it ends, so that no message meets an expired one', async () => {
    await open()
    await sendAndWait(house, { to: 'user:member0', text: 'before' })
    clock.step(7_000_000)
    await sendAndWait(house, { to: 'user:member0', text: 'near the end' })
    clock.step(300_000)
    await sendAndWait(house, { to: 'user:member0', text: 'after' })
    expect(house.tenant.api.requests.filter(request => request.errcode !== 0)).toEqual([])
    expect(await isApp('default')()).toMatchObject({ token: { expiresAt: expect.any(Number) } })
  })

  test('send: two accounts have two tokens and never mix them', async () => {
    const sales = { corpId: appOf.corpId, corpSecret: 'sales-secret', agentId: 1_000_003 }
    await open({
      tenant: { members: hundred, apps: [{ ...appOf }, sales] },
      channel: { accounts: { sales: { agent: sales } } },
    })
    const send = (account: string, n: number) => accept(house, { to: `user:member${n}@${account}`, text: account })
    const accounts = ['default', 'sales']
    const ids = await Promise.all(Array.from({ length: 40 }, (_, n) => send(accounts[n % 2] ?? '', n)))
    for (const id of ids) expect(await house.delivered(id)).toMatchObject({ state: 'delivered' })
    const { tokens } = house.tenant
    expect([tokens.gets(appOf.agentId), tokens.gets(sales.agentId), tokens.gets()]).toEqual([1, 1, 2])
    expect(withText('sales').map(entry => entry.agentId)).toEqual(Array(20).fill(sales.agentId))
    expect(withText('default').map(entry => entry.agentId)).toEqual(Array(20).fill(appOf.agentId))
    expect(house.tenant.api.requests.filter(request => request.errcode !== 0)).toEqual([])
  })

  test('send: a wrong corpSecret holds the messages of this account only, and says what is wrong', async () => {
    const sales = { corpId: appOf.corpId, corpSecret: 'not-the-secret', agentId: 1_000_003 }
    await open({ channel: { accounts: { sales: { agent: sales } } } })
    const id = await accept(house, { to: 'user:member0@sales', text: 'x' })
    const report = await house.delivered(id, 'held')
    expect(report.attempts[0]).toMatchObject({ outcome: 'retry', hint: expect.stringContaining('corpSecret') })
    expect(await isApp('sales')()).toMatchObject({ held: { errcode: 40_001 } })
    expect(await sendAndWait(house, { to: 'user:member0', text: 'y' })).toMatchObject({ state: 'delivered' })
    expect(house.log.join('\n')).not.toContain('not-the-secret')
  })

  test('send: a gettoken that is throttled is not asked again at once, and the message arrives later', async () => {
    await open()
    house.tenant.tokens.isThrottled = true
    const id = await accept(house, { to: 'user:member0', text: 'x' })
    const { attempts, dueAt = 0 } = await waitForTry(house, id)
    expect(dueAt - (attempts[0]?.at ?? 0)).toBeGreaterThanOrEqual(60_000)
    for (const n of [1, 2, 3]) await waitForTry(house, await accept(house, { to: `user:member${n}`, text: 'x' }))
    expect(house.tenant.tokens.gets()).toBe(1)
    house.tenant.tokens.isThrottled = false
    clock.step(80_000)
    await sendAndWait(house, { to: 'user:member4', text: 'wake up' })
    await house.delivered(id)
    expect(house.tenant.tokens.gets()).toBe(2)
  })
})

describe('what WeCom takes in a minute', () => {
  test('send: the thirty-first message to a member is held, WeCom drops none, and a minute later it arrives', async () => {
    await open()
    const texts = Array.from({ length: 31 }, (_, n) => `第 ${n} 条`)
    const ids: string[] = []
    for (const text of texts) ids.push(await accept(house, { to: 'user:Member0', text }))
    const report = await house.delivered(ids[30] ?? '', 'held')
    expect(report).toMatchObject({ state: 'held', attempts: [], dueAt: expect.any(Number) })
    expect([readBy(house, 'member0').length, countSends(house)]).toEqual([30, 30])
    expect(await house.api('/api/status')).toMatchObject({ outbox: { held: 1 } })
    expect(await isApp('default')()).toMatchObject({ quota: { minute: 30, hour: 30 } })
    expect(await sendAndWait(house, { to: 'user:member1', text: 'another' })).toMatchObject({ state: 'delivered' })

    clock.step(65_000)
    await sendAndWait(house, { to: 'user:member1', text: 'wake up' })
    await house.delivered(ids[30] ?? '')
    expect(readBy(house, 'member0')).toEqual(texts)
    expect(house.tenant.dropped).toEqual([])
  })

  test('send: the budget is of a member, however the message names him, and outlives a restart', async () => {
    await open()
    const targets = ['user:member0', 'user:MEMBER0|member1', 'user:member2|member0']
    const ids = await Promise.all(
      Array.from({ length: 30 }, (_, n) => accept(house, { to: targets[n % 3], text: `${n}` })),
    )
    for (const id of ids) await house.delivered(id)
    await house.restart()
    const held = await accept(house, { to: 'user:member3|member0', text: 'one too many' })
    expect(await house.delivered(held, 'held')).toMatchObject({ state: 'held', attempts: [] })
    expect(house.tenant.dropped).toEqual([])
  })
})

describe('an app that WeCom refuses', () => {
  test('send: 60020 holds everything, one probe a minute goes out, and once the address is trusted all arrive in order', async () => {
    await open()
    const { tenant } = house
    tenant.api.trustOnly(['192.0.2.7'])
    const first = await accept(house, { to: 'user:member0', text: '0' })
    const report = await house.delivered(first, 'held')
    expect(report.attempts).toMatchObject([{ outcome: 'retry', errcode: 60_020 }])
    expect(report.attempts[0]?.hint).toMatch(/add 127\.0\.0\.1 to the trusted IPs \(企业可信IP\) of app 1000002 /)
    const ids = [first]
    for (let n = 1; n <= 20; n++) ids.push(await accept(house, { to: `user:member${n % 3}`, text: `${n}` }))
    for (const id of ids.slice(1, 3)) expect(await house.delivered(id, 'held')).toMatchObject({ attempts: [] })
    expect(tenant.api.count(path)).toBe(1)
    expect(await isApp('default')()).toMatchObject({
      held: { since: expect.any(Number), errcode: 60_020, hint: expect.stringContaining('企业可信IP') },
    })
    expect(house.log.filter(line => line.includes('WeCom refuses this app'))).toHaveLength(1)

    clock.step(65_000)
    ids.push(await accept(house, { to: 'user:member3', text: '21' }))
    await until('the probe', () => tenant.api.count(path) === 2)
    await house.delivered(ids.at(-1) ?? '', 'held')
    expect(tenant.api.count(path)).toBe(2)

    tenant.api.trustOnly(undefined)
    clock.step(65_000)
    ids.push(await accept(house, { to: 'user:member4', text: '22' }))
    for (const id of ids) expect(await house.delivered(id)).toMatchObject({ state: 'delivered' })
    for (const member of [0, 1, 2]) {
      const texts = Array.from({ length: 21 }, (_, n) => `${n}`).filter((_, n) => n % 3 === member)
      expect(readBy(house, `member${member}`)).toEqual(texts)
    }
    expect(await isApp('default')()).not.toHaveProperty('held')
    expect(await house.api('/api/status')).toMatchObject({ dead: 0, outbox: { queued: 0, held: 0 } })
  })

  test('send: a restart remembers the hold and sends one probe, not all that waits', async () => {
    await open()
    const { tenant } = house
    tenant.api.trustOnly([])
    const ids = [await accept(house, { to: 'user:member0', text: '0' })]
    await house.delivered(ids[0] ?? '', 'held')
    for (let n = 1; n <= 10; n++) ids.push(await accept(house, { to: `user:member${n}`, text: 'x' }))
    clock.step(65_000)
    await house.restart()
    await until('the probe', () => tenant.api.count(path) === 2)
    expect(await isApp('default')()).toMatchObject({ held: { errcode: 60_020 } })
    tenant.api.trustOnly(undefined)
    clock.step(65_000)
    await house.restart()
    for (const id of ids) expect(await house.delivered(id)).toMatchObject({ state: 'delivered' })
    expect(tenant.api.count(path)).toBe(2 + 11)
  })

  test('send: an upload that is refused with 60020 holds as well, and a robot goes on', async () => {
    await open({
      tenant: { members: hundred, robots: [{ name: 'ops', key: 'k' }] },
      channel: { webhooks: { ops: 'k' } },
    })
    house.tenant.api.trustOnly([])
    const media = { fileName: 'a.txt', base64: Buffer.from('some bytes').toString('base64') }
    const id = await accept(house, { to: 'user:member0', media })
    expect(await house.delivered(id, 'held')).toMatchObject({ attempts: [{ errcode: 60_020 }] })
    expect(await sendAndWait(house, { to: 'webhook:ops', text: 'alarm' })).toMatchObject({ state: 'delivered' })
    expect(countSends(house)).toBe(0)
  })
})
