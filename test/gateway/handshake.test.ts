import { describe, expect, test } from 'bun:test'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadDevice, signConnect } from '../../src/gateway/link/device.ts'
import { type Credentials, Handshake, type Purpose } from '../../src/gateway/link/handshake.ts'
import { memoryOf } from './rig.ts'

const device = loadDevice(join(mkdtempSync(join(tmpdir(), 'wecomd-handshake-')), 'device.pem'))
const users = ['operator.read', 'operator.write']
const full = [...users, 'operator.admin', 'operator.approvals']

function setUp(
  credentials: Credentials = { token: 't' },
  isPaired = true,
  purpose: Purpose = 'users',
  hasApprovers = false,
) {
  const memory = memoryOf(isPaired)
  const handshake = new Handshake({ purpose, hasApprovers }, credentials, device, '1.2.3', memory)
  return { handshake, memory, grant: handshake.nextGrant() }
}

const hello = (scopes: unknown, more: object = {}) => ({
  server: { version: '2026.9.6', bootId: 'b1' },
  auth: { role: 'operator', scopes },
  policy: { maxPayload: 1000, tickIntervalMs: 15_000, attachments: { maxBytes: 700, maxImageBytes: 600 } },
  ...more,
})

describe('what is asked for', () => {
  test('handshake: a device that was never approved asks for everything once, a paired one for read and write', () => {
    expect(setUp({ token: 't' }, false).grant).toEqual({ scopes: full, isPairing: true })
    expect(setUp({ token: 't' }, true).grant).toEqual({ scopes: users, isPairing: false })
  })

  test('handshake: a device token was given to an approved device, so nothing more is asked', () => {
    expect(setUp({ deviceToken: 'd' }, false).grant).toEqual({ scopes: users, isPairing: false })
  })

  test('handshake: the admin link asks for admin scope alone, paired or not', () => {
    const wanted = { scopes: ['operator.admin'], isPairing: false }
    expect(setUp({ token: 't' }, true, 'admin').grant).toEqual(wanted)
    expect(setUp({ token: 't' }, false, 'admin').grant).toEqual(wanted)
  })

  test('handshake: the request is that of a backend client, signed for this nonce', () => {
    const { handshake, grant } = setUp()
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
    expect(handshake.connectParams(grant, 'n1', 5)).toEqual({
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

  const ways: readonly [Credentials, object][] = [
    [{ token: 't' }, { token: 't' }],
    [{ deviceToken: 'd' }, { deviceToken: 'd' }],
    [{ token: 't', deviceToken: 'd' }, { token: 't' }],
    [{ password: 'p' }, { password: 'p' }],
    [{}, {}],
  ]
  for (const [credentials, auth] of ways) {
    test(`handshake: with ${Object.keys(credentials).join(' and ') || 'nothing'} it shows ${Object.keys(auth).join() || 'nothing'}`, () => {
      const { handshake, grant } = setUp(credentials)
      expect(handshake.connectParams(grant, 'n', 1)['auth']).toEqual(auth)
    })
  }
})

describe('what is taken', () => {
  test('handshake: exactly the scopes that were asked for are taken, in any order', () => {
    const { handshake, grant } = setUp()
    expect(handshake.accept(grant, hello(users.toReversed()))).toEqual({
      bootId: 'b1',
      version: '2026.9.6',
      scopes: users.toReversed(),
      tickIntervalMs: 15_000,
      maxPayloadBytes: 1000,
      attachmentBytes: 700,
      imageBytes: 600,
    })
  })

  const refused: readonly [what: string, scopes: unknown, says: string][] = [
    ['one scope less', ['operator.read'], 'did not grant operator.write'],
    ['no scopes', [], 'did not grant operator.read, operator.write'],
    ['an answer without scopes', undefined, 'did not grant operator.read, operator.write'],
    ['scopes that are no list', 'operator.read operator.write', 'did not grant operator.read, operator.write'],
    ['admin on top', [...users, 'operator.admin'], 'granted more than was asked'],
    ['a scope nobody knows on top', [...users, 'operator.new'], 'granted more than was asked'],
    ['everything', full, 'granted more than was asked'],
  ]
  for (const [what, scopes, says] of refused) {
    test(`handshake: the users' link refuses ${what}`, () => {
      const { handshake, grant } = setUp()
      expect(() => handshake.accept(grant, hello(scopes))).toThrow(says)
    })
  }

  test('handshake: the pairing connect needs the full set, and what it got is remembered', () => {
    const { handshake, memory, grant } = setUp({ token: 't' }, false)
    expect(() => handshake.accept(grant, hello(users))).toThrow('did not grant operator.admin, operator.approvals')
    expect(memory.isPaired()).toBe(false)
    handshake.accept(grant, hello(full))
    expect(memory.isPaired()).toBe(true)
    expect(handshake.nextGrant()).toEqual({ scopes: users, isPairing: false })
  })

  test('handshake: the admin link takes admin scope, also with more, and nothing less', () => {
    const { handshake, grant } = setUp({ token: 't' }, true, 'admin')
    expect(handshake.accept(grant, hello(['operator.admin'])).scopes).toEqual(['operator.admin'])
    expect(handshake.accept(grant, hello(full)).scopes).toEqual(full)
    expect(() => handshake.accept(grant, hello(users))).toThrow('did not grant operator.admin')
  })

  test('handshake: what the admin link is refused does not make the users link pair again', () => {
    const { handshake, memory } = setUp({ token: 't' }, true, 'admin')
    handshake.forgetPairing()
    expect(memory.isPaired()).toBe(true)
  })

  test('handshake: a pairing that the gateway forgot is asked for again', () => {
    const { handshake } = setUp()
    handshake.forgetPairing()
    expect(handshake.nextGrant()).toEqual({ scopes: full, isPairing: true })
  })

  test('handshake: an older gateway that names no limits gets the usual ones', () => {
    const { handshake, grant } = setUp()
    expect(handshake.accept(grant, hello(users, { policy: undefined }))).toMatchObject({
      tickIntervalMs: 30_000,
      maxPayloadBytes: 26_214_400,
      attachmentBytes: 19_464_192,
      imageBytes: 6_291_456,
    })
  })
})

test('handshake: where there are administrators, questions may wait for approval, and the admin link hears of it', () => {
  const asking = setUp({ token: 't' }, true, 'users', true)
  expect(asking.grant.scopes).toEqual([...users, 'operator.approvals'])
  expect(() => asking.handshake.accept(asking.grant, hello([...users, 'operator.approvals']))).not.toThrow()
  expect(() => asking.handshake.accept(asking.grant, hello(full))).toThrow('more than was asked')
  const answering = setUp({ token: 't' }, true, 'admin', true)
  expect(answering.grant.scopes).toEqual(['operator.admin'])
  const capsOf = ({ handshake, grant }: typeof asking) => handshake.connectParams(grant, 'n', 1)['caps']
  expect([capsOf(asking), capsOf(answering)]).toEqual([['tool-events'], ['tool-events', 'exec-approvals']])
  expect(capsOf(setUp({ token: 't' }, true, 'admin'))).toEqual(['tool-events'])
})
