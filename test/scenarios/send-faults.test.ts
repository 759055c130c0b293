import { beforeAll, describe, expect, test } from 'bun:test'
import type { DeliveryReport } from '../../src/bridge/operator/trace.ts'
import { bigAnswer } from '../../src/playground/gateway/runs/script.ts'
import { accept, countSends, readBy, sendAndWait, sendLate, waitForTry } from './sending.ts'
import { SettableClock } from './settable-clock.ts'
import { until } from './until.ts'
import { shareDaemon } from './use-daemon.ts'

const daemon = shareDaemon()
const clock = new SettableClock()
const path = '/cgi-bin/message/send'
const resendMs = 2_500

beforeAll(async () => {
  const members = Array.from({ length: 20 }, (_, n) => `m${n}`)
  await daemon.open({ clock, agent: {}, network: { timeoutMs: 300 }, tenant: { members } })
})

const late = (body: object, ms = resendMs) => sendLate(daemon, clock, body, ms)
const bodies = () => daemon.tenant.api.requests.filter(request => request.path === path).map(({ body }) => String(body))

describe('a message whose answer is lost', () => {
  const lost = [
    ['a connection that is reset after WeCom took it', { when: 'after', how: 'reset' }],
    ['a connection that is reset before WeCom took it', { when: 'before', how: 'reset' }],
    ['an answer that does not come in time', { when: 'after', how: 'hang' }],
    ['a request that nobody answers', { when: 'before', how: 'hang' }],
    ['a 502 of a proxy after WeCom took it', { when: 'after', how: 502 }],
    ['a 502 of a proxy before WeCom took it', { when: 'before', how: 502 }],
  ] as const
  for (const [index, [what, fault]] of lost.entries()) {
    test(`send: after ${what} the same bytes go once more, and it is seen once`, async () => {
      const before = countSends(daemon)
      daemon.tenant.api.fail(fault, path)
      const report = await late({ to: `user:m${index}`, text: what })
      expect(report).toMatchObject({ state: 'delivered', dead: false, msgid: expect.any(String) })
      expect(report.attempts.map(attempt => attempt.outcome)).toEqual(['unknown', 'delivered'])
      expect(readBy(daemon, `m${index}`)).toEqual([what])
      expect(countSends(daemon) - before).toBe(2)
      const [first, second] = bodies().slice(-2)
      expect(second).toBe(first ?? '')
    })
  }

  test('send: a probe of an app on hold whose answer is lost goes once more like any other', async () => {
    daemon.tenant.api.failWith(path, 60_020, 1)
    const probe = { to: 'user:m18', text: 'probe', idempotencyKey: 'probe' }
    const id = await accept(daemon, probe)
    await daemon.delivered(id, 'held')
    daemon.tenant.api.fail({ when: 'after', how: 'reset' }, path)
    clock.step(60_000)
    await accept(daemon, probe) // makes the daemon look again
    await until('the answer to be lost', async () => {
      const report = (await daemon.api(`/api/deliveries/${id}`)) as DeliveryReport // the daemon is of this source
      return report.attempts.at(-1)?.outcome === 'unknown'
    })
    clock.step(resendMs)
    await accept(daemon, probe)
    const report = await daemon.delivered(id)
    expect(report).toMatchObject({ state: 'delivered', dead: false })
    expect(report.attempts.map(attempt => attempt.outcome)).toEqual(['retry', 'unknown', 'delivered'])
    expect(readBy(daemon, 'm18')).toEqual(['probe'])
  })

  test('send: when both answers are lost it is unknown and dead, seen once, and trace tells it', async () => {
    for (let times = 0; times < 2; times++) daemon.tenant.api.fail({ when: 'after', how: 'reset' }, path)
    const report = await late({ to: 'user:m6', text: 'twice cut', idempotencyKey: 'cut' })
    expect(report).toMatchObject({ state: 'unknown', dead: true })
    expect(report.attempts).toMatchObject([
      { outcome: 'unknown', givenUp: true },
      { outcome: 'unknown', givenUp: true },
    ])
    expect(readBy(daemon, 'm6')).toEqual(['twice cut'])
    expect(await daemon.api('/api/trace/cut')).toMatchObject({
      state: 'unknown',
      to: 'user:m6',
      events: [
        { kind: 'accepted' },
        { kind: 'attempt', outcome: 'unknown' },
        { kind: 'attempt', outcome: 'unknown' },
        { kind: 'delivery', state: 'unknown', dead: true },
      ],
    })
    expect(await daemon.api('/api/status')).toMatchObject({ dead: 1 })
    const before = countSends(daemon)
    clock.step(3_600_000)
    await sendAndWait(daemon, { to: 'user:m6', text: 'later' })
    expect(countSends(daemon) - before).toBe(1)
  })

  test('send: a resend that would come too late for the check of duplicates does not go', async () => {
    const before = countSends(daemon)
    daemon.tenant.api.fail({ when: 'after', how: 'reset' }, path)
    const report = await late({ to: 'user:m8', text: 'too late' }, 61_000)
    expect(report).toMatchObject({ state: 'unknown', dead: true })
    expect([countSends(daemon) - before, readBy(daemon, 'm8')]).toEqual([1, ['too late']])
  })

  test('send: of two equal texts the second is not checked, so that it arrives, and is not repeated', async () => {
    await sendAndWait(daemon, { to: 'user:m9', text: '完成' })
    daemon.tenant.api.fail({ when: 'after', how: 'reset' }, path)
    const id = await accept(daemon, { to: 'user:m9', text: '完成' })
    expect(await daemon.delivered(id)).toMatchObject({ state: 'unknown', dead: true, attempts: [{ unchecked: true }] })
    expect(readBy(daemon, 'm9')).toEqual(['完成', '完成'])
    expect(bodies().at(-1)).toContain('"enable_duplicate_check":0')
  })

  test('send: the parts of a long text go on after the one that was cut, in order and each once', async () => {
    daemon.tenant.api.fail({ when: 'before', how: 200 }, path)
    daemon.tenant.api.fail({ when: 'after', how: 'reset' }, path)
    const text = '第一段。'.repeat(400)
    const report = await late({ to: 'user:m10', text })
    expect(report).toMatchObject({ state: 'delivered', parts: 3 })
    expect(report.attempts.map(({ part, outcome }) => [part, outcome])).toEqual([
      [1, 'delivered'],
      [2, 'unknown'],
      [2, 'delivered'],
      [3, 'delivered'],
    ])
    expect(
      readBy(daemon, 'm10')
        .map(part => part.slice('(1/3)\n'.length))
        .join(''),
    ).toBe(text)
  })

  test('send: the line that announces a file does not go when WeCom does not take the file', async () => {
    daemon.tenant.api.failWith('/cgi-bin/media/upload', 45_001, 1)
    const report = await sendAndWait(daemon, { to: 'user:m19', text: bigAnswer(40_000) })
    expect(report).toMatchObject({ state: 'refused', dead: true, attempts: [{ part: 2, errcode: 45_001 }] })
    expect(readBy(daemon, 'm19')).toEqual([])
  })
})

