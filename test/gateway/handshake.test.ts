import { describe, expect, test } from 'bun:test'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadDevice, signConnect } from '../../src/gateway/link/device.ts'
import { type Credentials, Handshake, type Purpose } from '../../src/gateway/link/handshake.ts'
import { memoryOf } from './rig.ts'

const device = loadDevice(join(mkdtempSync(join(tmpdir(), 'wecomd-handshake-')), 'device.pem'))
const users = ['operator.read', 'operator.write', 'operator.questions']
const full = [...users, 'operator.admin', 'operator.approvals']

function setUp(
  credentials: Credentials = { token: 't' },
  isPaired = true,
  purpose: Purpose = 'users',
  hasApprovers = false,
) {
  const memory = memoryOf(isPaired)
  const handshake = new Handshake({ purpose, hasApprovers }, credentials, device, '1.2.3', memory)
  return { handshake, memory, requested: handshake.nextScopeRequest() }
}

const hello = (scopes: unknown, more: object = {}) => ({
  server: { version: '2026.9.6', bootId: 'b1' },
  auth: { role: 'operator', scopes },
  policy: { maxPayload: 1000, tickIntervalMs: 15_000, attachments: { maxBytes: 700, maxImageBytes: 600 } },
  ...more,
})

describe('request', () => {
  test('handshake: pairing requests all scopes, later only read and write', () => {
    expect(setUp({ token: 't' }, false).requested).toEqual({ scopes: full, isPairing: true })
    expect(setUp({ token: 't' }, true).requested).toEqual({ scopes: users, isPairing: false })
  })

  test('handshake: with a device token it does not request pairing', () => {
    expect(setUp({ deviceToken: 'd' }, false).requested).toEqual({ scopes: users, isPairing: false })
  })

  test('handshake: the admin link requests only admin scope', () => {
    const wanted = { scopes: ['operator.admin'], isPairing: false }
    expect(setUp({ token: 't' }, true, 'admin').requested).toEqual(wanted)
    expect(setUp({ token: 't' }, false, 'admin').requested).toEqual(wanted)
  })

  test("handshake: a backend client's request, signed for the nonce", () => {
    const { handshake, requested } = setUp()
    const signature = signConnect(device, {
      clientId: 'gateway-client',
      clientMode: 'backend',
      role: 'operator',
      scopes: users,
      signedAt: 5,
      token: 't',
      nonce: 'n1',
      platform: 'linux',
    })
    expect(handshake.connectParams(requested, 'n1', 5)).toEqual({
      minProtocol: 3,
      maxProtocol: 4,
      client: { id: 'gateway-client', mode: 'backend', platform: 'linux', displayName: 'wecomd', version: '1.2.3' },
      role: 'operator',
      scopes: users,
      caps: ['tool-events'],
      auth: { token: 't' },
      device: { id: device.id, publicKey: device.publicKey, signature, signedAt: 5, nonce: 'n1' },
    })
  })

  const cases: readonly [Credentials, object][] = [
    [{ token: 't' }, { token: 't' }],
    [{ deviceToken: 'd' }, { deviceToken: 'd' }],
    [{ token: 't', deviceToken: 'd' }, { token: 't' }],
    [{ password: 'p' }, { password: 'p' }],
    [{}, {}],
  ]
  for (const [credentials, auth] of cases) {
    test(`handshake: auth with ${Object.keys(credentials).join(' and ') || 'no credentials'}`, () => {
      const { handshake, requested } = setUp(credentials)
      expect(handshake.connectParams(requested, 'n', 1)['auth']).toEqual(auth)
    })
  }
})

describe('answer', () => {
  test('handshake: the requested scopes are accepted in any order', () => {
    const { handshake, requested } = setUp()
    expect(handshake.accept(requested, hello(users.toReversed()))).toEqual({
      bootId: 'b1',
      version: '2026.9.6',
      scopes: users.toReversed(),
      tickIntervalMs: 15_000,
      maxPayloadBytes: 1000,
      attachmentBytes: 700,
      imageBytes: 600,
    })
  })

  const refused: readonly [what: string, scopes: unknown, message: string][] = [
    ['one scope less', ['operator.read'], 'did not grant operator.write'],
    ['no scopes', [], 'did not grant operator.read, operator.write'],
    ['an answer without scopes', undefined, 'did not grant operator.read, operator.write'],
    ['scopes that are not a list', 'operator.read operator.write', 'did not grant operator.read, operator.write'],
    ['extra admin scope', [...users, 'operator.admin'], 'granted more scopes than requested'],
    ['an extra unknown scope', [...users, 'operator.new'], 'granted more scopes than requested'],
    ['all scopes', full, 'granted more scopes than requested'],
  ]
  for (const [what, scopes, message] of refused) {
    test(`handshake: the users' link refuses ${what}`, () => {
      const { handshake, requested } = setUp()
      expect(() => handshake.accept(requested, hello(scopes))).toThrow(message)
    })
  }

  test('handshake: pairing needs all scopes and is remembered', () => {
    const { handshake, memory, requested } = setUp({ token: 't' }, false)
    expect(() => handshake.accept(requested, hello(users))).toThrow('did not grant operator.admin, operator.approvals')
    expect(memory.isPaired()).toBe(false)
    handshake.accept(requested, hello(full))
    expect(memory.isPaired()).toBe(true)
    expect(handshake.nextScopeRequest()).toEqual({ scopes: users, isPairing: false })
  })

  test('handshake: the admin link accepts admin scope, or more', () => {
    const { handshake, requested } = setUp({ token: 't' }, true, 'admin')
    expect(handshake.accept(requested, hello(['operator.admin'])).scopes).toEqual(['operator.admin'])
    expect(handshake.accept(requested, hello(full)).scopes).toEqual(full)
    expect(() => handshake.accept(requested, hello(users))).toThrow('did not grant operator.admin')
  })

  test("handshake: a refused admin link does not unpair the users' link", () => {
    const { handshake, memory } = setUp({ token: 't' }, true, 'admin')
    handshake.forgetPairing()
    expect(memory.isPaired()).toBe(true)
  })

  test('handshake: a forgotten pairing is requested again', () => {
    const { handshake } = setUp()
    handshake.forgetPairing()
    expect(handshake.nextScopeRequest()).toEqual({ scopes: full, isPairing: true })
  })

  test('handshake: default limits apply when the gateway names none', () => {
    const { handshake, requested } = setUp()
    expect(handshake.accept(requested, hello(users, { policy: undefined }))).toMatchObject({
      tickIntervalMs: 30_000,
      maxPayloadBytes: 26_214_400,
      attachmentBytes: 19_464_192,
      imageBytes: 6_291_456,
    })
  })
})

test('handshake: with administrators, both links take part in approvals', () => {
  const asking = setUp({ token: 't' }, true, 'users', true)
  expect(asking.requested.scopes).toEqual([...users, 'operator.approvals'])
  expect(() => asking.handshake.accept(asking.requested, hello([...users, 'operator.approvals']))).not.toThrow()
  expect(() => asking.handshake.accept(asking.requested, hello(full))).toThrow('more scopes than requested')
  const answering = setUp({ token: 't' }, true, 'admin', true)
  expect(answering.requested.scopes).toEqual(['operator.admin'])
  const capsOf = ({ handshake, requested }: typeof asking) => handshake.connectParams(requested, 'n', 1)['caps']
  expect([capsOf(asking), capsOf(answering)]).toEqual([
    ['tool-events'],
    ['tool-events', 'exec-approvals', 'plugin-approvals'],
  ])
  expect(capsOf(setUp({ token: 't' }, true, 'admin'))).toEqual(['tool-events'])
})
