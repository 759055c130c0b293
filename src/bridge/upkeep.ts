import type { Store } from '../domain/ports.ts'
import type { Clock, Log } from '../world.ts'
import { leaseMs, type Asker } from './ask.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** The scheduler source that keeps the leases of running asks; what another node took over is let go. */
export function createLeaseSource(asker: Asker, store: Store) {
  let nextAt = 0
  return {
    name: 'leases',
    nextDue: () => (asker.leased().length > 0 ? nextAt : undefined),
    async run(now: number): Promise<void> {
      nextAt = now + leaseMs / 3
      const wanted = asker.leased()
      const kept = new Set(await store.outbox.renew(wanted, now + leaseMs))
      for (const id of wanted) if (!kept.has(id)) asker.abandon(id)
    },
  }
}

/** The scheduler source that forgets: contents after `contentDays`, rows after `rowDays`. */
export function createRetentionSource(
  store: Store,
  clock: Clock,
  log: Log,
  retention: { contentDays: number; rowDays: number },
) {
  let nextAt = clock.now()
  return {
    name: 'retention',
    nextDue: () => nextAt,
    async run(now: number): Promise<void> {
      const contentBefore = now - retention.contentDays * dayMs
      const rowBefore = now - retention.rowDays * dayMs
      const { erased, removed } = await store.sweep({ contentBefore, rowBefore })
      if (erased + removed > 0) log.debug('old contents and rows were removed', { erased, removed })
      nextAt = erased + removed > 0 ? now + 1_000 : now + hourMs
    },
  }
}
