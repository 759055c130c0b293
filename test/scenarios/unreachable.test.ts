import { expect, test } from 'bun:test'
import { openForwardProxy } from '../wecom/forward-proxy.ts'
import { appOf } from './daemon.ts'
import { accept, sendAndWait, waitForTry } from './sending.ts'
import { SettableClock } from './settable-clock.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon()

interface Unreachable {
  readonly since: number
  readonly lastAt: number
  readonly reason: string
  readonly hint?: string
}
interface Told {
  readonly ready: boolean
  readonly components: { readonly webhooks?: Unreachable }
  readonly accounts: readonly {
    readonly bot: { unreachable?: Unreachable }
    readonly app?: { unreachable?: Unreachable }
  }[]
}

// The daemon is of this source.
const told = async () => (await daemon.api('/api/status')) as Told
const logged = (words: string) => daemon.log.filter(line => line.includes(words))
const options = {
  tenant: { members: ['zhangsan'], robots: [{ name: 'ops', key: 'key-of-ops' }] },
  channel: { webhooks: { ops: 'key-of-ops' } },
}

test('unreachable: status says since when and why nothing comes back from WeCom, and the log twice, not per call', async () => {
  const clock = new SettableClock()
  await daemon.open({ ...options, agent: {}, clock })
  const { api } = daemon.tenant
  api.acceptOnly(() => false)
  const id = await accept(daemon, { to: 'user:zhangsan', text: '1' })
  await waitForTry(daemon, id)
  const [first] = (await told()).accounts
  expect(first?.app?.unreachable).toEqual({
    since: expect.any(Number),
    lastAt: expect.any(Number),
    reason: 'ECONNRESET',
    hint: expect.stringContaining('reachable from this host'),
  })
  expect(first?.bot).not.toHaveProperty('unreachable')
  clock.step(6_000)
  await waitForTry(daemon, await accept(daemon, { to: 'user:lisi', text: 'wake up' }))
  const again = (await told()).accounts[0]?.app?.unreachable
  expect(again?.since).toBe(first?.app?.unreachable?.since ?? 0)
  expect(again?.lastAt).toBeGreaterThanOrEqual((again?.since ?? 0) + 6_000)
  expect([logged('WeCom cannot be reached').length, logged('WeCom can be reached again').length]).toEqual([1, 0])

  api.acceptOnly(undefined)
  clock.step(60_000)
  await sendAndWait(daemon, { to: 'user:zhangsan', text: '2' })
  await daemon.delivered(id)
  expect((await told()).accounts[0]?.app).not.toHaveProperty('unreachable')
  expect([logged('WeCom cannot be reached').length, logged('WeCom can be reached again').length]).toEqual([1, 1])
  expect(logged('"level":"warn"').join('')).toContain('"reason":"ECONNRESET"')
})

test('unreachable: group robots have one entry for all of them, apart from the app', async () => {
  await daemon.open({ ...options, agent: {} })
  const { api } = daemon.tenant
  api.acceptOnly(() => false)
  await waitForTry(daemon, await accept(daemon, { to: 'webhook:ops', text: '1' }))
  const { components, accounts } = await told()
  expect(components.webhooks).toMatchObject({ state: 'unreachable', reason: 'ECONNRESET', since: expect.any(Number) })
  expect(accounts[0]?.app).not.toHaveProperty('unreachable')
  api.acceptOnly(undefined)
  await sendAndWait(daemon, { to: 'webhook:ops', text: '2' })
  expect((await told()).components).not.toHaveProperty('webhooks')
})

test('unreachable: an account without an app says it of its Bot, whose answers go by response_url', async () => {
  await daemon.open({ bot: { stream: { windowMs: 1_500, handoverMs: 1_000 } } })
  await until('the gateway link', async () => (await told()).ready)
  daemon.tenant.api.acceptOnly(() => false)
  await daemon.tenant.say({ userid: 'zhangsan', text: '[slow 900] 慢' }).finished
  const bot = await until('a try', async () => (await told()).accounts[0]?.bot.unreachable)
  expect(bot.reason).toBe('ECONNRESET')
})

test('unreachable: a refusal of WeCom itself, and a mistake of ours, are not said to be that', async () => {
  await daemon.open({ ...options, agent: {} })
  await sendAndWait(daemon, { to: 'user:nobody', text: 'x' })
  await sendAndWait(daemon, { to: 'tag:nobody', text: 'x' })
  expect((await told()).accounts[0]?.app).not.toHaveProperty('unreachable')
})

for (const [what, makeUrl] of [
  ['http', (url: string) => url],
  ['https', (url: string) => url.replace('http:', 'https:')],
] as const) {
  test(`unreachable: a proxy that wants other credentials for ${what} is told with the key to change`, async () => {
    const strict = await openForwardProxy('us@er', 'p:w', false)
    const network = { egressProxyUrl: strict.url, apiBaseUrl: makeUrl('http://wecom.invalid') }
    await daemon.open({ ...options, agent: {}, network })
    await waitForTry(daemon, await accept(daemon, { to: 'user:zhangsan', text: 'x' }))
    strict.close()
    const unreachable = (await told()).accounts[0]?.app?.unreachable
    expect(unreachable).toMatchObject({
      reason: what === 'http' ? 'HTTP 407 without an errcode' : 'ERR_PROXY_TUNNEL 407',
      hint: expect.stringMatching(/user and a password.*network\.egressProxyUrl/),
    })
    const all = [JSON.stringify(unreachable), ...daemon.log].join('\n')
    expect(['us@er', 'us%40er', 'p:w', appOf.corpSecret].filter(secret => all.includes(secret))).toEqual([])
  })
}
