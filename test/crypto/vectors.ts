import vectors from '../vectors/wecom-crypto.json'

/** A positive vector. The official demo and our own vectors use different field names; this is their common form. */
export interface Vector {
  readonly id: string
  readonly token: string
  readonly encodingAESKey: string
  readonly timestamp: string
  readonly nonce: string
  readonly encrypt: string
  readonly signature: string
  readonly message: string
  readonly receiveid: string
  readonly random: Uint8Array
}

export const positive: readonly Vector[] = vectors.vectors.map(one => ({
  id: one.id,
  token: one.token,
  encodingAESKey: one.encodingAESKey,
  timestamp: one.timestamp,
  nonce: one.nonce,
  encrypt: one.encrypt,
  signature: one.msg_signature,
  message: one.plaintext ?? one.decrypted ?? '',
  receiveid: one.receiveid ?? one.receiveid_in_ciphertext ?? '',
  random: one.random_hex === undefined ? Buffer.from(one.random_ascii ?? '') : Buffer.from(one.random_hex, 'hex'),
}))

export function vector(id: string): Vector {
  const found = positive.find(one => one.id === id)
  if (found === undefined) throw new Error(`no vector ${id}`)
  return found
}

/** The EncodingAESKey of a negative vector. */
export function negativeKey(id: string): string {
  return vectors.negative.find(one => one.id === id)?.encodingAESKey ?? ''
}
