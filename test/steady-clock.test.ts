import { expect, test } from 'bun:test'
import { FakeClock } from './fake-clock.ts'

const start = 1_780_000_000_000

test('clock: set back, it goes on, and an alarm rings when it was to ring', async () => {
  const host = new FakeClock(start)
  const clock = host.ofProcess()
  const rung: number[] = []
  clock.alarm(start + 10_000, () => void rung.push(host.steady.now()))
  await host.advanceTo(start + 4_000)
  host.step(-3_600_000)
  expect([clock.now(), clock.wall()]).toEqual([start + 4_000, start + 4_000 - 3_600_000])
  clock.alarm(clock.now() + 5_000, () => void rung.push(host.steady.now()))
  await host.advanceTo(start + 10_000)
  expect(rung).toEqual([start + 9_000, start + 10_000])
  expect(clock.now()).toBe(start + 10_000)
})

test('clock: set forward, it follows, and keeps the lead when the host goes back', async () => {
  const host = new FakeClock(start)
  const clock = host.ofProcess()
  host.step(60_000)
  expect(clock.now()).toBe(start + 60_000)
  host.step(-60_000)
  expect(clock.now()).toBe(start + 60_000)
  await host.advanceTo(start + 1_000)
  expect([clock.now(), clock.wall()]).toEqual([start + 61_000, start + 1_000])
})

test('clock: small steps in both directions never take it back', async () => {
  const host = new FakeClock(start)
  const clock = host.ofProcess()
  let before = clock.now()
  for (let round = 1; round <= 200; round++) {
    host.step(((round * 7919) % 41) - 20)
    await host.advanceTo(start + round * 3)
    const now = clock.now()
    expect(now).toBeGreaterThanOrEqual(before + 3)
    before = now
  }
})
