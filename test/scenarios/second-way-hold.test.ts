import { describe, expect, test } from 'bun:test'
import { bigAnswer } from '../../src/playground/gateway/runs/script.ts'
import { directMessages, startAppDaemon, sendPath, textsOf, untilIdle } from './app-daemon.ts'
import { SettableClock } from './settable-clock.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon(startAppDaemon)
let clock: SettableClock

const long = bigAnswer(40_000)

/** A daemon whose bubbles end after a second, and whose agent answers when the test lets it; `long` with more than any frame holds. */
async function open() {
  clock = new SettableClock()
  const gates = new Map<string, PromiseWithResolvers<void>>()
  const gateOf = (text: string) => {
    const gate = gates.get(text) ?? Promise.withResolvers<void>()
    gates.set(text, gate)
    return gate
  }
  await daemon.open({
    clock,
    bot: { stream: { windowMs: 2_000, handoverMs: 1_000 } },
    gateway: {
      async *script(text) {
        await gateOf(text).promise
        yield { kind: 'say', text: text === 'long' ? long : `re: ${text}` }
      },
    },
  })
  return {
    /** Asks the Bot, and has the answer after the bubble has closed. */
    async askTooLong(text: string, userid = 'zhangsan') {
      const bubble = await daemon.tenant.say({ userid, text }).finished
      expect(bubble.text).toContain('还没有完成')
      gateOf(text).resolve()
      return bubble.callback.msgid
    },
    letGo: (text: string) => gateOf(text).resolve(),
  }
}

const posts = () => daemon.tenant.responses.posts
const tries = () => daemon.tenant.api.count(sendPath)

interface Status {
  readonly dead: number
  readonly outbox: { readonly queued: number; readonly held: number }
  readonly accounts: readonly {
    readonly app: { readonly held?: { readonly errcode: number; readonly hint: string } }
  }[]
}

// The daemon is of this source.
const statusOf = async () => (await daemon.api('/api/status')) as Status
const heldOf = async () => (await statusOf()).accounts[0]?.app.held

/** Lets the time pass and the daemon notice: its timers wait as long as they were set for. */
async function pass(ms: number): Promise<void> {
  clock.step(ms)
  await daemon.tenant.say({ userid: 'wang', text: '/wake' }).finished
}

const lastSeen = (userid: string) => daemon.tenant.ledger.seen({ userid }).at(-1)

describe('an app that WeCom refuses (60020)', () => {
  test('second way: an answer goes by response_url at once, and the next one without a try at the app', async () => {
    const { askTooLong } = await open()
    daemon.tenant.api.trustOnly(['10.1.2.3'])
    await askTooLong('one')
    await until('the answer by response_url', () => posts().length === 1)
    expect(lastSeen('zhangsan')).toMatchObject({ kind: 'markdown', text: 're: one' })
    expect(await heldOf()).toMatchObject({ errcode: 60_020, hint: expect.stringContaining('127.0.0.1') })
    const msgid = await askTooLong('two', 'lisi')
    await until('the next answer', () => posts().length === 2)
    expect(lastSeen('lisi')).toMatchObject({ kind: 'markdown', text: 're: two' })
    await untilIdle(daemon)
    expect(tries()).toBe(1)
    expect(await statusOf()).toMatchObject({ dead: 0, outbox: { queued: 0, held: 0 } })
    const trace = JSON.stringify(await daemon.api(`/api/trace/${msgid}`))
    expect(trace).toContain('the app is on hold')

    daemon.tenant.api.trustOnly(undefined)
    await pass(60_000)
    await askTooLong('three')
    await until('the answer by direct message', () => textsOf(daemon, 'zhangsan').length === 1)
    expect(textsOf(daemon, 'zhangsan')).toEqual(['re: three'])
    expect(posts()).toHaveLength(2)
    await until('the status to say so', async () => (await heldOf()) === undefined)
  })

  test('second way: an answer with a response_url does not wait behind one that has none', async () => {
    const { askTooLong, letGo } = await open()
    daemon.tenant.api.trustOnly(['10.1.2.3'])
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: 'by app' }).done
    letGo('by app')
    await until('the answer of the app to be held', async () => (await statusOf()).outbox.held === 1)
    await askTooLong('one')
    await until('the answer by response_url', () => posts().length === 1)
    expect(lastSeen('zhangsan')).toMatchObject({ kind: 'markdown', text: 're: one' })
    await askTooLong('long')
    await until('both that need the app to be held', async () => (await statusOf()).outbox.held === 2)
    expect(tries()).toBe(1)

    daemon.tenant.api.trustOnly(undefined)
    await pass(60_000)
    await until('all to arrive', () => textsOf(daemon, 'zhangsan').length === 3)
    expect(textsOf(daemon, 'zhangsan')[0]).toBe('re: by app')
    expect(posts()).toHaveLength(1)
    await untilIdle(daemon)
    expect(await statusOf()).toMatchObject({ dead: 0, outbox: { queued: 0, held: 0 } })
  })

  test('second way: an answer that no response_url holds waits for the app, as an answer of the app itself does', async () => {
    const { askTooLong, letGo } = await open()
    daemon.tenant.api.trustOnly(['10.1.2.3'])
    await askTooLong('long')
    await until('the answer to be held', async () => (await statusOf()).outbox.held === 1)
    await daemon.tenant.sayToApp({ userid: 'lisi', text: 'by app' }).done
    letGo('by app')
    await until('both to be held', async () => (await statusOf()).outbox.held === 2)
    await daemon.restart()
    await until('both to be held again', async () => (await statusOf()).outbox.held === 2)
    expect([
      posts().length,
      daemon.tenant.ledger.entries.filter(entry => entry.kind.startsWith('app-')).length,
    ]).toEqual([0, 0])

    daemon.tenant.api.trustOnly(undefined)
    await pass(60_000)
    await until('the long answer', () => textsOf(daemon, 'zhangsan').length === 2)
    await until('the answer of the app', () => textsOf(daemon, 'lisi').length === 1)
    await untilIdle(daemon)
    expect(directMessages(daemon, 'zhangsan')).toMatchObject([
      { kind: 'app-text' },
      { kind: 'app-media', media: { bytes: 40_000 } },
    ])
    expect(textsOf(daemon, 'lisi')).toEqual(['re: by app'])
    expect(posts()).toEqual([])
    expect(await statusOf()).toMatchObject({ dead: 0, outbox: { queued: 0, held: 0 } })
    expect(await heldOf()).toBeUndefined()
  })
})

describe('an app that WeCom is too busy for (-1)', () => {
  test('second way: after three tries that were put off the answer goes by response_url, and by that alone', async () => {
    const { askTooLong } = await open()
    daemon.tenant.api.failWith(sendPath, -1, 5)
    const msgid = await askTooLong('one')
    for (const count of [1, 2, 3]) {
      await until(`try ${count}`, () => tries() === count)
      await pass(20_000)
    }
    await until('the answer by response_url', () => posts().length === 1)
    expect(lastSeen('zhangsan')).toMatchObject({ kind: 'markdown', text: 're: one' })
    await pass(600_000)
    await untilIdle(daemon)
    expect(textsOf(daemon, 'zhangsan')).toEqual([])
    const trace = JSON.stringify(await daemon.api(`/api/trace/${msgid}`))
    expect(trace).toContain('"times":3')
  })
})
