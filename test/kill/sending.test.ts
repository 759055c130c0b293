import { afterEach, expect, test } from 'bun:test'
import type { DeliveryReport } from '../../src/bridge/operator/trace.ts'
import type { ScriptStep } from '../../src/playground/gateway/runs/script.ts'
import type { LedgerKind } from '../../src/playground/tenant/ledger.ts'
import type { Binary } from '../scenarios/binary.ts'
import { until } from '../scenarios/until.ts'
import { deliveredBy, type EchoRig, isIdle, journeyOf, openEchoRig, postSend } from './rig.ts'
import { openPost } from './post.ts'
import { stopAt } from './stop.ts'

const send = '/cgi-bin/message/send'
const upload = '/cgi-bin/media/upload'
const gettoken = '/cgi-bin/gettoken'
const webhook = '/cgi-bin/webhook/send'
const responseUrl = '/cgi-bin/aibot/response'

const member = 'zhangsan'
/** Three messages for an app or a robot. */
const long = Array.from({ length: 250 }, (_, line) => `line ${line} of it all`).join('\n')
/** A line and a file. */
const endless = Array.from({ length: 1_200 }, (_, line) => `line ${line} of it all`).join('\n')
const table = { fileName: 'table.csv', base64: Buffer.from('a,b\n1,2\n').toString('base64') }

let rig: EchoRig | undefined

afterEach(async () => {
  await rig?.close()
  rig = undefined
})

async function open(script?: () => Iterable<ScriptStep>): Promise<EchoRig> {
  rig = await openEchoRig({
    agent: { replyFormat: 'text' },
    bot: { stream: { windowMs: 2_000, handoverMs: 1_200 } },
    channel: { webhooks: { ops: 'robot-key-0001' } },
    tenant: { members: [member], robots: [{ name: 'ops', key: 'robot-key-0001' }], windowMs: 2_000 },
    echo: script === undefined ? {} : { script },
  })
  return rig
}

async function accept(daemon: Binary, body: object): Promise<string> {
  const { status, answer } = await postSend(daemon, body)
  expect(status).toBe(202)
  return answer.id ?? ''
}

async function restart(daemon: Binary): Promise<void> {
  await daemon.kill()
  await daemon.start()
}

/** What the platform took, in order: its kind, and the number of its part where it has one. */
function taken({ tenant }: EchoRig): readonly (readonly [LedgerKind, string])[] {
  return tenant.ledger.entries.map(({ kind, text }) => [kind, /^\(\d\/\d\)/.exec(text)?.[0] ?? text])
}

/** What the daemon tells of each try: which part, and how it ended. */
function tries({ attempts }: DeliveryReport): readonly string[] {
  const isCut = (errmsg?: string) => errmsg === 'cut off by a restart'
  return attempts.map(({ part, outcome, errmsg }) => `${part} ${isCut(errmsg) ? 'cut off' : outcome}`)
}

/** The end of a delivery, after which nobody complains and the trace says the same. */
async function endOf({ daemon, tenant }: EchoRig, id: string): Promise<DeliveryReport> {
  const report = await deliveredBy(daemon, id)
  await until('nothing waits any more', () => isIdle(daemon))
  expect(tenant.violations()).toEqual([])
  expect(tenant.dropped).toEqual([])
  expect(daemon.noise).toEqual([])
  const journey = await journeyOf(daemon, id)
  const told = journey.filter(event => event.kind === 'attempt' && event['delivery'] === id)
  expect(told).toHaveLength(report.attempts.length)
  expect(journey.findLast(event => event['delivery'] === id)).toMatchObject({
    kind: 'delivery',
    state: report.state,
    dead: report.dead,
  })
  return report
}

const threeParts = ['(1/3)', '(2/3)', '(3/3)'].map(part => ['app-text', part] as const)

