import { isDone } from '../domain/delivery.ts'
import type { Store, WorkKind, WorkRef } from '../domain/ports.ts'
import { dayMs, hourMs } from '../domain/duration.ts'
import { streamOfFile } from '../core/streaming/spool-name.ts'
import { leaseMs, type OutboxWorker } from './deliver/worker.ts'
import type { BridgeContext } from './context.ts'
import { deliveryOfFile } from './operator/send.ts'

/** The scheduler source that renews the leases of what runs here; work that another node took over is abandoned. */
export function createLeaseSource(
  workers: readonly Pick<OutboxWorker<WorkKind>, 'leased' | 'abandon'>[],
  store: Store,
) {
  let nextAt = 0
  const isIdle = () => workers.every(worker => worker.leased().length === 0)
  return {
    name: 'leases',
    nextDue: () => (isIdle() ? undefined : nextAt),
    async run(now: number): Promise<void> {
      nextAt = now + leaseMs / 3
      const held = workers.map(worker => ({ worker, leased: worker.leased() }))
      const kept = new Set(
        (
          await store.outbox.renew(
            held.flatMap(({ leased }) => leased),
            now + leaseMs,
          )
        ).map(keyOf),
      )
      for (const { worker, leased } of held) {
        worker.abandon(leased.filter(ref => !kept.has(keyOf(ref))).map(({ id }) => id))
      }
    },
  }
}

function keyOf({ kind, id }: WorkRef): string {
  return `${kind} ${id}`
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
  const [deliveries, jobs] = await Promise.all([store.outbox.ofTurn(turn.id), store.outbox.jobsOf(turn.id)])
  return jobs.some(({ state }) => state === 'queued') || deliveries.some(({ state, dead }) => !isDone(state) || dead)
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
