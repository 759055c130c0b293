import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { WecomdError } from '../../errors.ts'
import { writeSecretFile } from '../../world.ts'

/** The identity of this daemon, as approved by the gateway's operator. */
export interface Device {
  /** Lower-case hex SHA-256 of the raw public key. */
  readonly id: string
  /** base64url of the raw 32 bytes. */
  readonly publicKey: string
  readonly key: KeyObject
}

/** The fields a connect request is signed over (the gateway's payload v3). `signedAt` is in epoch milliseconds. */
export interface ConnectClaim {
  readonly clientId: string
  readonly clientMode: string
  readonly role: string
  readonly scopes: readonly string[]
  readonly signedAt: number
  readonly token: string
  readonly nonce: string
  readonly platform: string
}

/**
 * Reads the ed25519 key from `file`, or creates it with mode 0600. Throws `state_folder` when the file is unreadable; it
 * is never replaced, because a new key means that the operator must approve the device again.
 */
export function loadDevice(file: string): Device {
  const key = existsSync(file) ? readKey(file) : createKey(file)
  const raw = createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32)
  return { id: createHash('sha256').update(raw).digest('hex'), publicKey: raw.toString('base64url'), key }
}

function readKey(file: string): KeyObject {
  try {
    return createPrivateKey(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new WecomdError('state_folder', `cannot read the device key ${file}`, {
      hint: 'restore the file from a backup, or delete it and approve the new device on the gateway host',
      cause,
    })
  }
}

function createKey(file: string): KeyObject {
  const { privateKey } = generateKeyPairSync('ed25519')
  writeSecretFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  return privateKey
}

/**
 * Signs `v3|deviceId|client.id|client.mode|role|scopes|signedAt|token|nonce|platform|`, in base64url. The scopes are
 * separated by commas. The last field, `deviceFamily`, is empty.
 */
export function signConnect(device: Device, claim: ConnectClaim): string {
  const fields = [
    'v3',
    device.id,
    claim.clientId,
    claim.clientMode,
    claim.role,
    claim.scopes.join(','),
    String(claim.signedAt),
    claim.token,
    claim.nonce,
    claim.platform.toLowerCase(),
    '',
  ]
  return sign(null, Buffer.from(fields.join('|')), device.key).toString('base64url')
}
