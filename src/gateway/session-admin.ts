import type { Agent } from '../domain/ports.ts'
import { WecomdError } from '../errors.ts'
import type { Log } from '../world.ts'
import type { Connection } from './connection.ts'
import { GatewayRefusal } from './rpc.ts'

/** The part of the agent that needs admin scope. */
export type SessionAdmin = Pick<Agent, 'canReset' | 'reset'>

/** Over the admin link. Nothing that a user wrote goes this way. */
export function createSessionAdmin(link: Connection, log: Log): SessionAdmin {
  return {
    canReset: () => link.status.state === 'up',
    async reset(key, reason) {
      const { state } = link.status
      if (state === 'refused' || state === 'pairing') {
        throw new WecomdError('gateway_refused', 'sessions.reset: the gateway grants no admin scope')
      }
      try {
        await link.request('sessions.reset', { key, reason })
      } catch (error) {
        if (!(error instanceof GatewayRefusal)) throw error
        // A gateway that starts or stops refuses everything.
        if (error.retryAfterMs !== undefined) throw new WecomdError('gateway_down', error.message, { cause: error })
        log.warn('the gateway refused to reset a session', { code: error.gatewayCode })
        throw error
      }
    },
  }
}
