import { isDone } from '../domain/delivery.ts'
import type { Store } from '../domain/ports.ts'
import { streamOfFile } from '../core/streaming/spool-name.ts'
import type { Asker } from './ask/ask.ts'
import { leaseMs } from './deliver/worker.ts'
import type { BridgeContext } from './context.ts'
import { deliveryOfFile } from './operator/send.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** The scheduler source that keeps the leases of what goes on; an ask that another node took over is let go. */
export function createLeaseSource(asker: Asker, others: readonly { leased(): readonly string[] }[], store: Store) {
  let nextAt = 0
  const leased = () => [asker, ...others].flatMap(one => one.leased())
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

/** Whether a question that came with media, or the one that it was joined with, is not over yet. */
async function isAsked(store: Store, stream: string): Promise<boolean> {
  let turn = await store.findByStream(stream)
  while (turn?.mergedInto !== undefined) turn = await store.find(turn.mergedInto)
  return turn !== undefined && turn.end === undefined
}

/** Whether a file of an answer may still be shown, sent, or sent again by an operator. */
async function isAwaited(store: Store, stream: string, now: number): Promise<boolean> {
  const turn = await store.findByStream(stream)
  if (turn === undefined || now < turn.windowEndAt) return turn !== undefined
  const deliveries = await store.outbox.ofTurn(turn.id)
  return deliveries.some(({ state, dead }) => !isDone(state) || dead)
}

/** The scheduler source that forgets: contents after `contentDays`, rows after `rowDays`, files that nobody sends any more. */
export function createRetentionSource(
  { store, spool, clock, log }: BridgeContext,
  retention: { contentDays: number; rowDays: number },
) {
  let nextAt = clock.now()
  const isNeeded = async (file: string): Promise<boolean> => {
    const stream = streamOfFile('media', file)
    if (stream !== undefined) return await isAsked(store, stream)
    const answered = streamOfFile('answer', file)
    if (answered !== undefined) return await isAwaited(store, answered, clock.now())
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
