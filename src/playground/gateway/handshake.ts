import { createHash, createPublicKey, verify } from 'node:crypto'
import type { Random } from '../../world.ts'
import { type Params, type RpcError, refuse } from './frames.ts'
import { isObject } from '../../domain/json.ts'

/** Pending and approved devices. The real gateway stores them on disk. */
export interface Devices {
  readonly approved: Map<string, { scopes: readonly string[]; platform: string; token: string }>
  readonly pending: Map<string, { deviceId: string; scopes: readonly string[]; platform: string }>
  /** Scopes that need an approval even with silent pairing. */
  withheld: readonly string[]
}

export interface HandshakeRules {
  readonly token: string
  /** `silent`: no pairing, like a local client. `required`: an operator must approve first, like for a remote client. */
  readonly pairing: 'silent' | 'required'
  readonly devices: Devices
  readonly random: Random
}

export interface Challenge {
  readonly nonce: string
  readonly ts: number
}

export interface AcceptedConnect {
  readonly ok: true
  readonly scopes: readonly string[]
  readonly caps: readonly string[]
  readonly auth: object
}

interface Connect {
  readonly clientId: string
  readonly mode: string
  readonly platform: string
  readonly deviceFamily: string
  readonly role: string
  readonly scopes: readonly string[]
  readonly caps: readonly string[]
  readonly token: string
  readonly deviceToken: string
  readonly device: Params | undefined
}

const known: Readonly<Record<string, readonly string[]>> = {
  '': 'minProtocol maxProtocol client role scopes caps commands permissions auth device locale userAgent pathEnv'.split(
    ' ',
  ),
  client: 'id displayName version platform mode deviceFamily modelIdentifier instanceId'.split(' '),
  auth: 'token password deviceToken bootstrapToken'.split(' '),
  device: 'id publicKey signature signedAt nonce'.split(' '),
}

const clientIds =
  'webchat-ui openclaw-control-ui openclaw-tui webchat cli gateway-client node-host test fingerprint openclaw-probe'.split(
    ' ',
  )

/** Accepts or rejects a `connect` request by the rules of the real gateway. */
export function acceptConnect(
  params: Params,
  challenge: Challenge,
  origin: string | null,
  rules: HandshakeRules,
): AcceptedConnect | RpcError {
  const problem = invalidParams(params)
  if (problem !== undefined) return refuse('INVALID_REQUEST', `invalid connect params: ${problem}`, {}, 1008)
  const [low, high] = [Number(params['minProtocol']), Number(params['maxProtocol'])]
  if (low > 4 || high < 4) {
    const details = { code: 'PROTOCOL_MISMATCH', clientMinProtocol: low, clientMaxProtocol: high, expectedProtocol: 4 }
    return refuse('INVALID_REQUEST', 'protocol mismatch', { details }, 1002)
  }
  if (origin !== null) {
    const details = { code: 'CONTROL_UI_ORIGIN_NOT_ALLOWED' }
    return refuse('INVALID_REQUEST', 'origin not allowed', { details }, 1008)
  }
  const connect = readConnect(params)
  return connect.device ? acceptDevice(connect, connect.device, challenge, rules) : acceptToken(connect, rules)
}

/** Approves a pending device like `openclaw devices approve`. False if there is no such request. */
export function approveDevice(devices: Devices, requestId: string, random: Random): boolean {
  const request = devices.pending.get(requestId)
  if (!request) return false
  devices.pending.delete(requestId)
  const token = Buffer.from(random.bytes(24)).toString('base64url')
  const scopes = [...new Set([...(devices.approved.get(request.deviceId)?.scopes ?? []), ...request.scopes])]
  devices.approved.set(request.deviceId, { scopes, platform: request.platform, token })
  devices.withheld = devices.withheld.filter(scope => !request.scopes.includes(scope))
  return true
}

function acceptToken(connect: Connect, rules: HandshakeRules): AcceptedConnect | RpcError {
  if (connect.token === '') {
    return refuse('NOT_PAIRED', 'device identity required', { details: { code: 'DEVICE_IDENTITY_REQUIRED' } }, 1008)
  }
  if (connect.token !== rules.token) return refuseToken()
  const trusted = ['gateway-client/backend', 'cli/cli'].includes(`${connect.clientId}/${connect.mode}`)
  const scopes = trusted ? connect.scopes : []
  return { ok: true, scopes, caps: connect.caps, auth: { method: 'token', role: connect.role, scopes } }
}

