import { expect, test } from 'bun:test'
import { getSignature } from '@wecom/crypto'
import { sign, verifySignature } from '../../src/crypto/signature.ts'
import { seeded } from './seeded.ts'
import { positive, vector } from './vectors.ts'

for (const one of positive) {
  test(`signature: vector ${one.id} has the expected signature`, () => {
    expect(sign(one.token, one.timestamp, one.nonce, one.encrypt)).toBe(one.signature)
    expect(verifySignature(one.signature, one.token, one.timestamp, one.nonce, one.encrypt)).toBe(true)
  })
}

test('signature: random values are signed like in @wecom/crypto', () => {
  const random = seeded(20260101)
  const word = () => Buffer.from(random.bytes(random.below(40))).toString('base64')
  for (let round = 0; round < 1000; round++) {
    const [token, timestamp, nonce, encrypt] = [word(), String(random.below(2_000_000_000)), word(), word()]
    expect(sign(token, timestamp, nonce, encrypt)).toBe(getSignature(token, timestamp, nonce, encrypt))
  }
})

test('signature: values are sorted by UTF-8 bytes, not by UTF-16 units', () => {
  const values = ['\u{1f600}', '\uff5e', 'ab', 'a'] as const
  const joined = values
    .map(value => Buffer.from(value))
    .toSorted((a, b) => Buffer.compare(a, b))
    .join('')
  expect(sign(...values)).toBe(new Bun.CryptoHasher('sha1').update(joined).digest('hex'))
})

test('signature: a wrong signature is rejected without an exception', () => {
  const { signature, token, timestamp, nonce, encrypt } = vector('bot-text-callback')
  const flipped = signature.slice(0, -1) + (signature.endsWith('3') ? '2' : '3')
  const homoglyph = `${String.fromCharCode(0x100 + signature.charCodeAt(0))}${signature.slice(1)}`
  const wrong = ['', flipped, signature.slice(1), `${signature}0`, signature.toUpperCase(), homoglyph, '😀'.repeat(10)]
  for (const one of wrong) expect(verifySignature(one, token, timestamp, nonce, encrypt)).toBe(false)
  for (const other of ['', `${token}x`])
    expect(verifySignature(signature, other, timestamp, nonce, encrypt)).toBe(false)
  expect(verifySignature(signature, token, `${timestamp}0`, nonce, encrypt)).toBe(false)
  expect(verifySignature(signature, token, timestamp, `${nonce}0`, encrypt)).toBe(false)
  expect(verifySignature(signature, token, timestamp, nonce, encrypt.slice(4))).toBe(false)
})

test('signature: an empty token matches nothing, not even what was signed with it', () => {
  for (const encrypt of ['', 'x', 'Y2lwaGVy']) {
    expect(verifySignature(sign('', '1', 'n', encrypt), '', '1', 'n', encrypt)).toBe(false)
  }
})
