import { isDone } from '../domain/delivery.ts'
import type { Store, WorkKind, WorkRef } from '../domain/ports.ts'
import { dayMs, hourMs } from '../domain/duration.ts'
import { streamOfFile } from '../core/streaming/spool-name.ts'
import { leaseMs, type OutboxWorker } from './deliver/worker.ts'
import type { BridgeContext } from './context.ts'
import { deliveryIdOfFile } from './operator/send.ts'

/** The scheduler source that renews the leases of running work. Work whose lease was lost is abandoned. */
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

/**
 * Whether the agent may still need the media of a question: its turn, or the turn it was merged into, has not ended.
 */
async function isQuestionOpen(store: Store, stream: string): Promise<boolean> {
  let turn = await store.findByStream(stream)
  while (turn?.mergedInto !== undefined) turn = await store.find(turn.mergedInto)
  return turn !== undefined && turn.end === undefined
}

/**
 * Whether a file of an answer is still needed: its bubble may be refreshed, it is waiting to be sent, or an operator
 * can still retry it.
 */
async function isAnswerFileNeeded(store: Store, stream: string, now: number): Promise<boolean> {
  const turn = await store.findByStream(stream)
  if (turn === undefined || now < turn.windowEndAt) return turn !== undefined
  const [deliveries, jobs] = await Promise.all([store.outbox.ofTurn(turn.id), store.outbox.jobsOf(turn.id)])
  return jobs.some(({ state }) => state === 'queued') || deliveries.some(({ state, dead }) => !isDone(state) || dead)
}

/**
 * The scheduler source for retention. Erases message contents after `contentDays`, rows after `rowDays`, and spool
 * files that are no longer needed. Each run handles a bounded number of rows and comes back after a second while there
 * are more.
 */
export function createRetentionSource(
  { store, spool, clock, log }: BridgeContext,
  retention: { contentDays: number; rowDays: number },
) {
  let nextAt = clock.now()
  const isNeeded = async (file: string): Promise<boolean> => {
    const stream = streamOfFile('media', file)
    if (stream !== undefined) return await isQuestionOpen(store, stream)
    const answered = streamOfFile('answer', file)
    if (answered !== undefined) return await isAnswerFileNeeded(store, answered, clock.now())
    const delivery = await store.outbox.find(deliveryIdOfFile(file))
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
      if (erased + removed > 0) log.debug('removed expired contents and rows', { erased, removed, files })
      nextAt = erased + removed > 0 ? now + 1_000 : now + hourMs
    },
  }
}
