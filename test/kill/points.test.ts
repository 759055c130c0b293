import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import type { OpenClaw } from '../../scripts/openclaw.ts'
import type { Tenant } from '../../src/playground/tenant/tenant.ts'
import type { Bubble } from '../../src/playground/tenant/bot/bubble.ts'
import { connectClient } from '../openclaw/client.ts'
import { openclawSuite, sharedGateway, withoutOpenClaw } from '../openclaw/gateway.ts'
import type { Binary } from '../scenarios/binary.ts'
import { until, untilTime } from '../scenarios/until.ts'
import { isIdle, journeyOf, type KillRig, type KillRigOptions, openKillRig } from './rig.ts'
import { openTap, type Tap, type TapFrame } from './tap.ts'

let gateway: OpenClaw
let tap: Tap
let rig: KillRig | undefined
let users = 0

const isAsk = (frame: TapFrame) => frame.kind === 'request' && frame.name === 'chat.send'
const isAck = (frame: TapFrame) => frame.kind === 'answer' && frame.name === 'chat.send'
/** A delta of the newest user's run. The gateway also sends those of its other users. */
const isDelta = ({ name, content }: TapFrame) =>
  name === 'chat' && content['state'] === 'delta' && String(content['sessionKey']).endsWith(`:killed${users}`)

/** Thirty words, one each 80 ms, and how they look when all are there. */
const question = '[long 30 80]'
const answer = Array.from({ length: 30 }, (_, index) => `tok${index}`).join(' ')
/** A window that closes the bubble while the answer still grows. */
const early: KillRigOptions = {
  bot: { stream: { windowMs: 2_500, handoverMs: 1_000 } },
  tenant: { windowMs: 2_500 },
}

/** Opens a daemon and has somebody new ask; the session of everyone is his own. */
async function ask(options: KillRigOptions = {}): Promise<{ daemon: Binary; tenant: Tenant; bubble: Bubble }> {
  rig = await openKillRig({ url: tap.url, token: gateway.token }, options)
  const { daemon, tenant } = rig
  await until('the gateway link', async () => (await linkOf(daemon)) === 'up')
  const bubble = tenant.say({ userid: `killed${++users}`, text: question })
  await bubble.opened
  return { daemon, tenant, bubble }
}

async function linkOf(daemon: Binary): Promise<string> {
  const status = (await daemon.api('/api/status')) as { components: { gateway: { state: string } } }
  return status.components.gateway.state
}

async function restart(daemon: Binary): Promise<void> {
  await daemon.kill()
  tap.release()
  await daemon.start()
}

/** The keys of the users' rows in the gateway's own history: each is one time that it was asked. */
async function asksOf({ place }: Bubble): Promise<readonly (string | undefined)[]> {
  const client = await connectClient(gateway)
  const sessionKey = `agent:main:wecom:default:direct:${place.userid}`
  const { messages } = await client.request('chat.history', { sessionKey, limit: 100 })
  client.close()
  const rows = messages as readonly { role: string; idempotencyKey?: string }[]
  return rows.filter(row => row.role === 'user').map(row => row.idempotencyKey)
}

/** The bubble came to its end with the whole answer after the restart: same stream, one ask, nothing seen twice. */
async function expectBubbleWentOn(daemon: Binary, tenant: Tenant, bubble: Bubble, before: number): Promise<void> {
  await bubble.finished
  expect(bubble.text).toBe(answer)
  const since = bubble.captured.slice(before).filter(({ kind, status }) => kind === 'refresh' && status === 200)
  expect(since.length).toBeGreaterThan(0)
  expect(new Set(bubble.captured.flatMap(({ reply }) => reply.stream?.id ?? []))).toEqual(
    new Set([bubble.streamId ?? '']),
  )
  await expectOnce(daemon, tenant, bubble)
  expect(tenant.responses.posts).toEqual([])
}

async function expectOnce(daemon: Binary, tenant: Tenant, bubble: Bubble): Promise<void> {
  await until('nothing waits any more', () => isIdle(daemon), 40_000)
  expect(tenant.ledger.seen(bubble.place).filter(entry => entry.text.includes('tok29'))).toHaveLength(1)
  expect(tenant.violations()).toEqual([])
  expect(await asksOf(bubble)).toEqual([`wecom:default:${bubble.msgid}:user`])
  expect(daemon.noise).toEqual([])
}

async function knows(daemon: Binary, { msgid }: Bubble, kind: string): Promise<boolean> {
  return (await journeyOf(daemon, msgid)).some(event => event.kind === kind)
}

