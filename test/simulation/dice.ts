import { seeded } from '../crypto/seeded.ts'

/** The random choices of a simulated run. The same seed gives the same choices. */
export interface Dice {
  /** 0 <= n < limit. */
  below(limit: number): number
  /** Both ends included. */
  between(least: number, most: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly [T, ...T[]]): T
  bytes(count: number): Uint8Array<ArrayBuffer>
}

export function rollDice(seed: number): Dice {
  const { below } = seeded(Math.imul(seed, 0x9e3779b1))
  return {
    below,
    between: (least, most) => least + below(most - least + 1),
    chance: probability => below(1_000_000) < probability * 1_000_000,
    pick: list => list[below(list.length)] ?? list[0],
    bytes: count => Uint8Array.from({ length: count }, () => below(256)),
  }
}
