import { Connection, type ConnectionOptions } from '../gateway/link/socket.ts'
import type { Scheduler } from '../scheduler/scheduler.ts'
import type { World } from '../world.ts'
import { type DaemonOptions, connectionOptions, type Link } from './state-folder.ts'

/** What only an operator can mend about the admin link is no reason to knock often. */
const adminPaceMs = 60_000

/** How both links are made. */
export interface LinkOptions {
  readonly users: ConnectionOptions
  readonly admin: ConnectionOptions
}

/** Throws when the key of this device cannot be read. */
export function linkOptions(link: Link, options: DaemonOptions): LinkOptions {
  return {
    users: connectionOptions(link, 'users', options),
    admin: { ...connectionOptions(link, 'admin', options), slowRetryMs: adminPaceMs },
  }
}

/** The two links to the gateway. What users write goes over the one without admin scope, and only over that. */
export class Links {
  readonly users: Connection
  readonly admin: Connection

  constructor(options: LinkOptions, { clock, random, openSocket, log }: World, timers: Scheduler) {
    const deps = { clock, timers, random, openSocket }
    this.users = new Connection(options.users, { ...deps, log: log.area('gateway') })
    this.admin = new Connection(options.admin, { ...deps, log: log.area('gateway-admin') })
    this.users.subscribe({
      followsSession: () => false,
      event: () => {},
      // The users' link has the device approved for both.
      status: ({ state }) => void (state === 'up' && this.admin.start()),
    })
  }

  start(): void {
    this.users.start()
  }

  /** Goes on with another address or other credentials. */
  reopen(options: LinkOptions): void {
    this.users.reopen(options.users)
    this.admin.reopen(options.admin)
  }

  stop(): void {
    this.users.stop()
    this.admin.stop()
  }
}