describe.skipIf(withoutOpenClaw)(openclawSuite('kill points'), () => {
  beforeAll(async () => {
    gateway = await sharedGateway()
    tap = openTap(gateway.url)
  }, 600_000)

  afterEach(async () => {
    await rig?.close()
    rig = undefined
    tap.release()
  })

  afterAll(() => tap?.close())

  test('kill: after the 200, before chat.send', async () => {
    const stopped = tap.stopAt(isAsk)
    const { daemon, tenant, bubble } = await ask()
    await stopped
    expect(await asksOf(bubble)).toEqual([])
    const before = bubble.captured.length
    await restart(daemon)
    await expectBubbleWentOn(daemon, tenant, bubble, before)
  })

  test('kill: chat.send is sent, its answer never comes', async () => {
    const stopped = tap.stopAt(isAck)
    const { daemon, tenant, bubble } = await ask()
    await stopped
    const before = bubble.captured.length
    await restart(daemon)
    await expectBubbleWentOn(daemon, tenant, bubble, before)
  })

  test('kill: chat.send is acknowledged', async () => {
    let acked = false
    const stopped = tap.stopAt(frame => {
      const isNext = acked
      acked ||= isAck(frame)
      return isNext
    })
    const { daemon, tenant, bubble } = await ask()
    await stopped
    const before = bubble.captured.length
    await restart(daemon)
    await expectBubbleWentOn(daemon, tenant, bubble, before)
  })

  test('kill: the first delta has come', async () => {
    let deltas = 0
    const stopped = tap.stopAt(frame => isDelta(frame) && ++deltas > 1)
    const { daemon, tenant, bubble } = await ask()
    await stopped
    await until('the first words are shown', () => bubble.text.startsWith('tok0'))
    const before = bubble.captured.length
    await restart(daemon)
    await expectBubbleWentOn(daemon, tenant, bubble, before)
  })

  test('kill: in the middle of the deltas', async () => {
    const { daemon, tenant, bubble } = await ask()
    await until('half of the words are shown', () => bubble.text.includes('tok15'))
    const before = bubble.captured.length
    await restart(daemon)
    await expectBubbleWentOn(daemon, tenant, bubble, before)
  })

  test('kill: the final is there and not fetched', async () => {
    const { daemon, tenant, bubble } = await ask()
    await until('the first words are shown', () => bubble.text.startsWith('tok0'))
    bubble.stopPolling()
    await until('the end of the run', () => knows(daemon, bubble, 'final'))
    const before = bubble.captured.length
    await restart(daemon)
    bubble.resumePolling()
    await expectBubbleWentOn(daemon, tenant, bubble, before)
  })

  test('kill: the finish frame was served', async () => {
    const { daemon, tenant, bubble } = await ask()
    await bubble.finished
    const before = bubble.captured.length
    await restart(daemon)
    const { reply } = await bubble.pollOnce()
    expect(reply.stream).toMatchObject({ id: bubble.streamId ?? '', content: answer, finish: true })
    await expectBubbleWentOn(daemon, tenant, bubble, before)
  })

  test('kill: the response_url took the answer, its own answer never comes', async () => {
    const { daemon, tenant, bubble } = await ask(early)
    tenant.responses.fail({ when: 'after', how: 'hang' }, bubble.responseUrl)
    await until('the response_url is used', () => tenant.responses.posts[0])
    await restart(daemon)
    await expectOnce(daemon, tenant, bubble)
    const bodies = tenant.responses.posts.map(post => post.body)
    expect(bodies).toEqual([bodies[0] ?? '', bodies[0] ?? ''])
    const journey = await journeyOf(daemon, bubble.msgid)
    expect(journey.findLast(event => event.kind === 'delivery')).toMatchObject({ state: 'unknown', dead: true })
  })

  test('kill: the request to the response_url is lost on its way', async () => {
    const { daemon, tenant, bubble } = await ask(early)
    tenant.responses.fail({ when: 'before', how: 'hang' }, bubble.responseUrl)
    await until('the response_url is tried', () => tenant.responses.posts[0])
    await restart(daemon)
    await expectOnce(daemon, tenant, bubble)
    expect(tenant.responses.posts.map(post => post.errcode)).toEqual([undefined, 0])
    const journey = await journeyOf(daemon, bubble.msgid)
    expect(journey.findLast(event => event.kind === 'delivery')).toMatchObject({ state: 'delivered', dead: false })
  })

  test('kill: between two refreshes, while the bubble is handed over', async () => {
    const { daemon, tenant, bubble } = await ask(early)
    await until('some words are shown', () => bubble.text.includes('tok3'))
    bubble.stopPolling()
    await daemon.kill()
    await untilTime(bubble.sentAt + 1_500)
    const before = bubble.captured.length
    await daemon.start()
    bubble.resumePolling()
    await bubble.finished
    expect(bubble.captured.slice(before).filter(exchange => exchange.reply.stream?.id === bubble.streamId)).not.toEqual(
      [],
    )
    // At most a second of what was shown is lost, never the answer.
    expect(bubble.text).toStartWith('tok0')
    expect(bubble.text).not.toContain('tok29')
    await expectOnce(daemon, tenant, bubble)
    expect(tenant.ledger.seen(bubble.place).map(entry => [entry.kind, entry.text.includes(answer)])).toEqual([
      ['frame-final', false],
      ['markdown', true],
    ])
  })

  test('kill: during the recovery from a kill', async () => {
    const { daemon, tenant, bubble } = await ask()
    await until('the first words are shown', () => bubble.text.startsWith('tok0'))
    await daemon.kill()
    const stopped = tap.stopAt(frame => frame.kind === 'answer' && frame.name === 'chat.history')
    await daemon.start()
    await stopped
    const before = bubble.captured.length
    await restart(daemon)
    await expectBubbleWentOn(daemon, tenant, bubble, before)
  })
})
