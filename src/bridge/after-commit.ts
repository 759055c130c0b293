import { isDone } from '../domain/delivery.ts'
import type { Job } from '../domain/job.ts'
import type { Commit, TurnChange } from '../domain/ports.ts'
import type { Turn } from '../domain/turn.ts'
import type { BridgeContext } from './context.ts'

/** A scheduler source that can be told when to look again. */
interface Wakeable {
  /** Something of its may be due at `at` (epoch ms). */
  expect(at: number): void
}

/** Everybody who acts on what was committed. */
export interface CommitFollowers {
  readonly tasks: Wakeable
  readonly deliveries: Wakeable
  jobsIn(queue: Job['queue']): Wakeable
  readonly deadlines: { expect(turn: Turn): void }
  /** Ends a run of this process early; other runs are not here. */
  stopRun(turnId: string): void
  /** The bubble has closed and the run continues. */
  bubbleClosed(turn: Turn): void
}

/**
 * Derives from a commit who has to act: which worker has something due, whose deadline moved, which run is to stop. This
 * is the only place that does; nobody reports a change by hand. A restart needs none of it, since workers look at the
 * store when they start.
 */
export function createAfterCommit(context: BridgeContext, followers: CommitFollowers): (commit: Commit) => void {
  return ({ turns, deliveries, jobs }) => {
    for (const change of turns) {
      followTask(followers, change)
      followTurn(context, followers, change)
    }
    for (const { state, dueAt } of deliveries) {
      // One that is done makes room for the next of its lane.
      if (state !== 'sending') followers.deliveries.expect(isDone(state) ? 0 : dueAt)
    }
    for (const { queue, state, dueAt } of jobs) if (state === 'queued') followers.jobsIn(queue).expect(dueAt)
    context.wake()
  }
}

/** A task that is done makes room for the next of its conversation. */
function followTask({ tasks }: CommitFollowers, { before, after }: TurnChange): void {
  if (after.pending?.state === 'queued') tasks.expect(after.pending.dueAt)
  if (after.pending === undefined && before?.pending !== undefined) tasks.expect(0)
}

function followTurn({ meter, log }: BridgeContext, followers: CommitFollowers, { before, after }: TurnChange): void {
  followers.deadlines.expect(after)
  if (after.stopAt !== undefined && after.end === undefined) followers.stopRun(after.id)
  if (after.state === 'moved' && before?.state !== 'moved' && after.end === undefined) followers.bubbleClosed(after)
  if (after.end !== undefined && before?.end === undefined) {
    meter.turnEnded(after.end)
    if (after.asked !== undefined && after.endedAt !== undefined) meter.answered(after.endedAt - after.receivedAt)
  }
  if (after.lost === true && before?.lost !== true) {
    log.warn('an answer cannot be delivered in full', { turn: after.id })
  }
}
