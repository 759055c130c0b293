import { describe, expect, test } from 'bun:test'
import { startAppDaemon, textsOf, untilIdle } from './app-daemon.ts'
import { SettableClock } from './settable-clock.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon(startAppDaemon)

const minuteMs = 60_000

/** A daemon whose agent says nothing until the test lets it. */
async function open() {
  const clock = new SettableClock()
  const gate = Promise.withResolvers<void>()
  await daemon.open({
    clock,
    gateway: {
      async *script(text) {
        await gate.promise
        yield { kind: 'say', text: `re: ${text}` }
      },
    },
  })
  return {
    /** Lets the time pass and the daemon notice: its timers wait as long as they were set for. */
    async pass(ms: number) {
      clock.step(ms)
      await daemon.tenant.say({ userid: 'wang', text: '/wake' }).finished
    },
    answer: () => gate.resolve(),
  }
}

const isUp = async () => (await fetch(`${daemon.app.privateUrl}/readyz`)).status === 200

describe('an agent that is silent for ten minutes', () => {
  const between = {
    'nothing else happens': async () => {},
    'the daemon is restarted': async () => await daemon.restart(),
    'the gateway is killed and started': async () => {
      await daemon.gateway.kill()
      await until('the link to be down', async () => !(await isUp()))
      daemon.gateway.start()
    },
  }
  for (const [what, happen] of Object.entries(between)) {
    test(`silent: the bubble closes on time with a notice, ${what}, and the answer comes by direct message once`, async () => {
      const { pass, answer } = await open()
      const bubble = daemon.tenant.say({ userid: 'zhangsan', text: 'think' })
      await until('the question', () => daemon.gateway.asks().some(({ text }) => text === 'think'))
      await pass(2 * minuteMs)
      await until('the time to be shown', () => bubble.text.includes('2 分'))
      expect(bubble.text).not.toContain('还没有完成')
      await pass(3.5 * minuteMs)
      expect((await bubble.finished).text).toContain('还没有完成')
      await happen()
      await until('the link', isUp)
      await pass(4.5 * minuteMs)
      expect(textsOf(daemon, 'zhangsan')).toEqual([])
      answer()
      await pass(minuteMs)
      await until('the answer', () => textsOf(daemon, 'zhangsan').length > 0)
      await untilIdle(daemon)
      expect(textsOf(daemon, 'zhangsan')).toEqual(['re: think'])
      expect(daemon.tenant.responses.posts).toEqual([])
      expect(daemon.gateway.asks().filter(({ text }) => text === 'think').length).toBe(1)
      expect(daemon.tenant.violations()).toEqual([])
    })
  }
})

test('silent: who looks again just after the answer went another way sees it once', async () => {
  const { pass, answer } = await open()
  const bubble = daemon.tenant.say({ userid: 'zhangsan', text: 'think' })
  await until('the question', () => daemon.gateway.asks().some(({ text }) => text === 'think'))
  bubble.stopPolling()
  answer()
  await until('the run to end', async () => {
    const status = (await daemon.api('/api/status')) as { turns: { asking: number } } // the daemon is of this source
    return status.turns.asking === 0
  })
  await pass(25_000)
  const trace = async () => JSON.stringify(await daemon.api(`/api/trace/${bubble.callback.msgid}`))
  await until('the hand-over', async () => (await trace()).includes('"moved"'))
  bubble.resumePolling()
  const { text } = await bubble.finished
  expect(text).toContain('已单独发送')
  expect(text).not.toContain('re: think')
  await untilIdle(daemon)
  expect(textsOf(daemon, 'zhangsan')).toEqual(['re: think'])
})
