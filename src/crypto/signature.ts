import { timingSafeEqual } from 'node:crypto'

const hexLength = 40

/** The signature WeCom expects: lowercase hex SHA-1 over the four values sorted as byte strings. */
export function sign(token: string, timestamp: string, nonce: string, encrypt: string): string {
  const hasher = new Bun.CryptoHasher('sha1')
  for (const value of [token, timestamp, nonce, encrypt].toSorted(compareBytes)) hasher.update(value)
  return hasher.digest('hex')
}

/** Verifies a signature in constant time. An empty token matches nothing. */
export function verifySignature(
  signature: string,
  token: string,
  timestamp: string,
  nonce: string,
  encrypt: string,
): boolean {
  const given = Buffer.from(signature)
  if (token === '' || given.length !== hexLength) return false
  return timingSafeEqual(given, Buffer.from(sign(token, timestamp, nonce, encrypt), 'latin1'))
}

/** Compares two strings by their UTF-8 bytes. `<` compares UTF-16 units, which sorts surrogates too low. */
function compareBytes(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  for (let at = 0; at < shorter; at++) {
    const x = a.charCodeAt(at)
    const y = b.charCodeAt(at)
    if (x !== y) return utf8Rank(x) - utf8Rank(y)
  }
  return a.length - b.length
}

function utf8Rank(unit: number): number {
  const isSurrogate = unit >= 0xd800 && unit <= 0xdfff
  return isSurrogate ? unit + 0x10000 : unit
}
