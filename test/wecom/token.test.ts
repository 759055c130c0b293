import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import type { Outcome } from '../../src/domain/delivery.ts'
import { checked, hello, memoryTokens, openRig, type Rig, salesApp, start, toBob } from './api-rig.ts'
import { openRawWecom, type RawWecom } from './raw-wecom.ts'

let wecom: RawWecom
const opened: RawWecom[] = []
afterAll(() => opened.forEach(one => one.close()))
beforeEach(async () => {
  wecom = await openRawWecom()
  opened.push(wecom)
})

const send = ({ platform }: Rig, account = 'default') => platform.send(account, toBob, hello, checked)
const sendMany = (rig: Rig, count: number) => Promise.all(Array.from({ length: count }, () => send(rig)))
const outcomes = (all: readonly Outcome[]) => [...new Set(all.map(one => one.outcome))]
/** The tokens used by messages, in order. */
const used = () => wecom.of('message/send').map(({ query }) => query['access_token'])
const refuse = (...bad: readonly string[]) =>
  wecom.on('message/send', ({ query }) =>
    bad.includes(query['access_token'] ?? '') ? { errcode: 42001, errmsg: 'expired' } : { errcode: 0, errmsg: 'ok' },
  )

describe('sharing', () => {
  test('token: a hundred concurrent sends share one gettoken', async () => {
    const rig = openRig(wecom.origin)
    expect(outcomes(await sendMany(rig, 100))).toEqual(['delivered'])
    expect(wecom.of('gettoken').map(({ method, query }) => ({ method, query }))).toEqual([
      { method: 'GET', query: { corpid: 'wwCORP', corpsecret: 'SALES-SECRET' } },
    ])
    expect(new Set(used())).toEqual(new Set(['T1']))
    expect(rig.refreshed).toEqual(['default'])
  })

  test('token: a revoked token costs one gettoken and one resend per message', async () => {
    const rig = openRig(wecom.origin)
    await send(rig)
    refuse('T1')
    expect(outcomes(await sendMany(rig, 50))).toEqual(['delivered'])
    expect(wecom.of('gettoken')).toHaveLength(2)
    expect(used().filter(token => token === 'T2')).toHaveLength(50)
    expect(rig.refreshed).toEqual(['default', 'default'])
  })

  test('token: a late refusal of the old token needs no gettoken', async () => {
    const rig = openRig(wecom.origin)
    const [came, late] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    wecom.on('message/send', async ({ query }) => {
      if (used().length === 1) {
        came.resolve()
        await late.promise
      }
      return { errcode: query['access_token'] === 'T1' ? 42001 : 0, errmsg: '' }
    })
    const first = send(rig)
    await came.promise
    await send(rig)
    late.resolve()
    expect((await first).outcome).toBe('delivered')
    expect(wecom.of('gettoken')).toHaveLength(2)
  })

  test('token: the same bytes are resent after a refresh', async () => {
    const rig = openRig(wecom.origin)
    refuse('T1')
    await send(rig)
    const bodies = wecom.of('message/send').map(({ body }) => body.toString())
    expect(bodies).toHaveLength(2)
    expect(bodies[0]).toBe(bodies[1] ?? '')
  })

  for (const errcode of [40001, 40014, 42001]) {
    test(`token: ${errcode} with a new token holds, without a third try`, async () => {
      wecom.on('message/send', () => ({ errcode, errmsg: 'no' }))
      expect(await send(openRig(wecom.origin))).toMatchObject({ outcome: 'retry', hold: true, errcode })
      expect([wecom.of('gettoken').length, used().length]).toEqual([2, 2])
    })
  }

  test('token: if gettoken returns the same token, it is still called once', async () => {
    const rig = openRig(wecom.origin)
    wecom.on('gettoken', () => ({ errcode: 0, access_token: 'SAME', expires_in: 7200 }))
    await send(rig)
    refuse('SAME')
    const all = await sendMany(rig, 20)
    expect(all.every(one => one.hold === true)).toBe(true)
    expect(wecom.of('gettoken')).toHaveLength(2)
  })
})

