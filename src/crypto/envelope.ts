import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { WecomdError } from '../errors.ts'
import { blockBytes, paddingOf } from './padding.ts'

const cipherName = 'aes-256-cbc'
const randomBytes = 16
const headBytes = randomBytes + 4
const keyChars = 43

/** A decoded EncodingAESKey. Decode it once per account and keep it. */
export interface EnvelopeKey {
  readonly key: KeyObject
  readonly iv: Uint8Array
}

/** The content of an envelope. The caller must still check `receiveid` with `checkReceiveid`. */
export interface Opened {
  readonly message: string
  readonly receiveid: string
}

/** Decodes an EncodingAESKey or throws `bad_key`. Unused bits in the last character may be set: real keys have them. */
export function decodeKey(encodingAESKey: string): EnvelopeKey {
  if (encodingAESKey.length !== keyChars) {
    throw new WecomdError(
      'bad_key',
      `the EncodingAESKey has ${encodingAESKey.length} characters instead of ${keyChars}`,
      {
        hint: 'copy all of it again from the admin console, without spaces',
      },
    )
  }
  if (!/^[A-Za-z0-9+/]+$/.test(encodingAESKey)) {
    throw new WecomdError('bad_key', 'the EncodingAESKey contains a character that is not base64', {
      hint: 'copy it again from the admin console',
    })
  }
  const bytes = Buffer.from(encodingAESKey, 'base64')
  return { key: createSecretKey(bytes), iv: new Uint8Array(bytes.subarray(0, 16)) }
}

/** Encrypts `message` for `receiveid` and returns the value of `encrypt`. `random16` are 16 new random bytes. */
export function sealEnvelope(key: EnvelopeKey, message: string, receiveid: string, random16: Uint8Array): string {
  const messageBytes = Buffer.byteLength(message)
  const contentBytes = headBytes + messageBytes + Buffer.byteLength(receiveid)
  const padBytes = blockBytes - (contentBytes % blockBytes)
  const plain = Buffer.allocUnsafe(contentBytes + padBytes)
  plain.set(random16.subarray(0, randomBytes), 0)
  plain.writeUInt32BE(messageBytes, randomBytes)
  plain.write(message, headBytes)
  plain.write(receiveid, headBytes + messageBytes)
  plain.fill(padBytes, contentBytes)
  const cipher = createCipheriv(cipherName, key.key, key.iv).setAutoPadding(false)
  return cipher.update(plain).toString('base64')
}

/** Decrypts an `encrypt` value. Throws `bad_envelope` if it is not a ciphertext, `bad_cipher` if the key does not match. */
export function openEnvelope(key: EnvelopeKey, encrypt: string): Opened {
  const plain = decrypt(key, decodeCiphertext(encrypt))
  const padBytes = paddingOf(plain)
  if (padBytes === undefined) throw badPadding()
  const end = plain.length - padBytes
  if (end < headBytes) throw new WecomdError('bad_cipher', 'the decrypted envelope is too short')
  const messageEnd = headBytes + plain.readUInt32BE(randomBytes)
  if (messageEnd > end) throw new WecomdError('bad_cipher', 'the decrypted envelope is shorter than its stated length')
  return { message: decodeUtf8(plain, headBytes, messageEnd), receiveid: decodeUtf8(plain, messageEnd, end) }
}

/**
 * Throws `bad_receiveid` if the envelope was encrypted for someone else. For an app, `expected` is its corpId. For a Bot it is the
 * configured receiveId; if that is empty, a Bot accepts any.
 */
export function checkReceiveid(surface: 'bot' | 'app', expected: string, received: string): void {
  if (received === expected) return
  if (surface === 'bot' && expected === '') return
  const shown = JSON.stringify(received.slice(0, 64))
  throw new WecomdError('bad_receiveid', `the envelope is encrypted for receiveid ${shown}`, {
    hint:
      surface === 'app' ? 'compare agent.corpId with the admin console' : 'check bot.receiveId, which is usually empty',
  })
}

function decodeCiphertext(encrypt: string): Buffer {
  const bytes = Buffer.from(encrypt, 'base64')
  // Buffer skips invalid characters, so the result is then shorter than expected.
  if (bytes.length !== base64Bytes(encrypt)) throw new WecomdError('bad_envelope', 'the ciphertext is not base64')
  if (bytes.length === 0) throw new WecomdError('bad_envelope', 'the ciphertext is empty')
  if (bytes.length % 16 !== 0)
    throw new WecomdError('bad_envelope', 'the length of the ciphertext is not a multiple of 16')
  return bytes
}

/** The number of bytes that `text` decodes to if it is valid base64. */
function base64Bytes(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return Math.floor(((text.length - padding) * 3) / 4)
}

function decrypt(key: EnvelopeKey, ciphertext: Buffer): Buffer {
  const decipher = createDecipheriv(cipherName, key.key, key.iv).setAutoPadding(false)
  return decipher.update(ciphertext)
}

function badPadding(): WecomdError {
  return new WecomdError('bad_cipher', 'the decrypted envelope is not padded to 32 bytes', {
    hint: 'compare the EncodingAESKey with the admin console',
  })
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  if (start === end) return ''
  try {
    return strictUtf8.decode(bytes.subarray(start, end))
  } catch (cause) {
    throw new WecomdError('bad_cipher', 'the decrypted envelope is not UTF-8', { cause })
  }
}
