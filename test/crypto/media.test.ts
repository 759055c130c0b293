import { describe, expect, test } from 'bun:test'
import { createCipheriv } from 'node:crypto'
import { decodeKey, type EnvelopeKey } from '../../src/crypto/envelope.ts'
import { createMediaOpener } from '../../src/crypto/media.ts'
import vectors from '../vectors/wecom-crypto.json'
import { seeded } from './seeded.ts'

const random = seeded(20_260)
const raw = Buffer.from(random.bytes(32))
const key = keyOf(raw)

function keyOf(bytes: Buffer): EnvelopeKey {
  return decodeKey(bytes.toString('base64').slice(0, 43))
}

function encrypt(padded: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-cbc', raw, raw.subarray(0, 16)).setAutoPadding(false)
  return Buffer.concat([cipher.update(padded), cipher.final()])
}

function seal(plain: Uint8Array): Buffer {
  const padBytes = 32 - (plain.length % 32)
  return encrypt(Buffer.concat([plain, Buffer.alloc(padBytes, padBytes)]))
}

/** Decrypts `sealed` in pieces that start at these offsets. */
function open(sealed: Uint8Array, cuts: readonly number[] = [], with_: EnvelopeKey = key): Buffer {
  const opener = createMediaOpener(with_)
  const edges = [0, ...cuts, sealed.length]
  const pieces = edges.slice(1).flatMap((end, index) => opener.update(sealed.subarray(edges[index], end)))
  return Buffer.concat([...pieces, opener.finish()])
}

describe('vectors', () => {
  for (const one of vectors.media) {
    test(`media: vector ${one.id} decrypts to its bytes`, () => {
      const bytes = Buffer.from(one.encodingAESKey ?? one.aeskey ?? '', 'base64')
      const sealed = Buffer.from(one.ciphertext_base64, 'base64')
      expect(sealed).toHaveLength(one.cipher_len)
      expect(open(sealed, [1, 33], keyOf(bytes))).toEqual(Buffer.from(one.plaintext_base64, 'base64'))
    })
  }
})

test('media: every length up to five blocks decrypts, split anywhere', () => {
  for (let length = 0; length <= 160; length++) {
    const plain = random.bytes(length)
    const sealed = seal(plain)
    expect(open(sealed)).toEqual(Buffer.from(plain))
    if (length % 31 > 1) continue
    for (let cut = 0; cut <= sealed.length; cut++) expect(open(sealed, [cut])).toEqual(Buffer.from(plain))
  }
})

test('media: a large file holds back no more than its last block', () => {
  const plain = Buffer.from(random.bytes(300_001))
  const sealed = seal(plain)
  const opener = createMediaOpener(key)
  const pieces: Uint8Array[] = []
  let given = 0
  for (let at = 0; at < sealed.length; ) {
    const end = at + random.below(20_000)
    const piece = sealed.subarray(at, end)
    at += piece.length
    const opened = opener.update(piece)
    given += Buffer.concat(opened).length
    pieces.push(...opened)
    expect(given).toBeGreaterThanOrEqual(at - 32 - 15)
    expect(given).toBeLessThanOrEqual(Math.max(0, at - 32))
  }
  expect(Buffer.compare(Buffer.concat([...pieces, opener.finish()]), plain)).toBe(0)
})

const spoilt: readonly [string, Buffer][] = [
  ['nothing at all', Buffer.of()],
  ['half a block of the cipher', seal(random.bytes(40)).subarray(0, 40)],
  ['half a block of the padding', encrypt(Buffer.alloc(48, 16))],
  ['a padding of 0', encrypt(Buffer.alloc(64))],
  ['a padding of 33', encrypt(Buffer.alloc(64, 33))],
  ['a padding of different bytes', encrypt(Buffer.from([...Buffer.alloc(60, 1), 4, 5, 4, 4]))],
]

for (const [what, sealed] of spoilt) {
  test(`media: ${what} is rejected`, () => {
    expect(() => open(sealed)).toThrow(expect.objectContaining({ code: 'bad_cipher' }))
  })
}

test('media: a wrong key is detected by the padding, with a hint', () => {
  const other = keyOf(Buffer.from(seeded(7).bytes(32)))
  expect(() => open(seal(Buffer.from('a picture')), [], other)).toThrow(
    expect.objectContaining({ code: 'bad_cipher', hint: expect.stringContaining('EncodingAESKey') }),
  )
})
