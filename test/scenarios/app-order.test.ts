import { describe, expect, test } from 'bun:test'
import { isReady, startAppDaemon, sendPath, stopGateway, textsOf, untilIdle, untilTexts } from './app-daemon.ts'
import type { TestDaemonOptions } from './daemon.ts'
import { SettableClock } from './settable-clock.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon(startAppDaemon)

/** A daemon whose agent answers a question when the test lets it go. */
async function open(options: TestDaemonOptions = {}) {
  const gates = new Map<string, PromiseWithResolvers<void>>()
  const gateOf = (text: string) => {
    const gate = gates.get(text) ?? Promise.withResolvers<void>()
    gates.set(text, gate)
    return gate
  }
  await daemon.open({
    gateway: {
      async *script(message) {
        if (message.includes('wait')) await gateOf(message).promise
        yield { kind: 'say', text: `re: ${message}` }
      },
    },
    ...options,
  })
  return { letGo: (text: string) => gateOf(text).resolve() }
}

const asked = () => daemon.gateway.asks().map(ask => ask.text)
const say = (text: string, userid = 'zhangsan') => daemon.tenant.sayToApp({ userid, text }).done
const untilAsked = (count: number) => until(`question ${count}`, () => asked().length === count)

describe('the same message again', () => {
  test('app: duplicates at once, during the run and after it are one question and one answer', async () => {
    const { letGo } = await open()
    const call = daemon.tenant.sayToApp({ userid: 'zhangsan', text: 'wait' })
    const twins = await Promise.all([call.done, ...Array.from({ length: 4 }, () => call.deliverAgain())])
    expect(twins).toHaveLength(5)
    await untilAsked(1)
    await call.deliverAgain()
    letGo('wait')
    expect(await untilTexts(daemon, 'zhangsan', 1)).toEqual(['re: wait'])
    await call.deliverAgain()
    await daemon.restart()
    await call.deliverAgain()
    await untilIdle(daemon)
    expect(call.tries.map(({ status, raw }) => [status, raw])).toEqual(Array.from({ length: 8 }, () => [200, '']))
    expect(textsOf(daemon, 'zhangsan')).toEqual(['re: wait'])
    expect(asked()).toEqual(['wait'])
    expect(daemon.tenant.api.count(sendPath)).toBe(1)
  })

  test('app: the same text twice is two messages, and two equal answers both arrive', async () => {
    await open()
    await say('ok')
    await untilTexts(daemon, 'zhangsan', 1)
    await say('ok')
    expect(await untilTexts(daemon, 'zhangsan', 2)).toEqual(['re: ok', 're: ok'])
  })
})

describe('order and merging', () => {
  test('app: what one user writes while the answer runs is asked together afterwards', async () => {
    const { letGo } = await open()
    await say('wait one')
    await untilAsked(1)
    await say('two')
    await say('three')
    letGo('wait one')
    expect(await untilTexts(daemon, 'zhangsan', 2)).toEqual(['re: wait one', 're: two\n\nthree'])
    expect(asked()).toEqual(['wait one', 'two\n\nthree'])
  })

  test('app: answers to one user come in the order of the questions, the parts of a long one unbroken', async () => {
    const long = 'x'.repeat(5_000)
    await open({ gateway: { script: text => [{ kind: 'say', text: text === 'long' ? long : `re: ${text}` }] } })
    await say('long', 'zhangsan')
    await untilAsked(1)
    await say('short', 'ZhangSan')
    const texts = await untilTexts(daemon, 'zhangsan', 4)
    expect(texts.map(text => text.slice(0, 5))).toEqual(['(1/3)', '(2/3)', '(3/3)', 're: s'])
  })

  test('app: different users are answered side by side', async () => {
    const { letGo } = await open()
    await say('wait', 'zhangsan')
    await untilAsked(1)
    await say('quick', 'lisi')
    await until('the quick answer', () => textsOf(daemon, 'lisi').length === 1)
    expect(textsOf(daemon, 'zhangsan')).toEqual([])
    letGo('wait')
    expect(await untilTexts(daemon, 'zhangsan', 1)).toEqual(['re: wait'])
  })

  test('app: Bot and app share the session of a user, but what waits at one is not merged with the other', async () => {
    const { letGo } = await open()
    const first = daemon.tenant.say({ userid: 'zhangsan', text: 'wait one' })
    await untilAsked(1)
    const second = daemon.tenant.say({ userid: 'zhangsan', text: 'two by Bot' })
    await second.opened
    await say('three by app')
    letGo('wait one')
    await Promise.all([first.finished, second.finished])
    expect([first.text, second.text]).toEqual(['re: wait one', 're: two by Bot'])
    expect(await untilTexts(daemon, 'zhangsan', 1)).toEqual(['re: three by app'])
    expect(asked()).toEqual(['wait one', 'two by Bot', 'three by app'])
    expect(new Set(daemon.gateway.asks().map(ask => ask.sessionKey)).size).toBe(1)
  })
})

