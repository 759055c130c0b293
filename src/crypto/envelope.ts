import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { WecomdError } from '../errors.ts'
import { blockBytes, paddingOf } from './padding.ts'

const cipherName = 'aes-256-cbc'
const randomBytes = 16
const headBytes = randomBytes + 4
const keyChars = 43

/** A decoded EncodingAESKey; decode once per account and keep it. */
export interface EnvelopeKey {
  readonly key: KeyObject
  readonly iv: Uint8Array
}

/** What was inside an envelope. `receiveid` still has to be checked, see `checkReceiveid`. */
export interface Opened {
  readonly message: string
  readonly receiveid: string
}

/** Decodes an EncodingAESKey or throws `bad_key`. Bits left over in its last character are allowed: real keys have them. */
export function decodeKey(encodingAESKey: string): EnvelopeKey {
  if (encodingAESKey.length !== keyChars) {
    throw new WecomdError(
      'bad_key',
      `the EncodingAESKey has ${encodingAESKey.length} characters instead of ${keyChars}`,
      {
        hint: 'copy it again from the admin console, all of it and without spaces',
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

/** Encrypts `message` for `receiveid` with 16 fresh random bytes; the result goes into `encrypt`. */
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

/** Decrypts an `encrypt` value, or throws `bad_envelope` (not a ciphertext) or `bad_cipher` (not one of this key). */
export function openEnvelope(key: EnvelopeKey, encrypt: string): Opened {
  const plain = decrypt(key, decodeCiphertext(encrypt))
  const padBytes = paddingOf(plain)
  if (padBytes === undefined) throw badPadding()
  const end = plain.length - padBytes
  if (end < headBytes) throw new WecomdError('bad_cipher', 'the decrypted envelope is too short')
  const messageEnd = headBytes + plain.readUInt32BE(randomBytes)
  if (messageEnd > end) throw new WecomdError('bad_cipher', 'the decrypted envelope states more bytes than it has')
  return { message: decodeUtf8(plain, headBytes, messageEnd), receiveid: decodeUtf8(plain, messageEnd, end) }
}

/**
 * Throws `bad_receiveid` unless the envelope was meant for us: an app's must carry its corpId; a Bot's the configured
 * one, and without a configured one a Bot takes any.
 */
export function checkReceiveid(surface: 'bot' | 'app', expected: string, received: string): void {
  if (received === expected) return
  if (surface === 'bot' && expected === '') return
  const shown = JSON.stringify(received.slice(0, 64))
  throw new WecomdError('bad_receiveid', `the envelope is meant for receiveid ${shown}`, {
    hint: surface === 'app' ? 'compare agent.corpId with the admin console' : 'compare bot.receiveId, usually empty',
  })
}

function decodeCiphertext(encrypt: string): Buffer {
  const bytes = Buffer.from(encrypt, 'base64')
  // Buffer skips what is not base64, so a wrong character shows as a missing byte.
  if (bytes.length !== base64Bytes(encrypt)) throw new WecomdError('bad_envelope', 'the ciphertext is not base64')
  if (bytes.length === 0) throw new WecomdError('bad_envelope', 'the ciphertext is empty')
  if (bytes.length % 16 !== 0) throw new WecomdError('bad_envelope', 'the ciphertext does not end with a whole block')
  return bytes
}

/** How many bytes `text` decodes to if all of it is base64. */
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
