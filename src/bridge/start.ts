import { messageOf } from '../errors.ts'
import { type CommitFollowers, createAfterCommit } from './after-commit.ts'
import { createDecisions, notifyOfApprovals } from './ask/approve.ts'
import { Asker } from './ask/ask.ts'
import { createDeadlineSource, createSnapshotSource, saveSnapshots } from './ask/follow.ts'
import type { BridgeContext } from './context.ts'
import { Deliverer } from './deliver/deliver.ts'
import { Fetcher } from './deliver/fetch.ts'
import { createLeaseSource, createRetentionSource } from './maintenance.ts'

/** Where the bridge's sources wait; the scheduler, seen from here. */
export interface SourceRegistry {
  add(source: { name: string; nextDue(): number | undefined; run(now: number): Promise<void> }): void
}

/** Everything of the bridge that happens by itself. */
export interface BridgeWork {
  /** Claims nothing more, lets what runs end for at most `limitMs`, saves what was said so far. */
  drain(limitMs: number): Promise<void>
}

/** Puts everything that waits on the one scheduler, and lets each commit wake whom it concerns. */
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
  registry.add(createLeaseSource(workers, context.store))
  registry.add(createRetentionSource(context, retention))
  const jobs = { media: fetches, approval: decisions } as const
  const followers: CommitFollowers = {
    tasks: asker.worker,
    deliveries,
    jobsIn: queue => jobs[queue],
    deadlines,
    stopRun: turnId => asker.stopRun(turnId),
    bubbleClosed: notifyOfApprovals(context),
  }
  context.store.onCommit(createAfterCommit(context, followers))
  context.agent.onStatus(() => {
    asker.worker.expect(0)
    context.wake()
  })
  return {
    async drain(limitMs) {
      const complain = (error: unknown) => context.log.error('not everything was saved', { error: messageOf(error) })
      await Promise.all(workers.map(worker => worker.stop(limitMs).catch(complain)))
      await saveSnapshots(context).catch(complain)
    },
  }
}
