import { afterEach, expect, test } from 'bun:test'
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { EchoGateway } from '../../src/playground/gateway/echo-gateway.ts'
import { ask, clientOf, closeAll, gatewayWith, linked, session, token } from './echo-rig.ts'
import { connectParams } from './gateway-client.ts'

afterEach(closeAll)

test('echo gateway: invalid connect requests are rejected', async () => {
  const gateway = gatewayWith()
  const wrong = clientOf(gateway)
  expect((await wrong.connect('nope')).error?.details?.['code']).toBe('AUTH_TOKEN_MISMATCH')
  expect((await wrong.closed).code).toBe(1008)
  const old = clientOf(gateway)
  expect((await old.connect(token, { maxProtocol: 3 })).error?.details?.['code']).toBe('PROTOCOL_MISMATCH')
  expect((await old.closed).code).toBe(1002)
  const browser = clientOf(gateway, { origin: 'http://evil.example' })
  expect((await browser.connect(token)).error?.details?.['code']).toBe('CONTROL_UI_ORIGIN_NOT_ALLOWED')
  expect((await clientOf(gateway).connect(token, { foo: 1 })).error?.message).toContain("unexpected property 'foo'")
})

test('echo gateway: unknown parameters and missing scopes are rejected', async () => {
  const { client } = await linked()
  expect((await ask(client, 'k1', 'x', { color: 'red' })).error?.message).toContain("unexpected property 'color'")
  expect((await client.request('chat.history', {})).error?.message).toContain("required property 'sessionKey'")
  expect((await client.request('sessions.reset', { key: session })).error?.message).toBe(
    'missing scope: operator.admin',
  )
  expect((await client.request('nothing')).error?.message).toBe('unknown method: nothing')
  const stranger = await client.request('chat.send', { sessionKey: 'agent:nope:x', message: 'x', idempotencyKey: 'k2' })
  expect(stranger.error?.message).toBe('Agent "nope" no longer exists in configuration')
})

test('echo gateway: while starting, connect is UNAVAILABLE with a retry time', async () => {
  const client = clientOf(gatewayWith({ startingMs: 60_000 }))
  expect((await client.connect(token)).error).toMatchObject({ code: 'UNAVAILABLE', retryAfterMs: 500 })
})

test('echo gateway: a device needs approval, again for more scopes', async () => {
  const gateway = gatewayWith({ pairing: 'required' })
  const keys = generateKeyPairSync('ed25519')
  const scopes = ['operator.read', 'operator.write']
  const first = await clientWithDevice(gateway, keys, scopes)
  const { code, requestId } = first.error?.details ?? {}
  expect(code).toBe('PAIRING_REQUIRED')
  expect(gateway.approve(String(requestId))).toBe(true)
  const second = await clientWithDevice(gateway, keys, scopes)
  expect(second.payload?.['auth']).toMatchObject({ scopes, deviceToken: expect.any(String) })
  const third = await clientWithDevice(gateway, keys, [...scopes, 'operator.admin'])
  expect(third.error?.details?.['reason']).toBe('scope-upgrade')
})

test('echo gateway: a withheld scope is granted after an approval', async () => {
  const gateway = gatewayWith()
  const keys = generateKeyPairSync('ed25519')
  gateway.withhold(['operator.admin'])
  const refused = await clientWithDevice(gateway, keys, ['operator.admin'])
  const { reason, requestId } = refused.error?.details ?? {}
  expect(reason).toBe('scope-upgrade')
  const users = ['operator.read', 'operator.write']
  expect((await clientWithDevice(gateway, keys, users)).payload?.['auth']).toMatchObject({ scopes: users })
  expect(gateway.approve(String(requestId))).toBe(true)
  const admin = await clientWithDevice(gateway, keys, ['operator.admin'])
  expect(admin.payload?.['auth']).toMatchObject({ scopes: ['operator.admin'] })
})

test('echo gateway: a signature over another nonce is rejected', async () => {
  const gateway = gatewayWith()
  const keys = generateKeyPairSync('ed25519')
  const answer = await clientWithDevice(gateway, keys, [], nonce => `${nonce}x`)
  expect(answer.error?.details?.['code']).toBe('DEVICE_AUTH_SIGNATURE_INVALID')
})

async function clientWithDevice(
  gateway: EchoGateway,
  keys: { publicKey: KeyObject; privateKey: KeyObject },
  scopes: string[],
  signedNonce = (nonce: string) => nonce,
) {
  const client = clientOf(gateway)
  const { nonce, ts } = await client.challenge()
  const raw = keys.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  const id = createHash('sha256').update(raw).digest('hex')
  const fields = [
    'v3',
    id,
    'gateway-client',
    'backend',
    'operator',
    scopes.join(','),
    ts,
    token,
    signedNonce(nonce),
    'linux',
    '',
  ]
  const signature = sign(null, Buffer.from(fields.join('|')), keys.privateKey).toString('base64url')
  const device = { id, publicKey: raw.toString('base64url'), signature, signedAt: ts, nonce }
  return await client.request('connect', { ...connectParams(token), scopes, device })
}
