/** Random numbers and bytes that depend only on the seed. */
export interface Seeded {
  below(limit: number): number
  bytes(count: number): Uint8Array
  text(bytes: number): string
}

const alphabet = ['a', 'Z', '0', ' ', '\n', '"', '<', 'é', '你', '好', '😀', '\ufeff']

/** Mulberry32: small, and uniform enough for tests. */
export function seeded(seed: number): Seeded {
  let state = seed
  const below = (limit: number) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
  const text = (bytes: number) => {
    let out = ''
    for (let left = bytes; left > 0; ) {
      const next = alphabet[below(alphabet.length)] ?? 'a'
      const size = Buffer.byteLength(next)
      out += size <= left ? next : 'x'
      left -= size <= left ? size : 1
    }
    return out
  }
  return { below, text, bytes: count => Uint8Array.from({ length: count }, () => below(256)) }
}
