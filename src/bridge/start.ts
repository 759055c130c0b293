import { messageOf } from '../errors.ts'
import { type CommitHandlers, createAfterCommit } from './after-commit.ts'
import { createDecisions, notifyOfApprovals } from './ask/approve.ts'
import { followQuestions } from './ask/reply.ts'
import { Asker } from './ask/ask.ts'
import { createDeadlineSource, createSnapshotSource, saveSnapshots } from './ask/follow.ts'
import type { BridgeContext } from './context.ts'
import { Deliverer } from './deliver/deliver.ts'
import { Fetcher } from './deliver/fetch.ts'
import { Unasked } from './unasked.ts'
import { createLeaseSource, createRetentionSource } from './maintenance.ts'

/** The part of the scheduler that the bridge needs. */
export interface SourceRegistry {
  add(source: { name: string; nextDue(): number | undefined; run(now: number): Promise<void> }): void
}

/** The background work of the bridge. */
export interface BridgeWork {
  /**
   * Stops claiming, waits at most `limitMs` for what is running and for final frames to be fetched, and saves the text
   * of running answers. Never rejects: failures are logged, and the next start resumes from what is stored.
   */
  drain(limitMs: number): Promise<void>
}

/** Adds every worker and timer of the bridge to the scheduler, and wakes them after the commits that concern them. */
export function startBridge(
  context: BridgeContext,
  registry: SourceRegistry,
  retention: { contentDays: number; rowDays: number },
): BridgeWork {
  const asker = new Asker(context)
  const { worker: deliveries } = new Deliverer(context)
  const { worker: fetches } = new Fetcher(context)
  const decisions = createDecisions(context)
  const deadlines = createDeadlineSource(context)
  const workers = [asker.worker, fetches, decisions, deliveries]
  for (const source of [...workers, deadlines, createSnapshotSource(context)]) registry.add(source)
  registry.add(new Unasked(context))
  registry.add(createLeaseSource(workers, context.store))
  registry.add(createRetentionSource(context, retention))
  const jobs = { media: fetches, approval: decisions } as const
  const onClosed = [notifyOfApprovals(context), followQuestions(context)]
  const handlers: CommitHandlers = {
    tasks: asker.worker,
    deliveries,
    jobsIn: queue => jobs[queue],
    deadlines,
    stopRun: turnId => asker.stopRun(turnId),
    onBubbleClosed: turn => onClosed.forEach(notify => notify(turn)),
  }
  context.store.onCommit(createAfterCommit(context, handlers))
  context.agent.onStatus(() => {
    asker.worker.wakeAt(0)
    context.wake()
  })
  return {
    async drain(limitMs) {
      const logFailure = (error: unknown) =>
        context.log.error('shutdown: some work was not saved', { error: messageOf(error) })
      const until = context.clock.now() + limitMs
      await Promise.all(workers.map(worker => worker.stop(limitMs).catch(logFailure)))
      await saveSnapshots(context).catch(logFailure)
      await finalFramesFetched(context, until).catch(logFailure)
    },
  }
}

/** How often a stopping daemon looks whether the last final frame was fetched. WeCom asks about once a second. */
const fetchedCheckMs = 100

/** Waits until every bubble whose answer is ready has shown it. An answer that is not fetched would come later and elsewhere. */
async function finalFramesFetched({ store, clock, timers }: BridgeContext, until: number): Promise<void> {
  while (clock.now() < until && (await store.counts()).states.closing > 0) {
    await new Promise<void>(resolve => timers.at(clock.now() + fetchedCheckMs, resolve))
  }
}
