import type { LinkStatus } from '../../domain/agent.ts'
import { messageOf, WecomdError } from '../../errors.ts'
import { stringAt } from './frames.ts'
import type { ScopeRequest } from './handshake.ts'
import { GatewayRefusal } from './rpc.ts'

/** A refused connect, explained to the operator. */
export interface ConnectRefusal {
  readonly state: Extract<LinkStatus['state'], 'connecting' | 'refused' | 'pairing'>
  readonly reason: string
  readonly hint?: string
  readonly retryAfterMs?: number
  /** The device token does not include all requested scopes. */
  readonly lacksScopes?: true
  /** The gateway no longer knows a device that we remember as paired. */
  readonly isPairingLost: boolean
}

/** Maps the error of a connect to a link state, a reason, and a hint that says what the operator does next. */
export function explainRefusal(error: unknown, requested: ScopeRequest): ConnectRefusal {
  if (!(error instanceof GatewayRefusal)) {
    const hint = error instanceof WecomdError ? error.hint : undefined
    return { state: 'refused', reason: messageOf(error), isPairingLost: false, ...(hint && { hint }) }
  }
  const detail = stringAt(error.details, 'code') ?? error.gatewayCode
  if (detail === 'PAIRING_REQUIRED') return explainPairing(error, requested)
  if (error.gatewayCode === 'UNAVAILABLE') {
    const { retryAfterMs } = error
    return {
      state: 'connecting',
      reason: 'the gateway is starting',
      isPairingLost: false,
      ...(retryAfterMs && { retryAfterMs }),
    }
  }
  return {
    state: 'refused',
    reason: `${detail}: ${error.message}`,
    hint: detail === 'AUTH_SCOPE_MISMATCH' ? scopeHint(requested) : (hints[detail] ?? defaultHint),
    isPairingLost: false,
    ...(detail === 'AUTH_SCOPE_MISMATCH' && { lacksScopes: true }),
  }
}

function explainPairing(error: GatewayRefusal, requested: ScopeRequest): ConnectRefusal {
  const requestId = stringAt(error.details, 'requestId') ?? '<requestId>'
  const isUpgrade = stringAt(error.details, 'reason') === 'scope-upgrade'
  return {
    state: 'pairing',
    reason: `this device waits for approval (${stringAt(error.details, 'reason') ?? 'not-paired'})`,
    hint: `on the gateway host run: openclaw devices approve ${requestId}`,
    isPairingLost: !requested.isPairing,
    ...(isUpgrade && !requested.isPairing && { lacksScopes: true }),
  }
}

function scopeHint({ scopes }: ScopeRequest): string {
  return `the device token does not include ${scopes.join(' and ')}; pair this device again`
}

const defaultHint = 'check that gateway.url and gateway.token match the gateway'
const hints: Readonly<Record<string, string>> = {
  AUTH_TOKEN_MISMATCH:
    'gateway.token is not the token of this gateway; on its host run: openclaw gateway auth-token --show',
  AUTH_TOKEN_MISSING: 'set gateway.token; to show it, run on the gateway host: openclaw gateway auth-token --show',
  AUTH_PASSWORD_MISMATCH: 'gateway.password does not match the password of this gateway',
  PROTOCOL_MISMATCH: 'this wecomd supports protocol 3 and 4; update the gateway or wecomd',
  DEVICE_AUTH_SIGNATURE_INVALID: 'check that the clock of this host is correct',
}

/** Why a connection was closed. The code alone (1006) says nothing about one that was never opened. */
export function describeClose(code: number, reason: string, host: string): string {
  if (reason === 'Failed to connect') return `nothing listens at ${host}`
  const [, status] = /^Expected 101 status code: (\d+)/.exec(reason) ?? []
  if (status !== undefined) return `${host} is no gateway: it answers with HTTP ${status}`
  return reason.startsWith('TLS') ? reason : `connection closed (${code}${reason === '' ? '' : ` ${reason}`})`
}
