import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { bigAnswer, echoAnswer } from '../../src/playground/gateway/runs/script.ts'
import { directMessages, isReady, startAppDaemon, sendPath, textsOf, untilIdle, untilTexts } from './app-daemon.ts'
import { type TestDaemonOptions, startTestDaemon } from './daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon(startAppDaemon)

/** Bubbles end after a second. */
const short = { stream: { windowMs: 2_000, handoverMs: 1_000 } }

/** A daemon whose agent says `answer` when the test lets it. */
async function open(answer: string, options: TestDaemonOptions = {}) {
  const gate = Promise.withResolvers<void>()
  await daemon.open({
    bot: short,
    gateway: {
      async *script() {
        yield { kind: 'say', text: answer.slice(0, 3) }
        await gate.promise
        yield { kind: 'say', text: answer.slice(3) }
      },
    },
    ...options,
  })
  return { letGo: () => gate.resolve() }
}

const posts = () => daemon.tenant.responses.posts
const traceOf = async (msgid: string) =>
  // The daemon is of this source.
  (await daemon.api(`/api/trace/${msgid}`)) as { events: readonly Record<string, unknown>[] }

describe('an answer that its bubble cannot carry', () => {
  test('second way: after the hand-over the whole answer comes by direct message, and never by response_url as well', async () => {
    const { letGo } = await open('完整的回答')
    const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '你好' }).finished
    expect(bubble.text).toMatch(/^完整的\n\n[^]*还没有完成/)
    letGo()
    expect(await untilTexts(daemon, 'zhangsan', 1)).toEqual(['完整的回答'])
    expect(posts()).toEqual([])
    expect(daemon.tenant.violations()).toEqual([])
    const { events } = await traceOf(bubble.callback.msgid)
    expect(events).toContainEqual(expect.objectContaining({ kind: 'moved', route: 'app' }))
    expect(events).toContainEqual(expect.objectContaining({ kind: 'attempt', route: 'app', outcome: 'delivered' }))
  })

  test('second way: what was asked in a group comes to its sender alone', async () => {
    const { letGo } = await open('完整的回答')
    const bubble = daemon.tenant.say({ userid: 'zhangsan', chatid: 'wrGroupA', text: '@助手 你好' })
    await bubble.finished
    letGo()
    expect(await untilTexts(daemon, 'zhangsan', 1)).toEqual(['完整的回答'])
    expect(daemon.tenant.ledger.seen({ chatid: 'wrGroupA' }).map(entry => entry.kind)).toEqual(['frame-final'])
    expect(posts()).toEqual([])
  })

  test('second way: a final frame that nobody fetches is a direct message, and a late refresh says where it is', async () => {
    const { letGo } = await open('完整的回答', { bot: { stream: { windowMs: 2_000, handoverMs: 0 } } })
    const bubble = daemon.tenant.say({ userid: 'zhangsan', text: '你好' })
    await bubble.opened
    bubble.stopPolling()
    letGo()
    expect(await untilTexts(daemon, 'zhangsan', 1)).toEqual(['完整的回答'])
    await bubble.pollOnce()
    expect(bubble.frames.at(-1)).toMatchObject({ content: '完整的回答已单独发送。', finish: true })
    expect(posts()).toEqual([])
  })

  test('second way: more than a frame holds comes whole by direct message, as a line and a file', async () => {
    const answer = bigAnswer(30_000)
    const { letGo } = await open(answer, { bot: {} })
    letGo()
    const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: 'book' }).finished
    const [head = '', notice] = bubble.text.split('\n\n（')
    expect(answer.startsWith(head)).toBe(true)
    expect(notice).toContain('其余部分稍后单独发送')
    await untilTexts(daemon, 'zhangsan', 2)
    const sha256 = createHash('sha256').update(answer).digest('hex')
    expect(directMessages(daemon, 'zhangsan')).toMatchObject([
      { kind: 'app-text' },
      { kind: 'app-media', media: { name: '全文.md', bytes: 30_000, sha256 } },
    ])
    expect(posts()).toEqual([])
  })

  test('second way: an answer that the bubble showed whole is not sent again', async () => {
    const { letGo } = await open('完整的回答', { bot: {} })
    letGo()
    const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '你好' }).finished
    expect(bubble.text).toBe('完整的回答')
    await untilIdle(daemon)
    expect(textsOf(daemon, 'zhangsan')).toEqual([])
    expect(posts()).toEqual([])
  })
})

