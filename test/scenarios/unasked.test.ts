import { afterEach, describe, expect, test } from 'bun:test'
import { isReady, startAppDaemon, textsOf, untilIdle } from './app-daemon.ts'
import { startTestDaemon, type TestDaemon } from './daemon.ts'
import { SkippingClock } from './skipping-clock.ts'
import { until } from './until.ts'

let daemon: TestDaemon
let clock: SkippingClock
afterEach(() => daemon.close())

const direct = 'agent:main:wecom:default:direct:zhangsan'
const group = `agent:main:wecom:default:group:wrgroup`
const report = (n: number | string) => `announce:v1:agent:main:subagent:${n}`

async function open(hasApp: 'with an app' | 'without an app' = 'with an app') {
  clock = new SkippingClock()
  const options = { clock, gateway: { script: (text: string) => [{ kind: 'say', text: `re: ${text}` } as const] } }
  daemon = await (hasApp === 'with an app' ? startAppDaemon(options) : startTestDaemon(options))
  await until('the gateway link', () => isReady(daemon))
}

/** Lets time pass, in small steps. */
async function pass(ms: number): Promise<void> {
  const end = clock.now() + ms
  await until(`${ms} ms to pass`, () => {
    clock.skip(200)
    return clock.now() >= end
  })
  await untilIdle(daemon)
}

const dms = () => textsOf(daemon, 'zhangsan')
const posts = () =>
  daemon.tenant.ledger.entries.flatMap(({ kind, text: posted }) => (kind === 'markdown' ? [posted] : []))
const traceOf = async (runId: string) =>
  // The daemon is of this source.
  (await daemon.api(`/api/trace/${encodeURIComponent(`unasked:${runId}`)}`)) as Record<string, unknown>

describe('what the agent says unasked', () => {
  test('unasked: the report of a sub-agent comes once, by the response_url that is left', async () => {
    await open()
    await daemon.tenant.say({ userid: 'zhangsan', text: '查一下' }).finished
    daemon.gateway.speak({ sessionKey: direct, runId: report(1), text: '查好了' })
    await pass(19_000)
    expect(posts()).toEqual([])
    await pass(5_000)
    expect(posts()).toEqual(['查好了'])
    daemon.gateway.speak({ sessionKey: direct, runId: report(2), text: '还有一件' })
    await pass(25_000)
    expect([posts(), dms()]).toEqual([['查好了'], ['还有一件']])
    expect(await traceOf(report(1))).toMatchObject({ origin: 'agent', state: 'moved', end: 'answered' })
    await daemon.restart()
    await until('the gateway link', () => isReady(daemon))
    await pass(60_000)
    expect([posts(), dms()]).toEqual([['查好了'], ['还有一件']])
    expect(daemon.tenant.violations()).toEqual([])
  })

  test('unasked: to a user of the app it is a direct message', async () => {
    await open()
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: '查一下' }).done
    await until('the answer', () => dms().length === 1)
    daemon.gateway.speak({ sessionKey: direct, runId: report(1), text: '查好了' })
    await pass(25_000)
    expect(dms()).toEqual(['re: 查一下', '查好了'])
  })

  test('unasked: in a group it goes to the chat, then to the sender of the newest turn', async () => {
    await open()
    await daemon.tenant.say({ userid: 'lisi', chatid: 'wrgroup', text: '@助手 一' }).finished
    await daemon.tenant.say({ userid: 'zhangsan', chatid: 'wrgroup', text: '@助手 二' }).finished
    for (const n of [1, 2, 3]) {
      daemon.gateway.speak({ sessionKey: group, runId: report(n), text: `第 ${n} 份` })
      await pass(25_000)
    }
    expect([posts(), dms()]).toEqual([['第 1 份', '第 2 份'], ['第 3 份']])
  })

  test('unasked: without any route it is a dead letter', async () => {
    await open('without an app')
    daemon.gateway.speak({ sessionKey: direct, runId: report(1), text: '查好了' })
    await pass(25_000)
    expect(await daemon.api('/api/dead')).toMatchObject({ dead: [{ turn: `unasked:${report(1)}` }] })
  })

  for (const [why, runId, text, asked] of [
    ['another client asked', 'other-1', 'an answer', 'a question'],
    ['it is a sentinel', report(1), 'HEARTBEAT_OK', undefined],
    ['it says that there is nothing to say', report(2), 'NO_REPLY', undefined],
    ['it is empty', report(3), ' ', undefined],
  ] as const) {
    test(`unasked: nothing is sent if ${why}`, async () => {
      await open()
      await daemon.tenant.say({ userid: 'zhangsan', text: '查一下' }).finished
      daemon.gateway.speak({ sessionKey: direct, runId, text, ...(asked !== undefined && { asked }) })
      await pass(25_000)
      expect([posts(), dms()]).toEqual([[], []])
    })
  }

  test('unasked: a follow-up of the agent under any id is told', async () => {
    await open()
    await daemon.tenant.say({ userid: 'zhangsan', text: '查一下' }).finished
    daemon.gateway.speak({ sessionKey: direct, runId: 'f7d1-any', text: '还有，注意看邮件' })
    await pass(25_000)
    expect(posts()).toEqual(['还有，注意看邮件'])
  })

  test('unasked: what came while the daemon was away, or waited when it stopped, is told once', async () => {
    await open()
    await daemon.tenant.say({ userid: 'zhangsan', text: '查一下' }).finished
    daemon.gateway.speak({ sessionKey: direct, runId: report(1), text: '查好了' })
    await pass(2_000)
    await daemon.app.stop()
    daemon.gateway.speak({ sessionKey: direct, runId: report(2), text: '又好了' })
    await daemon.restart()
    await until('the gateway link', () => isReady(daemon))
    await pass(30_000)
    expect([posts(), dms()]).toEqual([['查好了'], ['又好了']])
  })

  test('unasked: what came while the link was down is told', async () => {
    await open()
    await daemon.tenant.say({ userid: 'zhangsan', text: '查一下' }).finished
    await daemon.gateway.kill()
    daemon.gateway.start()
    daemon.gateway.speak({ sessionKey: direct, runId: report(1), text: '查好了' })
    await until('the gateway link', () => isReady(daemon))
    await pass(30_000)
    expect(posts()).toEqual(['查好了'])
  })

  test('unasked: sessions of another account are left alone', async () => {
    await open()
    daemon.gateway.speak({ sessionKey: 'agent:main:wecom:sales:direct:zhangsan', runId: report(1), text: 'x' })
    daemon.gateway.speak({ sessionKey: 'agent:main:main', runId: report(2), text: 'x' })
    await pass(25_000)
    expect([posts(), dms()]).toEqual([[], []])
    expect(await daemon.api('/api/dead')).toMatchObject({ dead: [] })
  })
})