function acceptDevice(
  connect: Connect,
  device: Params,
  challenge: Challenge,
  rules: HandshakeRules,
): AcceptedConnect | RpcError {
  if (device['nonce'] !== challenge.nonce) {
    return refuseDevice('device nonce mismatch', 'DEVICE_AUTH_NONCE_MISMATCH', 'device-nonce-mismatch')
  }
  if (!isSignedBy(device, connect)) {
    return refuseDevice('device signature invalid', 'DEVICE_AUTH_SIGNATURE_INVALID', 'device-signature')
  }
  const deviceId = String(device['id'])
  const paired = rules.devices.approved.get(deviceId)
  const byDeviceToken = paired !== undefined && [connect.token, connect.deviceToken].includes(paired.token)
  if (!byDeviceToken && connect.token !== rules.token) return refuseToken()
  const isBeyond = connect.scopes.some(scope => rules.devices.withheld.includes(scope))
  if (rules.pairing === 'silent' && !isBeyond) return acceptToken({ ...connect, token: rules.token }, rules)
  const reason = isBeyond ? 'scope-upgrade' : pairingReason(connect, paired)
  if (reason === 'scope-upgrade' && byDeviceToken) {
    return refuse('INVALID_REQUEST', 'unauthorized: scope mismatch', { details: { code: 'AUTH_SCOPE_MISMATCH' } }, 1008)
  }
  if (!paired || reason !== undefined) {
    return refusePairing(connect, deviceId, requestPairing(connect, deviceId, rules), reason, paired?.scopes)
  }
  const { scopes, role } = connect
  const method = byDeviceToken ? 'device-token' : 'token'
  const auth = { method, role, scopes, deviceToken: paired.token, issuedAtMs: challenge.ts }
  return { ok: true, scopes, caps: connect.caps, auth }
}

function pairingReason(connect: Connect, paired?: { scopes: readonly string[]; platform: string }): string | undefined {
  if (!paired) return 'not-paired'
  if (connect.scopes.some(scope => !paired.scopes.includes(scope))) return 'scope-upgrade'
  return paired.platform === connect.platform ? undefined : 'metadata-upgrade'
}

/** Reuses a pending request that covers the scopes. A request for more scopes replaces it under a new id. */
function requestPairing(connect: Connect, deviceId: string, { devices, random }: HandshakeRules): string {
  for (const [requestId, request] of devices.pending) {
    if (request.deviceId !== deviceId) continue
    if (connect.scopes.every(scope => request.scopes.includes(scope))) return requestId
    devices.pending.delete(requestId)
  }
  const requestId = Buffer.from(random.bytes(16)).toString('hex')
  devices.pending.set(requestId, { deviceId, scopes: connect.scopes, platform: connect.platform })
  return requestId
}

/** Verifies the device signature over `v3|…|platform|deviceFamily`. v2 without the last two fields is still accepted. */
function isSignedBy(device: Params, connect: Connect): boolean {
  const raw = Buffer.from(String(device['publicKey']), 'base64url')
  if (raw.length !== 32 || createHash('sha256').update(raw).digest('hex') !== device['id']) return false
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' })
  const { clientId, mode, role, scopes, token, deviceToken, platform, deviceFamily } = connect
  const middle = [device['id'], clientId, mode, role, scopes.join(','), device['signedAt'], token || deviceToken]
  const v2 = ['v2', ...middle, device['nonce']].join('|')
  const v3 = ['v3', ...middle, device['nonce'], platform.toLowerCase(), deviceFamily.toLowerCase()].join('|')
  const signature = Buffer.from(String(device['signature']), 'base64url')
  return [v3, v2].some(text => verify(null, Buffer.from(text), key, signature))
}

function readConnect(params: Params): Connect {
  const client = isObject(params['client']) ? params['client'] : {}
  const auth = isObject(params['auth']) ? params['auth'] : {}
  return {
    clientId: text(client['id']),
    mode: text(client['mode']),
    platform: text(client['platform']),
    deviceFamily: text(client['deviceFamily']),
    role: text(params['role']) || 'operator',
    scopes: texts(params['scopes']),
    caps: texts(params['caps']),
    token: text(auth['token']) || text(auth['password']),
    deviceToken: text(auth['deviceToken']),
    device: isObject(params['device']) ? params['device'] : undefined,
  }
}

function invalidParams(params: Params): string | undefined {
  for (const [part, names] of Object.entries(known)) {
    const value = part === '' ? params : (params[part] ?? {})
    if (!isObject(value)) return `at /${part}: must be object`
    const stranger = Object.keys(value).find(name => !names.includes(name))
    if (stranger !== undefined) return `at ${part === '' ? 'root' : `/${part}`}: unexpected property '${stranger}'`
  }
  const id = isObject(params['client']) ? params['client']['id'] : undefined
  return clientIds.includes(text(id)) ? undefined : 'at /client/id: must be equal to one of the allowed values'
}

function refuseToken(): RpcError {
  const details = {
    code: 'AUTH_TOKEN_MISMATCH',
    authReason: 'token_mismatch',
    canRetryWithDeviceToken: false,
    recommendedNextStep: 'update_auth_credentials',
  }
  const message = 'unauthorized: gateway token mismatch (provide gateway auth token)'
  return refuse('INVALID_REQUEST', message, { details }, 1008)
}

function refuseDevice(message: string, code: string, reason: string): RpcError {
  return refuse('INVALID_REQUEST', message, { details: { code, reason } }, 1008)
}

function refusePairing(
  connect: Connect,
  deviceId: string,
  requestId: string,
  reason: string | undefined,
  approvedScopes: readonly string[] | undefined,
): RpcError {
  const details = {
    code: 'PAIRING_REQUIRED',
    reason,
    requestId,
    remediationHint: 'Approve this device from the pending pairing requests.',
    deviceId,
    requestedRole: connect.role,
    requestedScopes: connect.scopes,
    ...(approvedScopes ? { approvedScopes } : {}),
  }
  return refuse('NOT_PAIRED', 'pairing required: device is not approved yet', { details }, 1008)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}
