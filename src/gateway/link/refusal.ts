import type { LinkStatus } from '../../domain/agent.ts'
import { messageOf, WecomdError } from '../../errors.ts'
import { stringAt } from './frames.ts'
import type { Grant } from './handshake.ts'
import { GatewayRefusal } from './rpc.ts'

/** A refused connect in the operator's words. */
export interface ConnectRefusal {
  readonly state: Extract<LinkStatus['state'], 'connecting' | 'refused' | 'pairing'>
  readonly reason: string
  readonly hint?: string
  readonly retryAfterMs?: number
  /** The device token allows less than was asked. */
  readonly isScopeShort?: true
  /** The gateway no longer knows the device by what we remember. */
  readonly isPairingLost: boolean
}

export function explainRefusal(error: unknown, grant: Grant): ConnectRefusal {
  if (!(error instanceof GatewayRefusal)) {
    const hint = error instanceof WecomdError ? error.hint : undefined
    return { state: 'refused', reason: messageOf(error), isPairingLost: false, ...(hint && { hint }) }
  }
  const detail = stringAt(error.details, 'code') ?? error.gatewayCode
  if (detail === 'PAIRING_REQUIRED') return explainPairing(error, grant)
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
    hint: detail === 'AUTH_SCOPE_MISMATCH' ? hintOfScopes(grant) : (hints[detail] ?? defaultHint),
    isPairingLost: false,
    ...(detail === 'AUTH_SCOPE_MISMATCH' && { isScopeShort: true }),
  }
}

function explainPairing(error: GatewayRefusal, grant: Grant): ConnectRefusal {
  const requestId = stringAt(error.details, 'requestId') ?? '<requestId>'
  return {
    state: 'pairing',
    reason: `this device waits for approval (${stringAt(error.details, 'reason') ?? 'not-paired'})`,
    hint: `on the gateway host run: openclaw devices approve ${requestId}`,
    isPairingLost: !grant.isPairing,
    ...(stringAt(error.details, 'reason') === 'scope-upgrade' && { isScopeShort: true }),
  }
}

function hintOfScopes({ scopes }: Grant): string {
  return `the device token allows less than ${scopes.join(' and ')}; pair again`
}

const defaultHint = 'compare gateway.url and gateway.token with the gateway host'
const hints: Readonly<Record<string, string>> = {
  AUTH_TOKEN_MISMATCH:
    'gateway.token is not the token of this gateway; on its host: openclaw gateway auth-token --show',
  AUTH_TOKEN_MISSING: 'set gateway.token to the token of the gateway',
  AUTH_PASSWORD_MISMATCH: 'gateway.password is not the password of this gateway',
  PROTOCOL_MISMATCH: 'this wecomd speaks protocol 3 to 4; update the gateway or wecomd',
  DEVICE_AUTH_SIGNATURE_INVALID: 'check the clock of this host',
}