describe('a message that WeCom puts off', () => {
  test('send: -1 is tried again until it arrives, once', async () => {
    daemon.tenant.api.failWith(path, -1)
    const report = await late({ to: 'user:m11', text: 'busy' }, 6_000)
    expect(report.attempts).toMatchObject([{ outcome: 'retry', errcode: -1 }, { outcome: 'delivered' }])
    expect(readBy(daemon, 'm11')).toEqual(['busy'])
  })

  test('send: what does not arrive within limits.deliverWithinMs is refused and dead', async () => {
    daemon.tenant.api.failWith(path, -1)
    const report = await late({ to: 'user:m12', text: 'never' }, 86_400_001)
    expect(report).toMatchObject({ state: 'refused', dead: true, attempts: [{ outcome: 'retry', errcode: -1 }] })
    expect(readBy(daemon, 'm12')).toEqual([])
  })

  test('send: a message that waits arrives after a restart', async () => {
    daemon.tenant.api.failWith(path, -1)
    const id = await accept(daemon, { to: 'user:m13', text: 'patient' })
    await waitForTry(daemon, id)
    clock.step(6_000)
    await daemon.restart()
    await daemon.delivered(id)
    expect(readBy(daemon, 'm13')).toEqual(['patient'])
  })

  test('send: what comes later for the same member waits behind it, another member does not', async () => {
    daemon.tenant.api.failWith(path, 45_033)
    const first = await accept(daemon, { to: 'user:m14', text: 'one' })
    await waitForTry(daemon, first)
    const second = await accept(daemon, { to: 'user:m14', text: 'two' })
    const other = await accept(daemon, { to: 'user:m15', text: 'other' })
    await daemon.delivered(other)
    expect(readBy(daemon, 'm14')).toEqual([])
    clock.step(6_000)
    await sendAndWait(daemon, { to: 'user:m15', text: 'wake up' })
    await daemon.delivered(second)
    expect(readBy(daemon, 'm14')).toEqual(['one', 'two'])
  })
})
