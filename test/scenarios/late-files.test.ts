import { afterEach, describe, expect, test } from 'bun:test'
import { createTranslator } from '../../src/core/notices/notices.ts'
import type { FileProblem } from '../../src/domain/turn.ts'
import type { ScriptStep } from '../../src/playground/gateway/runs/script.ts'
import type { Tenant } from '../../src/playground/tenant/tenant.ts'
import { noise, pngOf } from '../gateway/files.ts'
import { isReady, startAppDaemon, textsOf, untilIdle } from './app-daemon.ts'
import { startTestDaemon, type TestDaemon } from './daemon.ts'
import { SkippingClock } from './skipping-clock.ts'
import { until } from './until.ts'

let daemon: TestDaemon
let clock: SkippingClock
afterEach(() => daemon.close())

const say = createTranslator('zh-CN')
const follows = (name: string) => say({ key: 'file_follows', name })
const problem = (name: string, reason: FileProblem) => say({ key: 'file_problem', name, problem: reason })
const alone = { userid: 'zhangsan', text: '做一个' }
const inGroup = { userid: 'zhangsan', chatid: 'wrGroup', text: '@助手 做一个' }
const says: ScriptStep = { kind: 'say', text: '做好了' }
const text = (name: string, afterMs: number, bytes: Uint8Array = Buffer.from(`this is ${name}`)): ScriptStep => ({
  kind: 'file',
  name,
  mimeType: 'text/plain',
  bytes,
  afterMs,
})
const picture = (afterMs: number): ScriptStep => ({
  kind: 'file',
  name: 'out.png',
  mimeType: 'image/png',
  bytes: pngOf(60),
  afterMs,
})

async function open(steps: readonly ScriptStep[], hasApp: 'with an app' | 'without an app' = 'with an app') {
  clock = new SkippingClock()
  const options = { clock, gateway: { script: () => [{ kind: 'wait', ms: 100 } as const, ...steps] } }
  daemon = await (hasApp === 'with an app' ? startAppDaemon(options) : startTestDaemon(options))
  await until('the gateway link', () => isReady(daemon))
}

/** Lets time pass, in small steps, until `look` finds something. */
function passUntil<T>(what: string, look: () => T | undefined | false): Promise<T> {
  return until(what, () => {
    clock.skip(100)
    return look()
  })
}

async function pass(ms: number): Promise<void> {
  const end = clock.now() + ms
  await passUntil(`${ms} ms to pass`, () => clock.now() >= end)
}

const dms = () => daemon.tenant.ledger.seen({ userid: 'zhangsan' }).flatMap(({ media }) => media ?? [])
const posts = () =>
  daemon.tenant.ledger.entries.flatMap(({ kind, text: posted }) => (kind === 'markdown' ? [posted] : []))
const hasClosed = () => daemon.tenant.ledger.entries.some(({ kind }) => kind === 'frame-final')
const names = () => dms().map(({ name }) => name)

/** The events of the files of the answer in a bubble. */
async function traceOf({ msgid }: ReturnType<Tenant['say']>): Promise<readonly unknown[]> {
  // The daemon is of this source. There is no trace before the message is stored.
  const { events = [] } = (await daemon.api(`/api/trace/${msgid}`)) as { events?: readonly Record<string, unknown>[] }
  return events.filter(({ kind }) => kind === 'file').map(event => event['problem'] ?? event['state'])
}

const warnings = () => daemon.log.filter(line => line.includes('a file of an answer did not arrive'))

for (const [where, saying] of [
  ['in a single chat', alone],
  ['in a group', inGroup],
] as const) {
  describe(`late files, ${where}`, () => {
    test('late files: one that comes after 0.3 s is sent before the bubble closes', async () => {
      await open([says, text('a.txt', 300)])
      const bubble = await daemon.tenant.say(saying).finished
      expect(bubble.text).toBe(`做好了\n\n${say({ key: 'file_sent', name: 'a.txt' })}`)
      expect(names()).toEqual(['a.txt'])
    })

    for (const afterMs of [3_000, 20_000]) {
      test(`late files: one that comes after ${afterMs / 1_000} s is a direct message`, async () => {
        await open([says, text('a.txt', afterMs)])
        const bubble = daemon.tenant.say(saying)
        await passUntil('the bubble to close', hasClosed)
        expect(bubble.text).toBe(`做好了\n\n${follows('a.txt')}`)
        await passUntil('the file', () => names().length > 0)
        await pass(60_000)
        await untilIdle(daemon)
        expect(names()).toEqual(['a.txt'])
        expect(textsOf(daemon, 'zhangsan')).toEqual(['a.txt'])
        expect(await traceOf(bubble)).toEqual(['announced', 'found', 'direct', 'arrived'])
        expect(warnings()).toEqual([])
      })
    }

    test('late files: without an app a picture is shown, a late file is named', async () => {
      await open([says, picture(300), text('a.txt', 20_000)], 'without an app')
      const bubble = daemon.tenant.say(saying)
      await until('the picture', async () => (await traceOf(bubble)).includes('inline'))
      await passUntil('the bubble to close', hasClosed)
      expect(bubble.text).toBe(`做好了\n\n${problem('a.txt', 'no_way')}`)
      expect(await traceOf(bubble)).toEqual(['announced', 'announced', 'found', 'inline', 'no_way'])
      expect(warnings()).toHaveLength(1)
    })
  })
}

