import { WecomdError } from '../../errors.ts'
import { type Device, signConnect } from './device.ts'
import { type Json, numberAt, objectAt, stringAt, stringsAt } from './frames.ts'

/** The scopes of each link. The device is approved once, for all of them. */
const linkScopes = {
  users: ['operator.read', 'operator.write', 'operator.questions'],
  admin: ['operator.admin'],
} as const satisfies Record<string, readonly string[]>
const approvalScope = 'operator.approvals'
/** Without it on the link that asked, the agent's tool that asks the user fails. Users can be answered without it. */
export const questionScope = 'operator.questions'
const allScopes: readonly string[] = [...linkScopes.users, ...linkScopes.admin, approvalScope]

const client = { id: 'gateway-client', mode: 'backend', platform: 'linux' } as const
const role = 'operator'
const defaultTickMs = 30_000
const defaultPayloadBytes = 25 * 1024 * 1024
/** The limits of OpenClaw 2026.9.6. */
const defaultAttachmentBytes = 19_464_192
const defaultImageBytes = 6 * 1024 * 1024

/** Which of the two links this is, and whether it takes part in approvals. */
export interface LinkSettings {
  readonly purpose: Purpose
  /**
   * Whether administrators are configured. A run can request approval only when the link that asked the question has the
   * approvals scope, and another link announces that it can answer. Otherwise the command fails at once instead of
   * waiting half an hour in the queue.
   */
  readonly hasApprovers: boolean
}

/** `users` sends what users write. `admin` sends the requests that need admin scope, and never a user's text. */
export type Purpose = keyof typeof linkScopes

/** The scopes one connect requests: all of them, to pair the device, or only those its link needs. */
export interface ScopeRequest {
  readonly scopes: readonly string[]
  readonly isPairing: boolean
}

/** The gateway's answer to a connect. `bootId` is new after each start of the gateway. Sizes are in bytes. */
export interface Hello {
  readonly bootId: string
  readonly version: string
  readonly scopes: readonly string[]
  readonly tickIntervalMs: number
  readonly maxPayloadBytes: number
  /** The limit for one attachment, before base64. */
  readonly attachmentBytes: number
  readonly imageBytes: number
}

/** The configured credentials. A token or password belongs to the gateway, a device token to this device. */
export interface Credentials {
  readonly token?: string
  readonly password?: string
  readonly deviceToken?: string
}

/** Remembers, across restarts, that the device was approved for all scopes. */
export interface PairingMemory {
  isPaired(): boolean
  remember(): void
  forget(): void
}

/** Builds the connect request of a link and checks the answer. Only the users' link pairs the device. */
export class Handshake {
  private readonly purpose: Purpose
  private scopes: readonly string[]
  private readonly caps: readonly string[]
  private readonly credentials: Credentials
  private readonly device: Device
  private readonly version: string
  private readonly memory: PairingMemory

  constructor(
    settings: LinkSettings,
    credentials: Credentials,
    device: Device,
    version: string,
    memory: PairingMemory,
  ) {
    const { purpose, hasApprovers } = settings
    this.purpose = purpose
    this.scopes = [...linkScopes[purpose], ...(hasApprovers && purpose === 'users' ? [approvalScope] : [])]
    this.caps = ['tool-events', ...(hasApprovers && purpose === 'admin' ? ['exec-approvals', 'plugin-approvals'] : [])]
    this.credentials = credentials
    this.device = device
    this.version = version
    this.memory = memory
  }

  /** The scopes for the next connect: all of them until the device is paired, then only those of the link. */
  nextScopeRequest(): ScopeRequest {
    const { purpose, scopes, credentials, memory } = this
    const needsPairing = purpose === 'users' && credentials.deviceToken === undefined && !memory.isPaired()
    return needsPairing ? { scopes: allScopes, isPairing: true } : { scopes, isPairing: false }
  }

  /** Makes the next connect pair again. Ignored on the admin link, whose refusals say nothing about the users' link. */
  forgetPairing(): void {
    if (this.purpose === 'users') this.memory.forget()
  }

  /**
   * Stops requesting a scope that users can be answered without: questions, which a device paired before has not, then
   * approvals, which a device token may not include. Returns the scope; undefined when there is none left to drop.
   */
  dropScope(): string | undefined {
    const mayDrop = [questionScope, ...(this.credentials.deviceToken === undefined ? [] : [approvalScope])]
    const dropped = mayDrop.find(scope => this.scopes.includes(scope))
    this.scopes = this.scopes.filter(scope => scope !== dropped)
    return dropped
  }

  /** The signed params of `connect`. `signedAt` is the gateway's own time from its challenge, in epoch milliseconds. */
  connectParams(requested: ScopeRequest, nonce: string, signedAt: number): Json {
    const { token, password, deviceToken } = this.credentials
    const signature = signConnect(this.device, {
      clientId: client.id,
      clientMode: client.mode,
      role,
      scopes: requested.scopes,
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
      scopes: requested.scopes,
      caps: this.caps,
      auth: {
        ...(token !== undefined && { token }),
        ...(token === undefined && deviceToken !== undefined && { deviceToken }),
        ...(password !== undefined && { password }),
      },
      device: { id: this.device.id, publicKey: this.device.publicKey, signature, signedAt, nonce },
    }
  }

  /**
   * Decodes the gateway's hello. Throws `gateway_refused` unless all requested scopes are granted. The users' link also
   * refuses extra scopes: user text must never be sent over a link that can do more than read and write.
   */
  accept(requested: ScopeRequest, payload: Json): Hello {
    const server = objectAt(payload, 'server')
    const policy = objectAt(payload, 'policy')
    const attachments = objectAt(policy, 'attachments')
    const scopes = stringsAt(objectAt(payload, 'auth'), 'scopes')
    const missing = requested.scopes.filter(scope => !scopes.includes(scope) && scope !== questionScope)
    if (missing.length > 0) throw scopesMissing(missing)
    if (requested.isPairing) this.memory.remember()
    else if (this.purpose === 'users' && scopes.some(scope => !requested.scopes.includes(scope)))
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
  return new WecomdError('gateway_refused', `the gateway granted more scopes than requested: ${scopes.join(', ')}`, {
    hint: 'user text must not be sent over a link with admin scope; check how the gateway authenticates this client',
  })
}
