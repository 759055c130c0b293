import { expect, test } from 'bun:test'
import { numbersOf, seedOf } from '../../scripts/commit.ts'

const commit = '52140b1f0c3d9e8a7b6c5d4e3f2a1b0c9d8e7f6a'

test('commit: it always chooses the same numbers, all different and in range', () => {
  for (const of of [3, 4, 19]) {
    const numbers = numbersOf(commit, 3, of)
    expect(new Set(numbers).size).toBe(3)
    expect(numbers.every(number => number >= 1 && number <= of)).toBe(true)
    expect(numbersOf(commit, 3, of)).toEqual(numbers)
  }
})

test('commit: others choose others, so that all have their turn', () => {
  const chosen = Array.from({ length: 200 }, (_, index) => {
    const id = new Bun.CryptoHasher('sha1').update(String(index)).digest('hex')
    return numbersOf(id, 3, 19)
  })
  expect(new Set(chosen.flat()).size).toBe(19)
})

test('commit: without git the first are chosen, and the seed is 1', () => {
  expect(numbersOf(undefined, 3, 19)).toEqual([1, 2, 3])
  expect(seedOf(undefined)).toBe(1)
})

test('commit: its seed is below a million', () => {
  expect(seedOf(commit)).toBe(0x52140b1f % 1_000_000)
})
