import { expect, test } from 'bun:test'
import { createCipheriv } from 'node:crypto'
import * as official from '@wecom/crypto'
import { checkReceiveid, decodeKey, openEnvelope, sealEnvelope } from '../../src/crypto/envelope.ts'
import { type ErrorCode, WecomdError } from '../../src/errors.ts'
import { seeded } from './seeded.ts'
import { negativeKey, positive, vector } from './vectors.ts'

const text = vector('bot-text-callback')
const keyText = text.encodingAESKey
const key = decodeKey(keyText)
const random16 = new Uint8Array(16).fill(7)

/** The code of what `run` throws; anything but a WecomdError fails the test. */
function codeOf(run: () => unknown): ErrorCode | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof WecomdError) return error.code
    throw error
  }
}

/** Encrypts a frame exactly as given, including its padding. */
function encryptFrame(frame: Uint8Array): string {
  const cipher = createCipheriv('aes-256-cbc', key.key, key.iv).setAutoPadding(false)
  return Buffer.concat([cipher.update(frame), cipher.final()]).toString('base64')
}

function frame(messageBytes: number, content: Uint8Array, pad: readonly number[]): Uint8Array {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(messageBytes)
  return Buffer.concat([random16, length, content, Uint8Array.from(pad)])
}

for (const one of positive) {
  test(`envelope: vector ${one.id} opens and seals to the same bytes`, () => {
    const own = decodeKey(one.encodingAESKey)
    expect(openEnvelope(own, one.encrypt)).toEqual({ message: one.message, receiveid: one.receiveid })
    expect(sealEnvelope(own, one.message, one.receiveid, one.random)).toBe(one.encrypt)
  })
}

test('envelope: padding of 1 to 32 bytes is compatible with @wecom/crypto', () => {
  const padBytes = new Set<number>()
  for (let size = 0; size < 32; size++) {
    const message = 'x'.repeat(size)
    padBytes.add(32 - ((20 + size) % 32))
    expect(openEnvelope(key, official.encrypt(keyText, message, '')).message).toBe(message)
    expect(official.decrypt(keyText, sealEnvelope(key, message, '', random16)).message).toBe(message)
  }
  expect(padBytes.size).toBe(32)
})

test('envelope: messages up to 64 KiB are compatible with @wecom/crypto', () => {
  const random = seeded(42)
  for (let round = 0; round < 150; round++) {
    const message = random.text(round < 3 ? ([0, 1, 65536][round] ?? 0) : random.below(65537))
    const receiveid = random.below(2) === 0 ? '' : `ww${random.below(1e9)}`
    const bytes = random.bytes(16)
    const sealed = sealEnvelope(key, message, receiveid, bytes)
    expect(sealed).toBe(official.encrypt(keyText, message, receiveid, Buffer.from(bytes)))
    expect(openEnvelope(key, sealed)).toEqual({ message, receiveid })
    expect(official.decrypt(keyText, sealed)).toMatchObject({ message, id: receiveid })
  }
})

test('envelope: a key of a wrong length is rejected with that length', () => {
  expect(() => decodeKey(negativeKey('bad-key-length'))).toThrow('has 42 characters instead of 43')
  for (const wrong of [
    '',
    keyText.slice(1),
    `${keyText}=`,
    `${keyText}A`,
    `-${keyText.slice(1)}`,
    ` ${keyText.slice(1)}`,
  ]) {
    expect(codeOf(() => decodeKey(wrong))).toBe('bad_key')
  }
})

test('envelope: a key with unused bits in its last character is accepted', () => {
  expect(codeOf(() => decodeKey('jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C'))).toBeUndefined()
})