describe('when the direct message fails', () => {
  const unreachable: readonly (readonly [string, TestDaemonOptions['tenant'], number])[] = [
    ['a user who may not see the app (81013)', { members: ['lisi'] }, 81_013],
    ['a user without a licence', { members: ['zhangsan'], unlicensed: ['zhangsan'] }, 0],
  ]
  for (const [who, tenant, errcode] of unreachable) {
    test(`second way: ${who} gets the answer by response_url instead`, async () => {
      const { letGo } = await open('完整的回答', { ...(tenant && { tenant }) })
      const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '你好' }).finished
      letGo()
      await until('the answer by response_url', () => posts().length === 1)
      await untilIdle(daemon)
      const seen = daemon.tenant.ledger.seen({ userid: 'zhangsan' })
      expect(seen.map(entry => [entry.kind, entry.text]).at(-1)).toEqual(['markdown', '完整的回答'])
      expect(daemon.tenant.api.count(sendPath)).toBe(1)
      expect(await daemon.api('/api/status')).toMatchObject({ dead: 0 })
      const { events } = await traceOf(bubble.callback.msgid)
      const attempts = events.filter(event => event['kind'] === 'attempt')
      expect(attempts).toMatchObject([
        { route: 'app', outcome: 'refused', errcode },
        { route: 'response_url', outcome: 'delivered' },
      ])
    })
  }

  test('second way: when a part is refused, response_url brings what has not arrived', async () => {
    const answer = bigAnswer(15_000)
    const { letGo } = await open(answer)
    const stopListening = daemon.tenant.on(event => {
      if (event.kind !== 'api' || daemon.tenant.api.count(sendPath) !== 2) return
      stopListening()
      daemon.tenant.api.failWith(sendPath, 81_013)
    })
    await daemon.tenant.say({ userid: 'zhangsan', text: 'long' }).finished
    letGo()
    await until('the rest by response_url', () => posts().length === 1)
    const texts = daemon.tenant.ledger.seen({ userid: 'zhangsan' }).slice(1)
    expect(texts.map(entry => entry.kind)).toEqual(['app-text', 'app-text', 'markdown'])
    const lines = texts.flatMap(({ text }) => text.match(/^\d{5}(?= )/gm) ?? [])
    expect(lines).toEqual(answer.match(/^\d{5}(?= )/gm) ?? [])
  })

  test('second way: a long answer of which a user without a licence got nothing comes whole by response_url', async () => {
    const answer = bigAnswer(15_000)
    const { letGo } = await open(answer, { tenant: { unlicensed: ['zhangsan'] } })
    await daemon.tenant.say({ userid: 'zhangsan', text: 'long' }).finished
    letGo()
    await until('the answer by response_url', () => posts().length === 1)
    expect(daemon.tenant.ledger.seen({ userid: 'zhangsan' }).at(-1)?.text).toBe(answer)
  })

  test('second way: a direct message whose answer is lost is repeated, shown once, and not sent another way', async () => {
    const { letGo } = await open('完整的回答')
    daemon.tenant.api.fail({ when: 'after', how: 'reset' }, sendPath)
    await daemon.tenant.say({ userid: 'zhangsan', text: '你好' }).finished
    letGo()
    await until('the repetition', () => daemon.tenant.api.count(sendPath) === 2)
    await untilIdle(daemon)
    const bodies = daemon.tenant.api.requests.filter(one => one.path === sendPath).map(one => String(one.body))
    expect(bodies[1]).toBe(bodies[0] ?? '')
    expect(textsOf(daemon, 'zhangsan')).toEqual(['完整的回答'])
    expect(posts()).toEqual([])
    expect(await daemon.api('/api/status')).toMatchObject({ dead: 0 })
  })

  test('second way: a direct message whose fate stays unknown is listed and not sent another way', async () => {
    const { letGo } = await open('完整的回答')
    daemon.tenant.api.fail({ when: 'before', how: 'reset' }, sendPath)
    daemon.tenant.api.fail({ when: 'before', how: 'reset' }, sendPath)
    const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '你好' }).finished
    letGo()
    await until('the repetition', () => daemon.tenant.api.count(sendPath) === 2)
    await untilIdle(daemon)
    expect(await daemon.api('/api/status')).toMatchObject({ dead: 1 })
    expect((await traceOf(bubble.callback.msgid)).events.at(-1)).toMatchObject({ state: 'unknown', dead: true })
    expect(posts()).toEqual([])
  })

  test('second way: when both ways fail the answer is a dead delivery that status and trace show', async () => {
    const { letGo } = await open('完整的回答', { tenant: { members: ['lisi'] } })
    daemon.tenant.api.failWith('/cgi-bin/aibot/response', 846_699)
    const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '你好' }).finished
    letGo()
    await until('the refusal of the response_url', () => posts().length === 1)
    await untilIdle(daemon)
    expect(await daemon.api('/api/status')).toMatchObject({ dead: 1, outbox: { queued: 0, held: 0 } })
    const { events } = await traceOf(bubble.callback.msgid)
    expect(events.filter(event => event['kind'] === 'attempt')).toMatchObject([
      { route: 'app', outcome: 'refused', errcode: 81_013 },
      { route: 'response_url', outcome: 'refused', errcode: 846_699 },
    ])
    expect(events.filter(event => event['dead'] === true)).toHaveLength(1)
    const complaints = daemon.log.filter(line => line.includes('is a dead letter'))
    expect(complaints).toHaveLength(1)
    expect(daemon.log.join('')).not.toContain('完整的')
  })

  test('second way: an account without an app has the response_url alone', async () => {
    await daemon.open({ bot: short }, startTestDaemon)
    await until('the gateway link', () => isReady(daemon))
    const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '[slow 1500] hi' }).finished
    expect(bubble.text).toContain('还没有完成')
    await until('the answer by response_url', () => posts().length === 1)
    await untilIdle(daemon)
    const seen = daemon.tenant.ledger.seen({ userid: 'zhangsan' })
    expect(seen.at(-1)).toMatchObject({ kind: 'markdown', text: echoAnswer('hi') })
    expect(daemon.tenant.api.count(sendPath)).toBe(0)
  })
})
