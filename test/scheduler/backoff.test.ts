import { expect, test } from 'bun:test'
import { backoffMs } from '../../src/scheduler/backoff.ts'

const limits = { firstMs: 1_000, mostMs: 10_000 }
const nearlyOne = 1 - Number.EPSILON

const table: readonly [attempt: number, least: number, most: number][] = [
  [1, 500, 1_000],
  [2, 1_000, 2_000],
  [3, 2_000, 4_000],
  [4, 4_000, 8_000],
  [5, 5_000, 10_000],
  [6, 5_000, 10_000],
  [31, 5_000, 10_000],
  [1_000_000, 5_000, 10_000],
]

for (const [attempt, least, most] of table) {
  test(`backoff: attempt ${attempt} waits between ${least} and ${most} ms`, () => {
    expect([backoffMs(attempt, limits, 0), backoffMs(attempt, limits, nearlyOne)]).toEqual([least, most])
    expect(backoffMs(attempt, limits, 0.5)).toBe((least + most) / 2)
  })
}

test('backoff: a limit below the first wait applies from the start', () => {
  expect(backoffMs(1, { firstMs: 1_000, mostMs: 100 }, nearlyOne)).toBe(100)
})

test('backoff: the result is a whole number of milliseconds', () => {
  for (const fraction of [0.1, 0.333, 0.77]) {
    expect(Number.isInteger(backoffMs(1, { firstMs: 333, mostMs: 999 }, fraction))).toBe(true)
  }
})
