import { expect, test } from 'bun:test'
import { IdleTimeout } from '../../src/wecom/media/idle-timeout.ts'
import { FakeClock } from '../fake-clock.ts'

const open = () => {
  const clock = new FakeClock(0)
  const patience = new IdleTimeout({ clock, timers: { at: (when, ring) => clock.alarm(when, ring) } }, 100, 1_000)
  return { clock, patience }
}

test('idle timeout: it aborts after the idle time', async () => {
  const { clock, patience } = open()
  await clock.advanceTo(99)
  patience.touch()
  await clock.advanceTo(198)
  expect(patience.signal.aborted).toBe(false)
  await clock.advanceTo(199)
  expect(patience.signal.aborted).toBe(true)
})

test('idle timeout: it aborts at the total limit despite activity', async () => {
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

test('idle timeout: end aborts and clears the timer', () => {
  const { clock, patience } = open()
  patience.end()
  expect(patience.signal.aborted).toBe(true)
  expect(clock.nextAlarmAt()).toBeUndefined()
})
