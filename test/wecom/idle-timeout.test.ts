import { expect, test } from 'bun:test'
import { IdleTimeout } from '../../src/wecom/media/idle-timeout.ts'
import { FakeClock } from '../fake-clock.ts'

const open = () => {
  const clock = new FakeClock(0)
  const patience = new IdleTimeout({ clock, timers: { at: (when, ring) => clock.alarm(when, ring) } }, 100, 1_000)
  return { clock, patience }
}

test('patience: it ends so long after the last sign of life', async () => {
  const { clock, patience } = open()
  await clock.advanceTo(99)
  patience.touch()
  await clock.advanceTo(198)
  expect(patience.signal.aborted).toBe(false)
  await clock.advanceTo(199)
  expect(patience.signal.aborted).toBe(true)
})

test('patience: in all it takes no longer than it may, although something comes all the time', async () => {
  const { clock, patience } = open()
  for (let at = 50; at < 1_000; at += 50) {
    await clock.advanceTo(at)
    patience.touch()
  }
  await clock.advanceTo(999)
  expect(patience.signal.aborted).toBe(false)
  await clock.advanceTo(1_000)
  expect(patience.signal.aborted).toBe(true)
})

test('patience: what has ended cuts off what still runs, and leaves no alarm', () => {
  const { clock, patience } = open()
  patience.end()
  expect(patience.signal.aborted).toBe(true)
  expect(clock.nextAlarmAt()).toBeUndefined()
})