for (const when of ['before', 'after'] as const) {
  const fate = when === 'before' ? 'has not looked at it' : 'has taken it'

  test(`kill: part 2 of 3 is under way and WeCom ${fate}: each part is seen once, in order`, async () => {
    const opened = await open()
    const { daemon, tenant } = opened
    const stopped = stopAt(tenant, send, when, 2)
    const id = await accept(daemon, { to: `user:${member}`, text: long })
    await stopped
    await restart(daemon)
    const report = await endOf(opened, id)
    expect(report).toMatchObject({ state: 'delivered', dead: false })
    expect(tries(report)).toEqual(['1 delivered', '2 cut off', '2 delivered', '3 delivered'])
    expect(taken(opened)).toEqual(threeParts)
    const [, second, again] = tenant.api.requests.filter(({ path }) => path === send)
    expect(again?.body.toString()).toBe(second?.body.toString() ?? '')
  })

  test(`kill: a file is being uploaded and WeCom ${fate}: it is uploaded again and sent once`, async () => {
    const opened = await open()
    const { daemon, tenant } = opened
    const stopped = stopAt(tenant, upload, when)
    const id = await accept(daemon, { to: `user:${member}`, media: table })
    await stopped
    await restart(daemon)
    expect(tries(await endOf(opened, id))).toEqual(['1 delivered'])
    expect(taken(opened)).toEqual([['app-media', 'table.csv']])
    expect(tenant.media.uploads.at(-1)?.bytes.toString('base64')).toBe(table.base64)
    expect(tenant.api.count(upload)).toBe(2)
  })

  test(`kill: an uploaded file is being sent and WeCom ${fate}: it is sent once, and not uploaded again`, async () => {
    const opened = await open()
    const { daemon, tenant } = opened
    const stopped = stopAt(tenant, send, when)
    const id = await accept(daemon, { to: `user:${member}`, media: table })
    await stopped
    await restart(daemon)
    expect(tries(await endOf(opened, id))).toEqual(['1 cut off', '1 delivered'])
    expect(taken(opened)).toEqual([['app-media', 'table.csv']])
    expect(tenant.api.count(upload)).toBe(1)
  })

  test(`kill: part 2 for a robot is under way and WeCom ${fate}: it is not repeated, listed as unknown, and the rest arrives`, async () => {
    const opened = await open()
    const { daemon, tenant } = opened
    const stopped = stopAt(tenant, webhook, when, 2)
    const id = await accept(daemon, { to: 'webhook:ops', text: long })
    await stopped
    await restart(daemon)
    const report = await endOf(opened, id)
    expect(report).toMatchObject({ state: 'unknown', dead: true })
    expect(tries(report)).toEqual(['1 delivered', '2 cut off', '3 delivered'])
    const parts = when === 'before' ? ['(1/3)', '(3/3)'] : ['(1/3)', '(2/3)', '(3/3)']
    expect(taken(opened)).toEqual(parts.map(part => ['robot-text', part]))
  })

  test(`kill: the direct message of a moved answer is under way and WeCom ${fate}: it is seen once`, async () => {
    const opened = await open(lateAnswer)
    const { daemon, tenant } = opened
    const stopped = stopAt(tenant, send, when)
    const bubble = tenant.say({ userid: member, text: 'a question' })
    await bubble.finished
    await stopped
    await restart(daemon)
    const report = await endOf(opened, `wecom:default:${bubble.msgid}:app`)
    expect(report).toMatchObject({ state: 'delivered', dead: false })
    expect(taken(opened).slice(1)).toEqual([['app-text', 'late but whole']])
    expect(tenant.responses.posts).toEqual([])
  })

  test(`kill: the app refused an answer, the response_url is under way and WeCom ${fate}: it is seen once`, async () => {
    const opened = await open(lateAnswer)
    const { daemon, tenant } = opened
    tenant.api.failWith(send, 81_013)
    const stopped = stopAt(tenant, responseUrl, when)
    const bubble = tenant.say({ userid: member, text: 'a question' })
    await bubble.finished
    await stopped
    await restart(daemon)
    const turn = `wecom:default:${bubble.msgid}`
    const report = await endOf(opened, `${turn}:response_url`)
    const isUnknown = when === 'after'
    expect(report).toMatchObject({ state: isUnknown ? 'unknown' : 'delivered', dead: isUnknown })
    expect(await deliveredBy(daemon, `${turn}:app`)).toMatchObject({ state: 'refused', dead: false })
    expect(taken(opened).slice(1)).toEqual([['markdown', 'late but whole']])
    const bodies = tenant.responses.posts.map(post => post.body)
    expect(bodies).toEqual([bodies[0] ?? '', bodies[0] ?? ''])
  })
}

/** The bubble has closed by then. */
function* lateAnswer(): Generator<ScriptStep, void> {
  yield { kind: 'wait', ms: 1_500 }
  yield { kind: 'say', text: 'late but whole' }
}

test('kill: the file of a long text is being uploaded: its line has not been seen, and both arrive once', async () => {
  const opened = await open()
  const { daemon, tenant } = opened
  const stopped = stopAt(tenant, upload, 'before')
  const id = await accept(daemon, { to: `user:${member}`, text: endless })
  await stopped
  expect(taken(opened)).toEqual([])
  await restart(daemon)
  expect(tries(await endOf(opened, id))).toEqual(['1 delivered', '2 delivered'])
  expect(taken(opened).map(([kind]) => kind)).toEqual(['app-text', 'app-media'])
  expect(tenant.media.uploads.at(-1)?.bytes.toString()).toBe(endless)
})

test('kill: as soon as WeCom has taken a part, whichever it is: each is seen once, in order', async () => {
  const opened = await open()
  const { daemon, tenant } = opened
  for (const part of [1, 2, 3]) {
    const seenBefore = tenant.ledger.entries.length
    const text = long.replaceAll('line', `row ${part}.`)
    const id = await accept(daemon, { to: `user:${member}`, text })
    await until(`part ${part}`, () => tenant.ledger.entries.length >= seenBefore + part)
    await restart(daemon)
    expect(await endOf(opened, id)).toMatchObject({ state: 'delivered', dead: false })
    expect(taken(opened).slice(seenBefore)).toEqual(threeParts)
  }
})