describe('late files', () => {
  test('late files: a restart between the answer and the file loses nothing', async () => {
    await open([says, text('a.txt', 20_000)])
    daemon.tenant.say(alone)
    await passUntil('the bubble to close', hasClosed)
    await daemon.restart()
    await passUntil('the file', () => names().length > 0)
    expect(names()).toEqual(['a.txt'])
    expect(daemon.gateway.asks()).toHaveLength(1)
  })

  test('late files: a gateway away at the last look is asked when it is back', async () => {
    await open([says, text('a.txt', 40_000)])
    daemon.tenant.say(alone)
    await passUntil('the bubble to close', hasClosed)
    await pass(36_000)
    await until('the file to be in its row', () => {
      clock.skip(100)
      return JSON.stringify(daemon.gateway.history('agent:main:wecom:default:direct:zhangsan')).includes('artifact')
    })
    await daemon.gateway.kill()
    await pass(30_000)
    daemon.gateway.start()
    await passUntil('the file', () => names().length > 0)
    expect(names()).toEqual(['a.txt'])
  })

  test('late files: of three large files the late one arrives, too', async () => {
    const large = [noise(3_000_000), noise(3_000_001), noise(3_000_002)] as const
    await open([says, text('a.txt', 200, large[0]), text('b.txt', 10_000, large[1]), text('c.txt', 200, large[2])])
    const bubble = daemon.tenant.say(alone)
    await until('two of them', () => names().length === 2, 30_000)
    await passUntil('all of them', () => names().length === 3)
    expect(
      dms()
        .map(({ name, bytes }) => `${name} ${bytes}`)
        .toSorted(),
    ).toEqual(['a.txt 3000000', 'b.txt 3000001', 'c.txt 3000002'])
    await passUntil('the bubble to close', hasClosed)
    expect(bubble.text).toContain('做好了')
  })

  test('late files: one that never comes is named to the user, and traced', async () => {
    await open([says, text('a.txt', Infinity), picture(200)])
    const bubble = daemon.tenant.say(alone)
    await passUntil('the bubble to close', hasClosed)
    expect(bubble.text).toBe(`做好了\n\n${follows('a.txt')}`)
    await passUntil('the notice', () => textsOf(daemon, 'zhangsan').length > 0)
    expect(textsOf(daemon, 'zhangsan')).toEqual([problem('a.txt', 'never_came')])
    expect(await traceOf(bubble)).toContain('never_came')
    expect(warnings()).toHaveLength(1)
    expect(warnings()[0]).not.toContain('a.txt')
  })

  test('late files: the next question does not wait for them', async () => {
    await open([says, text('a.txt', Infinity)])
    daemon.tenant.say(alone)
    await until('the first answer', () => daemon.gateway.asks().length === 1)
    daemon.tenant.say({ ...alone, text: '再做一个' })
    await until('the second question', () => daemon.gateway.asks().length === 2)
    expect(hasClosed()).toBe(false)
  })

  test('late files: a name after the first 4,096 characters needs no hint', async () => {
    await open([{ kind: 'say', text: '长'.repeat(4_100) }, text('a.txt', 5_000)])
    daemon.tenant.say(alone)
    await passUntil('the bubble to close', hasClosed)
    await passUntil('the file', () => names().length > 0)
    expect(names()).toEqual(['a.txt'])
  })

  test('late files: without an app one found late is named by response_url', async () => {
    await open([{ kind: 'say', text: '长'.repeat(4_100) }, text('a.txt', 5_000)], 'without an app')
    const bubble = daemon.tenant.say(alone)
    await passUntil('the bubble to close', hasClosed)
    await passUntil('the notice', () => posts().length > 0)
    expect(posts()).toEqual([problem('a.txt', 'no_way')])
    expect(await traceOf(bubble)).toEqual(['no_way'])
    expect(warnings()).toHaveLength(1)
  })
})
