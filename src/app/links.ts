import type { Store } from '../domain/ports.ts'
import { Connection, type ConnectionOptions } from '../gateway/link/socket.ts'
import type { Scheduler } from '../scheduler/scheduler.ts'
import type { World } from '../world.ts'
import { type DaemonOptions, connectionOptions, type Link } from './state-folder.ts'

/** Retry interval of the admin link for problems that only an operator can fix, such as missing approval. */
const adminRetryMs = 60_000

/** The connection options of both links. */
export interface LinkOptions {
  readonly users: ConnectionOptions
  readonly admin: ConnectionOptions
}

/** Throws if the device key cannot be read. */
export function linkOptions(link: Link, options: DaemonOptions): LinkOptions {
  return {
    users: connectionOptions(link, 'users', options),
    admin: { ...connectionOptions(link, 'admin', options), slowRetryMs: adminRetryMs },
  }
}

/** The two links to the gateway. Users' messages go only over the link without admin scope, so they can never use that scope. */
export class Links {
  readonly users: Connection
  readonly admin: Connection

  /** `isAwaited`: whether a user waits for an answer. */
  constructor(
    options: LinkOptions,
    { clock, random, openSocket, log }: World,
    timers: Scheduler,
    isAwaited: () => Promise<boolean>,
  ) {
    const deps = { clock, timers, random, openSocket }
    this.users = new Connection(options.users, { ...deps, log: log.area('gateway'), isAwaited })
    this.admin = new Connection(options.admin, { ...deps, log: log.area('gateway-admin') })
    this.users.subscribe({
      followsSession: () => false,
      event: () => {},
      // The device is paired once, by the users' link, with the scopes of both links.
      status: ({ state }) => void (state === 'up' && this.admin.start()),
    })
  }

  start(): void {
    this.users.start()
  }

  /** Reconnects with another URL or other credentials. */
  reopen(options: LinkOptions): void {
    this.users.reopen(options.users)
    this.admin.reopen(options.admin)
  }

  stop(): void {
    this.users.stop()
    this.admin.stop()
  }
}

/** Whether a user waits for an answer of the agent. False while the store is down: then no one can be answered. */
export async function isAnswerAwaited(store: Pick<Store, 'counts'>): Promise<boolean> {
  const counts = await store.counts().catch(() => undefined)
  return counts !== undefined && counts.open > counts.states.closing
}
