import { isBarred } from '../../domain/agent.ts'
import { WecomdError } from '../../errors.ts'
import type { Log } from '../../world.ts'
import type { Connection } from '../link/socket.ts'
import type { Json } from '../link/frames.ts'
import { GatewayRefusal } from '../link/rpc.ts'

/**
 * Sends a request over the admin link, which never carries user text. Rejects with `gateway_refused` (also when the
 * gateway grants no admin scope), `gateway_timeout` or `gateway_down`.
 */
export type AdminRequest = (method: string, params: Json, timeoutMs?: number) => Promise<Json>

/** A request waits this long for a link that is connecting or was just lost. */
const linkTimeoutMs = 3_000

/** Resolves when the link is up. Rejects with `gateway_refused` or `gateway_down`. */
export async function whenUp(link: Connection): Promise<void> {
  await link.settled(linkTimeoutMs)
  if (isBarred(link.status)) throw new WecomdError('gateway_refused', 'the gateway grants no admin scope')
  if (link.status.state !== 'up') throw new WecomdError('gateway_down', 'the admin link is down')
}

/** Creates the request function of an admin link. Unexpected refusals are logged without their params. */
export function createAdminRequest(link: Connection, log: Log): AdminRequest {
  return async (method, params, timeoutMs) => {
    await whenUp(link)
    try {
      return await link.request(method, params, timeoutMs)
    } catch (error) {
      if (!(error instanceof GatewayRefusal)) throw error
      // A gateway that is starting or stopping refuses every request; that is not a decision about this one.
      if (error.retryAfterMs !== undefined) throw new WecomdError('gateway_down', error.message, { cause: error })
      if (!isExpected(error)) log.info('gateway rejected an admin request', { method, code: error.gatewayCode })
      throw error
    }
  }
}

/** Callers send some requests only to learn whether an agent exists, so these refusals are answers. */
function isExpected(error: GatewayRefusal): boolean {
  return /not found|already exists/.test(error.message)
}