describe('lifetime', () => {
  test('token: it is used until five minutes before it expires', async () => {
    const rig = openRig(wecom.origin)
    await send(rig)
    expect(rig.platform.tokenExpiresAt('default')).toBe(start + 7_200_000)
    rig.clock.time = start + 7_200_000 - 300_001
    await send(rig)
    expect(used()).toEqual(['T1', 'T1'])
    rig.clock.time += 1
    await send(rig)
    expect(used()).toEqual(['T1', 'T1', 'T2'])
  })

  test('token: an expiring token is used while gettoken fails', async () => {
    const rig = openRig(wecom.origin)
    await send(rig)
    wecom.on('gettoken', () => ({ errcode: -1, errmsg: 'busy' }))
    rig.clock.time = start + 7_200_000 - 100_000
    await send(rig)
    await send(rig)
    expect([used(), wecom.of('gettoken').length]).toEqual([['T1', 'T1', 'T1'], 2])
    rig.clock.time = start + 7_200_000
    expect(await send(rig)).toMatchObject({ outcome: 'retry', errcode: -1 })
    expect(used()).toHaveLength(3)
  })

  test('token: an expiring token is not used after the secret became wrong', async () => {
    const rig = openRig(wecom.origin)
    await send(rig)
    wecom.on('gettoken', () => ({ errcode: 40001, errmsg: 'invalid credential' }))
    rig.clock.time = start + 7_200_000 - 100_000
    expect(await send(rig)).toMatchObject({ outcome: 'retry', hold: true, errcode: 40001 })
  })

  test('token: a token with little time left is not renewed on every send', async () => {
    const rig = openRig(wecom.origin)
    wecom.on('gettoken', () => ({ errcode: 0, access_token: 'OLD', expires_in: 100 }))
    await send(rig)
    await send(rig)
    expect(wecom.of('gettoken')).toHaveLength(1)
  })

  test('token: a rate-limited gettoken pauses for a minute', async () => {
    const rig = openRig(wecom.origin)
    wecom.on('gettoken', () => ({ errcode: 45009, errmsg: 'api freq out of limit' }))
    for (let turn = 0; turn < 3; turn++) expect(await send(rig)).toMatchObject({ outcome: 'retry', errcode: 45009 })
    expect(wecom.of('gettoken')).toHaveLength(1)
    rig.clock.time += 75_000
    await send(rig)
    expect(wecom.of('gettoken')).toHaveLength(2)
  })
})

describe('storage', () => {
  const key = (...parts: readonly string[]) => createHash('sha256').update(parts.join('\0')).digest('hex')
  const ours = key('wwCORP', '1000002', 'SALES-SECRET')

  test('token: the storage key does not reveal the secret', async () => {
    const tokens = memoryTokens()
    await send(openRig(wecom.origin, { tokens }))
    expect([...tokens.rows]).toEqual([[ours, { value: 'T1', expiresAt: start + 7_200_000 }]])
  })

  test('token: a restart uses the stored token without gettoken', async () => {
    const tokens = memoryTokens()
    await send(openRig(wecom.origin, { tokens }))
    const again = openRig(wecom.origin, { tokens })
    expect(outcomes(await sendMany(again, 10))).toEqual(['delivered'])
    expect(wecom.of('gettoken')).toHaveLength(1)
    expect(again.refreshed).toEqual([])
    expect(again.platform.tokenExpiresAt('default')).toBe(start + 7_200_000)
  })

  test('token: a stored token that WeCom rejects is replaced', async () => {
    const tokens = memoryTokens()
    tokens.rows.set(ours, { value: 'GONE', expiresAt: start + 7_000_000 })
    refuse('GONE')
    expect(outcomes(await sendMany(openRig(wecom.origin, { tokens }), 5))).toEqual(['delivered'])
    expect(wecom.of('gettoken')).toHaveLength(1)
    expect(tokens.rows.get(ours)?.value).toBe('T1')
  })

  test('token: a token stored by another process is used', async () => {
    const tokens = memoryTokens()
    const rig = openRig(wecom.origin, { tokens })
    await send(rig)
    refuse('T1')
    tokens.rows.set(ours, { value: 'THEIRS', expiresAt: start + 7_300_000 })
    expect(await send(rig)).toMatchObject({ outcome: 'delivered' })
    expect(used()).toEqual(['T1', 'T1', 'THEIRS'])
    expect(wecom.of('gettoken')).toHaveLength(1)
  })

  test('token: a failing store costs no message', async () => {
    const fail = () => Promise.reject(new Error('disk full'))
    const rig = openRig(wecom.origin, { tokens: { load: fail, save: fail } })
    expect(outcomes(await sendMany(rig, 5))).toEqual(['delivered'])
    expect(rig.lines.filter(line => line.includes('disk full'))).toHaveLength(2)
  })

  test('token: two apps never share a token, even with the same secret', async () => {
    const apps = new Map([
      ['default', salesApp],
      ['hr', { ...salesApp, corpSecret: 'HR-SECRET', agentId: 1000003 }],
      ['twin', { ...salesApp, agentId: 1000004 }],
    ])
    wecom.on('gettoken', ({ query }) => ({ errcode: 0, access_token: `of-${query['corpsecret']}`, expires_in: 7200 }))
    const tokens = memoryTokens()
    const rig = openRig(wecom.origin, { apps, tokens })
    for (const account of apps.keys()) await send(rig, account)
    expect(used()).toEqual(['of-SALES-SECRET', 'of-HR-SECRET', 'of-SALES-SECRET'])
    expect(tokens.rows.size).toBe(3)
  })
})

