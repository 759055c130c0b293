import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { WecomdError } from '../../errors.ts'

/** The identity under which the gateway's operator approved this daemon. */
export interface Device {
  /** Lower-case hex SHA-256 of the raw public key. */
  readonly id: string
  /** base64url of the raw 32 bytes. */
  readonly publicKey: string
  readonly key: KeyObject
}

/** What a connect request is signed over (payload v3 of the gateway). */
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

/** Reads the ed25519 key from `file`, or makes one (0600). Losing the file means pairing again. */
export function loadDevice(file: string): Device {
  const key = existsSync(file) ? readKey(file) : createKey(file)
  const raw = createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32)
  return { id: createHash('sha256').update(raw).digest('hex'), publicKey: raw.toString('base64url'), key }
}

function readKey(file: string): KeyObject {
  try {
    return createPrivateKey(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new WecomdError('state_folder', `the device key ${file} cannot be read`, {
      hint: 'put back a good copy, or remove it and approve the new device on the gateway host',
      cause,
    })
  }
}

function createKey(file: string): KeyObject {
  const { privateKey } = generateKeyPairSync('ed25519')
  const fresh = `${file}.new`
  writeFileSync(fresh, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  chmodSync(fresh, 0o600)
  renameSync(fresh, file)
  return privateKey
}

/** base64url signature over `v3|deviceId|client.id|client.mode|role|scopes|signedAt|token|nonce|platform|`. */
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
