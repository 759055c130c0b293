import { createDecipheriv } from 'node:crypto'
import { encodingAESKey } from './callback-server.ts'

/** Decrypts a file for the Bot without the code under test. Throws if the padding is invalid. */
export function decryptMedia(sealed: Uint8Array): Buffer {
  const key = Buffer.from(`${encodingAESKey}=`, 'base64')
  const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  const plain = Buffer.concat([decipher.update(sealed), decipher.final()])
  const padBytes = plain.at(-1) ?? 0
  const padding = plain.subarray(plain.length - padBytes)
  if (padBytes < 1 || padBytes > 32 || padding.some(byte => byte !== padBytes)) throw new Error('wrong padding')
  return plain.subarray(0, plain.length - padBytes)
}