const content = Buffer.from('hello wecom!')
const defects: readonly [string, string, ErrorCode][] = [
  ['is empty', '', 'bad_envelope'],
  ['is not base64', '{"hello":1}', 'bad_envelope'],
  ['contains an invalid character', `!${text.encrypt.slice(1)}`, 'bad_envelope'],
  ['has a space instead of a plus', text.encrypt.replace('+', ' '), 'bad_envelope'],
  ['ends inside a block', Buffer.from(text.encrypt, 'base64').subarray(0, -1).toString('base64'), 'bad_envelope'],
  ['lost its last block', Buffer.from(text.encrypt, 'base64').subarray(0, -16).toString('base64'), 'bad_cipher'],
  ['lost its last two blocks', Buffer.from(text.encrypt, 'base64').subarray(0, -32).toString('base64'), 'bad_cipher'],
  ['belongs to another key', vector('agent-text-callback').encrypt, 'bad_cipher'],
  ['is shorter than its stated length', encryptFrame(frame(13, content, Array(32).fill(32))), 'bad_cipher'],
  ['states a length of 4 GiB', encryptFrame(frame(0xffffffff, content, Array(32).fill(32))), 'bad_cipher'],
  ['ends with a padding of 0', encryptFrame(frame(12, content, Array(32).fill(0))), 'bad_cipher'],
  ['ends with a padding of 33', encryptFrame(frame(12, content, Array(32).fill(33))), 'bad_cipher'],
  ['has one wrong byte in its padding', encryptFrame(frame(12, content, [9, ...Array(31).fill(32)])), 'bad_cipher'],
  ['is padded to 16 only', encryptFrame(frame(12, content, Array(16).fill(16))), 'bad_cipher'],
  ['is all padding', encryptFrame(new Uint8Array(32).fill(32)), 'bad_cipher'],
  [
    'is too short for a length',
    encryptFrame(Uint8Array.from([...random16, 1, 2, 3, ...Array(13).fill(13)])),
    'bad_cipher',
  ],
  ['has a message that is not UTF-8', encryptFrame(frame(1, Buffer.from([0xff]), Array(11).fill(11))), 'bad_cipher'],
  ['has a receiveid that is not UTF-8', encryptFrame(frame(0, Buffer.from([0xc3]), Array(11).fill(11))), 'bad_cipher'],
]

for (const [what, encrypt, code] of defects) {
  test(`envelope: one that ${what} is ${code}`, () => {
    expect(codeOf(() => openEnvelope(key, encrypt))).toBe(code)
  })
}

test('envelope: random damage to a ciphertext never crashes', () => {
  const random = seeded(7)
  const whole = Buffer.from(sealEnvelope(key, random.text(500), 'ww1', random16), 'base64')
  const codes = new Set<ErrorCode | undefined>()
  for (let round = 0; round < 3000; round++) {
    const damaged = Buffer.from(round % 3 === 0 ? whole.subarray(0, random.below(whole.length)) : whole)
    for (let flips = 1 + random.below(3); flips > 0 && damaged.length > 0; flips--) {
      const at = random.below(damaged.length)
      damaged[at] = (damaged[at] ?? 0) ^ (1 << random.below(8))
    }
    codes.add(codeOf(() => openEnvelope(key, damaged.toString('base64'))))
  }
  for (const code of codes) expect([undefined, 'bad_envelope', 'bad_cipher']).toContain(code)
  expect(codes.size).toBe(3)
})

test('envelope: random damage to the base64 text never crashes', () => {
  const random = seeded(8)
  for (let round = 0; round < 3000; round++) {
    const at = random.below(text.encrypt.length)
    const damaged = text.encrypt.slice(0, at) + random.text(4) + text.encrypt.slice(at + random.below(4))
    expect([undefined, 'bad_envelope', 'bad_cipher']).toContain(codeOf(() => openEnvelope(key, damaged)))
  }
})

test('envelope: a leading byte order mark belongs to the message', () => {
  expect(openEnvelope(key, sealEnvelope(key, '\ufeffx', '', random16)).message).toBe('\ufeffx')
})

test('receiveid: an app accepts only its corpId, a Bot any if unset', () => {
  const table: readonly ['bot' | 'app', string, string, ErrorCode | undefined][] = [
    ['app', 'ww1234567890abcdef', 'ww1234567890abcdef', undefined],
    ['app', 'ww0000000000000000', 'ww1234567890abcdef', 'bad_receiveid'],
    ['app', 'ww1234567890abcdef', '', 'bad_receiveid'],
    ['app', '', 'ww1234567890abcdef', 'bad_receiveid'],
    ['bot', '', '', undefined],
    ['bot', '', 'ww1234567890abcdef', undefined],
    ['bot', 'suite1', 'suite1', undefined],
    ['bot', 'suite1', 'suite2', 'bad_receiveid'],
    ['bot', 'suite1', '', 'bad_receiveid'],
  ]
  for (const [surface, expected, received, code] of table) {
    expect(codeOf(() => checkReceiveid(surface, expected, received))).toBe(code)
  }
})