describe('failures', () => {
  test('token: a wrong secret holds messages with a hint', async () => {
    wecom.on('gettoken', () => ({ errcode: 40001, errmsg: 'invalid credential' }))
    const rig = openRig(wecom.origin)
    expect(await send(rig)).toEqual({
      outcome: 'retry',
      hold: true,
      errcode: 40001,
      errmsg: 'invalid credential',
      hint: 'corpSecret does not belong to this corpId and app, or the app is disabled',
    })
    expect(used()).toEqual([])
    expect(rig.lines.join()).toContain('"account":"default","errcode":40001')
    expect(rig.lines.join()).not.toContain('SECRET')
  })

  const silences = [
    ['a hung', 'hang'],
    ['a broken', 'reset'],
    ['an HTTP 502', 502],
    ['an HTTP 404', 404],
  ] as const
  for (const [what, how] of silences) {
    test(`token: ${what} gettoken is retried`, async () => {
      wecom.on('gettoken', () => how)
      const network = { apiBaseUrl: wecom.origin, moreHosts: [], timeoutMs: 60 }
      expect((await send(openRig(wecom.origin, { network }))).outcome).toBe('retry')
      expect(used()).toEqual([])
    })
  }

  const lives: readonly [unknown, number][] = [
    ['7200', 7_200],
    ['60', 60],
    [0, 7_200],
    [-1, 7_200],
    [null, 7_200],
    [{}, 7_200],
    [undefined, 7_200],
  ]
  for (const [expires_in, seconds] of lives) {
    test(`token: one that expires in ${JSON.stringify(expires_in)} is kept for ${seconds} s`, async () => {
      wecom.on('gettoken', () => ({ errcode: 0, access_token: 'T', expires_in }))
      const tokens = memoryTokens()
      const rig = openRig(wecom.origin, { tokens })
      expect((await send(rig)).outcome).toBe('delivered')
      await send(rig)
      expect([used(), wecom.of('gettoken').length]).toEqual([['T', 'T'], 1])
      expect([...tokens.rows.values()].map(({ expiresAt }) => expiresAt)).toEqual([start + seconds * 1_000])
    })
  }

  const senseless = [
    { errcode: 0 },
    { errcode: 0, access_token: '', expires_in: 7200 },
    { errcode: 0, access_token: 7, expires_in: 7200 },
  ]
  for (const answer of senseless) {
    test(`token: ${JSON.stringify(answer)} is not a token`, async () => {
      wecom.on('gettoken', () => answer)
      expect(await send(openRig(wecom.origin))).toMatchObject({ outcome: 'retry' })
      expect(used()).toEqual([])
    })
  }
})
