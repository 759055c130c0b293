import { isDone } from '../domain/delivery.ts'
import type { Store } from '../domain/ports.ts'
import { type Asker, leaseMs } from './ask.ts'
import type { Deliverer } from './deliver.ts'
import type { Desk } from './desk.ts'
import { deliveryOfFile } from './send.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** The scheduler source that keeps the leases of what goes on; an ask that another node took over is let go. */
export function createLeaseSource(asker: Asker, deliverer: Deliverer, store: Store) {
  let nextAt = 0
  const leased = () => [...asker.leased(), ...deliverer.leased()]
  return {
    name: 'leases',
    nextDue: () => (leased().length > 0 ? nextAt : undefined),
    async run(now: number): Promise<void> {
      nextAt = now + leaseMs / 3
      const wanted = leased()
      const kept = new Set(await store.outbox.renew(wanted, now + leaseMs))
      for (const id of wanted) if (!kept.has(id)) asker.abandon(id)
    },
  }
}

/** The scheduler source that forgets: contents after `contentDays`, rows after `rowDays`, files that nobody sends any more. */
export function createRetentionSource(
  { store, spool, clock, log }: Desk,
  retention: { contentDays: number; rowDays: number },
) {
  let nextAt = clock.now()
  const isNeeded = async (file: string): Promise<boolean> => {
    const delivery = await store.outbox.find(deliveryOfFile(file))
    return delivery !== undefined && (!isDone(delivery.state) || delivery.dead)
  }
  return {
    name: 'retention',
    nextDue: () => nextAt,
    async run(now: number): Promise<void> {
      const contentBefore = now - retention.contentDays * dayMs
      const rowBefore = now - retention.rowDays * dayMs
      const { erased, removed } = await store.sweep({ now, contentBefore, rowBefore })
      const files = await spool.sweep(isNeeded, now - hourMs)
      if (erased + removed > 0) log.debug('old contents and rows were removed', { erased, removed, files })
      nextAt = erased + removed > 0 ? now + 1_000 : now + hourMs
    },
  }
}
