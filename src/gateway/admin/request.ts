import { isBarred } from '../../domain/agent.ts'
import { WecomdError } from '../../errors.ts'
import type { Log } from '../../world.ts'
import type { Connection } from '../link/socket.ts'
import type { Json } from '../link/frames.ts'
import { GatewayRefusal } from '../link/rpc.ts'

/**
 * A request over the admin link, on which nothing goes that a user wrote. Rejects with `gateway_refused` (also when the
 * gateway grants no admin scope), `gateway_timeout` or `gateway_down`.
 */
export type AdminRequest = (method: string, params: Json, timeoutMs?: number) => Promise<Json>

/** A link that was just lost, or is just being made, is waited for. */
const patienceMs = 3_000

/** Resolves when requests can leave. */
export async function whenUp(link: Connection): Promise<void> {
  await link.settled(patienceMs)
  if (isBarred(link.status)) throw new WecomdError('gateway_refused', 'the gateway grants no admin scope')
  if (link.status.state !== 'up') throw new WecomdError('gateway_down', 'the admin link is down')
}

export function createAdminRequest(link: Connection, log: Log): AdminRequest {
  return async (method, params, timeoutMs) => {
    await whenUp(link)
    try {
      return await link.request(method, params, timeoutMs)
    } catch (error) {
      if (!(error instanceof GatewayRefusal)) throw error
      // A gateway that starts or stops refuses everything.
      if (error.retryAfterMs !== undefined) throw new WecomdError('gateway_down', error.message, { cause: error })
      if (!isAnswer(error)) log.info('the gateway refused an admin request', { method, code: error.gatewayCode })
      throw error
    }
  }
}

/** Whether something is there is asked by requests that are refused when it is, or is not. */
function isAnswer(error: GatewayRefusal): boolean {
  return /not found|already exists/.test(error.message)
}