describe('limits', () => {
  test('app: over limits.perUserPerMinute the agent is not asked, and one sentence comes in ten minutes', async () => {
    // The first second of one of the periods of ten minutes.
    const clock = new SettableClock(Date.UTC(2026, 4, 1, 8, 0, 1))
    await open({ clock, config: { limits: { perUserPerMinute: 1 } } })
    await say('one')
    await untilTexts(daemon, 'zhangsan', 1)
    const calls = await Promise.all([say('two'), say('three'), say('four'), say('five', 'lisi'), say('six', 'lisi')])
    expect(calls.map(({ tries }) => tries[0]?.raw)).toEqual(['', '', '', '', ''])
    const busy = '当前消息太多，这一条没有处理，请稍后再发。'
    expect(await untilTexts(daemon, 'zhangsan', 2)).toEqual(['re: one', busy])
    await until('what the other was told', () => textsOf(daemon, 'lisi').length === 2)
    expect(textsOf(daemon, 'lisi')).toContain(busy)
    expect(asked().filter(text => text === 'one' || text === 'five' || text === 'six')).toHaveLength(2)
    expect(asked()).toHaveLength(2)
    const trace = await daemon.api(`/api/trace/${calls[0].msgid}`)
    expect(trace).toMatchObject({ state: 'ended', end: 'busy' })

    clock.step(10 * 60_000)
    await say('seven')
    await untilTexts(daemon, 'zhangsan', 3)
    await say('eight')
    expect(await untilTexts(daemon, 'zhangsan', 4)).toEqual(['re: one', busy, 're: seven', busy])
  })

  test('app: what waited longer than limits.askWithinMs for the gateway is not asked, and the next answer says so', async () => {
    const clock = new SettableClock()
    await open({ clock })
    await stopGateway(daemon)
    const lost = await say('too late')
    clock.step(6 * 3_600_000 - 60_000)
    await say('in time', 'lisi')
    expect(await daemon.api(`/api/trace/${lost.msgid}`)).toMatchObject({ state: 'waiting' })
    clock.step(60_000)
    await say('still in time', 'lisi')
    await until(
      'the end of the message',
      async () =>
        // The daemon is of this source.
        ((await daemon.api(`/api/trace/${lost.msgid}`)) as { end?: string }).end === 'expired',
    )
    expect(textsOf(daemon, 'zhangsan')).toEqual([])
    daemon.gateway.start()
    await until('the gateway link', () => isReady(daemon))
    await say('again')
    const [text] = await untilTexts(daemon, 'zhangsan', 1)
    expect(text).toBe('（上一条消息等待时间太长，没有处理；如仍需要请重新发送。）\n\nre: again')
    expect(asked()).not.toContain('too late')
    await say('and again')
    expect(await untilTexts(daemon, 'zhangsan', 2)).toEqual([text ?? '', 're: and again'])
    expect(textsOf(daemon, 'lisi')).toEqual(['re: in time\n\nstill in time'])
  })
})

describe('a restart', () => {
  test('app: the answer to a run that outlives the daemon arrives once, also to what came while it drained', async () => {
    const clock = new SettableClock()
    const { letGo } = await open({ clock })
    await say('wait')
    await untilAsked(1)
    const restarted = daemon.restart()
    clock.step(9_000) // of the ten seconds that a stop waits for runs
    await say('while it drains', 'lisi')
    await restarted
    letGo('wait')
    expect(await untilTexts(daemon, 'zhangsan', 1)).toEqual(['re: wait'])
    expect(await untilTexts(daemon, 'lisi', 1)).toEqual(['re: while it drains'])
    expect(asked()).toEqual(['wait', 'while it drains'])
  })
})
