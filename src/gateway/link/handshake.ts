import { WecomdError } from '../../errors.ts'
import { type Device, signConnect } from './device.ts'
import { type Json, numberAt, objectAt, stringAt, stringsAt } from './frames.ts'

/** What each link may do, and what the device is approved for once. */
const scopesOf = {
  users: ['operator.read', 'operator.write'],
  admin: ['operator.admin'],
} as const satisfies Record<string, readonly string[]>
const approvalScope = 'operator.approvals'
const fullScopes: readonly string[] = [...scopesOf.users, ...scopesOf.admin, approvalScope]

const client = { id: 'gateway-client', mode: 'backend', platform: 'linux' } as const
const role = 'operator'
const defaultTickMs = 30_000
const defaultPayloadBytes = 25 * 1024 * 1024
/** What OpenClaw 2026.9.6 says. */
const defaultAttachmentBytes = 19_464_192
const defaultImageBytes = 6 * 1024 * 1024

/** What a link is for. */
export interface LinkDuty {
  readonly purpose: Purpose
  /**
   * Somebody can answer for commands that need approval. Runs may ask for one only when the link that asked the question
   * has that scope, and somebody listens; else they are refused at once (docs/protocol-gateway.md).
   */
  readonly hasApprovers: boolean
}

/** The link for what users write, or the one for what needs admin scope. */
export type Purpose = keyof typeof scopesOf

/** How one connect asks: for pairing with everything, or with what its link needs. */
export interface Grant {
  readonly scopes: readonly string[]
  readonly isPairing: boolean
}

/** What the gateway said of itself. `bootId` changes at each of its starts. */
export interface Hello {
  readonly bootId: string
  readonly version: string
  readonly scopes: readonly string[]
  readonly tickIntervalMs: number
  readonly maxPayloadBytes: number
  /** Of one attachment, before base64. */
  readonly attachmentBytes: number
  readonly imageBytes: number
}

export interface Credentials {
  readonly token?: string
  readonly password?: string
  readonly deviceToken?: string
}

/** Remembers across restarts that the device was approved for the full set of scopes. */
export interface PairingMemory {
  isPaired(): boolean
  remember(): void
  forget(): void
}

/** The connect exchange: what we say, and whether we take the answer. The users' link is the one that pairs the device. */
export class Handshake {
  private readonly purpose: Purpose
  private scopes: readonly string[]
  private readonly caps: readonly string[]
  private readonly credentials: Credentials
  private readonly device: Device
  private readonly version: string
  private readonly memory: PairingMemory

  constructor(duty: LinkDuty, credentials: Credentials, device: Device, version: string, memory: PairingMemory) {
    const { purpose, hasApprovers } = duty
    this.purpose = purpose
    this.scopes = [...scopesOf[purpose], ...(hasApprovers && purpose === 'users' ? [approvalScope] : [])]
    this.caps = ['tool-events', ...(hasApprovers && purpose === 'admin' ? ['exec-approvals'] : [])]
    this.credentials = credentials
    this.device = device
    this.version = version
    this.memory = memory
  }

  nextGrant(): Grant {
    const { purpose, scopes, credentials, memory } = this
    const needsPairing = purpose === 'users' && credentials.deviceToken === undefined && !memory.isPaired()
    return needsPairing ? { scopes: fullScopes, isPairing: true } : { scopes, isPairing: false }
  }

  /** What the admin link may not do is no reason for the users' link to ask again. */
  forgetPairing(): void {
    if (this.purpose === 'users') this.memory.forget()
  }

  /** A device token may allow no approvals: users are answered without. True when it is worth another try. */
  yieldApprovals(): boolean {
    if (this.credentials.deviceToken === undefined) return false
    const left = this.scopes.filter(scope => scope !== approvalScope)
    const isLess = left.length < this.scopes.length
    this.scopes = left
    return isLess
  }

  connectParams(grant: Grant, nonce: string, signedAt: number): Json {
    const { token, password, deviceToken } = this.credentials
    const signature = signConnect(this.device, {
      clientId: client.id,
      clientMode: client.mode,
      role,
      scopes: grant.scopes,
      signedAt,
      token: token ?? deviceToken ?? '',
      nonce,
      platform: client.platform,
    })
    return {
      minProtocol: 3,
      maxProtocol: 4,
      client: { ...client, displayName: 'wecomd', version: this.version },
      role,
      scopes: grant.scopes,
      caps: this.caps,
      auth: {
        ...(token !== undefined && { token }),
        ...(token === undefined && deviceToken !== undefined && { deviceToken }),
        ...(password !== undefined && { password }),
      },
      device: { id: this.device.id, publicKey: this.device.publicKey, signature, signedAt, nonce },
    }
  }

  /** Takes a hello only when it grants what was asked, and for users exactly that: their text never travels with more. */
  accept(grant: Grant, payload: Json): Hello {
    const server = objectAt(payload, 'server')
    const policy = objectAt(payload, 'policy')
    const attachments = objectAt(policy, 'attachments')
    const scopes = stringsAt(objectAt(payload, 'auth'), 'scopes')
    const missing = grant.scopes.filter(scope => !scopes.includes(scope))
    if (missing.length > 0) throw scopesMissing(missing)
    if (grant.isPairing) this.memory.remember()
    else if (this.purpose === 'users' && scopes.some(scope => !grant.scopes.includes(scope)))
      throw scopesTooWide(scopes)
    return {
      bootId: stringAt(server, 'bootId') ?? '',
      version: stringAt(server, 'version') ?? '',
      scopes,
      tickIntervalMs: numberAt(policy, 'tickIntervalMs') ?? defaultTickMs,
      maxPayloadBytes: numberAt(policy, 'maxPayload') ?? defaultPayloadBytes,
      attachmentBytes: numberAt(attachments, 'maxBytes') ?? defaultAttachmentBytes,
      imageBytes: numberAt(attachments, 'maxImageBytes') ?? defaultImageBytes,
    }
  }
}

function scopesMissing(missing: readonly string[]): WecomdError {
  return new WecomdError('gateway_refused', `the gateway did not grant ${missing.join(', ')}`, {
    hint: 'approve this device on the gateway host: openclaw devices list, then openclaw devices approve <requestId>',
  })
}

function scopesTooWide(scopes: readonly string[]): WecomdError {
  return new WecomdError('gateway_refused', `the gateway granted more than was asked: ${scopes.join(', ')}`, {
    hint: 'text of users must not travel with admin scope; check how the gateway authenticates this client',
  })
}