test('kill: an equal message has just gone, so a second try would be taken for it: unknown, never repeated', async () => {
  const opened = await open()
  const { daemon, tenant } = opened
  const first = await accept(daemon, { to: `user:${member}`, text: 'done' })
  expect(await endOf(opened, first)).toMatchObject({ state: 'delivered' })
  const stopped = stopAt(tenant, send, 'before')
  const twin = await accept(daemon, { to: `user:${member}`, text: 'done' })
  await stopped
  await restart(daemon)
  expect(await endOf(opened, twin)).toMatchObject({ state: 'unknown', dead: true })
  const next = await accept(daemon, { to: `user:${member}`, text: 'next' })
  expect(await endOf(opened, next)).toMatchObject({ state: 'delivered' })
  expect(taken(opened).map(([, text]) => text)).toEqual(['done', 'next'])
})

test('kill: after the 202 and before anything was sent: it arrives once', async () => {
  const opened = await open()
  const { daemon, tenant } = opened
  const stopped = stopAt(tenant, gettoken, 'before')
  const id = await accept(daemon, { to: `user:${member}`, text: 'hello' })
  await stopped
  const behind = await accept(daemon, { to: `user:${member}`, text: 'and more' })
  expect(tenant.api.count(send)).toBe(0)
  await restart(daemon)
  expect(await endOf(opened, id)).toMatchObject({ state: 'delivered' })
  expect(tries(await endOf(opened, behind))).toEqual(['1 delivered'])
  expect(taken(opened)).toEqual([
    ['app-text', 'hello'],
    ['app-text', 'and more'],
  ])
})

test('kill: at the very 202: what was accepted arrives once', async () => {
  const opened = await open()
  const { daemon } = opened
  for (const text of ['one', 'two', 'three']) {
    const id = await accept(daemon, { to: `user:${member}`, text })
    await restart(daemon)
    expect(await endOf(opened, id)).toMatchObject({ state: 'delivered' })
  }
  expect(taken(opened).map(([, text]) => text)).toEqual(['one', 'two', 'three'])
})

const idempotencyKey = 'order-4711'

for (const moment of ['half of the request', 'the request, and nobody waits', 'its answer, which is lost'] as const) {
  test(`kill: before the client has its 202, after ${moment}: its repetition makes one message`, async () => {
    const opened = await open()
    const { daemon } = opened
    const body = { to: `user:${member}`, text: long, idempotencyKey }
    const post = await openPost(daemon, body)
    if (moment === 'half of the request') await post.sendHalf()
    else await post.sendWhole()
    if (moment === 'its answer, which is lost') await post.answered
    await restart(daemon)
    const id = await accept(daemon, body)
    expect(await accept(daemon, body)).toBe(id)
    expect((await postSend(daemon, { ...body, text: 'something else' })).status).toBe(409)
    expect(await endOf(opened, id)).toMatchObject({ state: 'delivered' })
    expect(taken(opened)).toEqual(threeParts)
    expect(await journeyOf(daemon, idempotencyKey)).toEqual(await journeyOf(daemon, id))
  })
}

test('kill: an app callback got its 200: it is asked and answered once, also when it comes again', async () => {
  const opened = await open(() => [{ kind: 'say', text: 'an answer' }])
  const { daemon, tenant, echo } = opened
  const call = tenant.sayToApp({ userid: member, text: 'a question' })
  await call.done
  await restart(daemon)
  await call.deliverAgain()
  expect(await endOf(opened, `wecom:default:${call.msgid}:app`)).toMatchObject({ state: 'delivered' })
  await call.deliverAgain()
  expect(await endOf(opened, `wecom:default:${call.msgid}:app`)).toMatchObject({ state: 'delivered' })
  expect(echo.asks()).toHaveLength(1)
  expect(taken(opened)).toEqual([['app-text', 'an answer']])
  const journey = await journeyOf(daemon, call.msgid)
  expect(journey.filter(({ kind }) => kind === 'received' || kind === 'duplicate')).toHaveLength(3)
})

test('kill: nobody is there when an app callback comes: the next delivery of it is answered once', async () => {
  const opened = await open(() => [{ kind: 'say', text: 'an answer' }])
  const { daemon, tenant } = opened
  await daemon.kill()
  const call = tenant.sayToApp({ userid: member, text: 'a question' })
  await until('the first delivery of the callback', () => call.tries.length > 0)
  await daemon.start()
  await call.done
  expect(call.tries.map(({ status }) => status)).toEqual([0, 200])
  expect(await endOf(opened, `wecom:default:${call.msgid}:app`)).toMatchObject({ state: 'delivered' })
  expect(taken(opened)).toEqual([['app-text', 'an answer']])
})
