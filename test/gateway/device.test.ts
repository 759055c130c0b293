import { afterEach, expect, test } from 'bun:test'
import { createHash, createPublicKey, verify } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Device, loadDevice, signConnect } from '../../src/gateway/link/device.ts'

const folder = mkdtempSync(join(tmpdir(), 'wecomd-device-'))
const file = join(folder, 'device.pem')
afterEach(() => rmSync(file, { force: true }))

const claim = {
  clientId: 'gateway-client',
  clientMode: 'backend',
  role: 'operator',
  scopes: ['operator.read', 'operator.write'],
  signedAt: 1_795_402_569_288,
  token: 'shared-token',
  nonce: 'e1dc57a8-56fa',
  platform: 'Linux',
}

/** Checks a signature as the gateway does, with only the public key from the request. */
function isSigned(device: Device, payload: string, signature: string): boolean {
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: device.publicKey }, format: 'jwk' })
  return verify(null, Buffer.from(payload), key, Buffer.from(signature, 'base64url'))
}

test('device: the key is created once, with mode 0600, and kept', () => {
  const first = loadDevice(file)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder)).toEqual(['device.pem'])
  const pem = readFileSync(file, 'utf8')
  const second = loadDevice(file)
  expect([second.id, second.publicKey]).toEqual([first.id, first.publicKey])
  expect(readFileSync(file, 'utf8')).toBe(pem)
})

test('device: the id is the hash of the 32-byte public key', () => {
  const { id, publicKey } = loadDevice(file)
  expect(publicKey).toMatch(/^[A-Za-z0-9_-]{43}$/)
  const raw = Buffer.from(publicKey, 'base64url')
  expect([raw.length, createHash('sha256').update(raw).digest('hex')]).toEqual([32, id])
})

test('device: another file is another device', () => {
  const other = join(folder, 'other.pem')
  expect(loadDevice(other).id).not.toBe(loadDevice(file).id)
  rmSync(other)
})

test('device: a connect request is signed over exactly payload v3', () => {
  const device = loadDevice(file)
  const signature = signConnect(device, claim)
  expect(signature).toMatch(/^[A-Za-z0-9_-]{86}$/)
  const payload = `v3|${device.id}|gateway-client|backend|operator|operator.read,operator.write|1795402569288|shared-token|e1dc57a8-56fa|linux|`
  expect(isSigned(device, payload, signature)).toBe(true)
  for (const wrong of [payload.slice(0, -1), payload.replace('v3', 'v2'), payload.replace('linux', 'Linux')]) {
    expect(isSigned(device, wrong, signature)).toBe(false)
  }
  expect(isSigned(device, payload, signConnect(device, { ...claim, nonce: 'another' }))).toBe(false)
})

test('device: without a token, the token field is empty', () => {
  const device = loadDevice(file)
  const payload = `v3|${device.id}|gateway-client|backend|operator||1795402569288||e1dc57a8-56fa|linux|`
  expect(isSigned(device, payload, signConnect(device, { ...claim, scopes: [], token: '' }))).toBe(true)
})

test('device: an unreadable key file is reported and never replaced', () => {
  for (const text of ['', 'garbage', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n']) {
    writeFileSync(file, text)
    expect(() => loadDevice(file)).toThrow(
      expect.objectContaining({ code: 'state_folder', message: `cannot read the device key ${file}` }),
    )
    expect(readFileSync(file, 'utf8')).toBe(text)
  }
})
