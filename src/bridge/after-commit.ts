import { type Delivery, isDone } from '../domain/delivery.ts'
import type { Commit, TurnChange } from '../domain/ports.ts'
import type { Turn } from '../domain/turn.ts'
import type { BridgeContext } from './context.ts'

/** A scheduler source that can be told when to look again. */
export interface Wakeable {
  /** Something of its may be due at `at` (epoch ms). */
  expect(at: number): void
}

/** Everybody who acts on what was committed. */
export interface CommitFollowers {
  /** The worker that handles deliveries of this route. */
  workerOf(route: Delivery['route']): Wakeable
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
  return ({ turns, deliveries }) => {
    for (const change of turns) followTurn(context, followers, change)
    for (const { route, state, dueAt } of deliveries) {
      // One that is done makes room for the next of its lane.
      if (state !== 'sending') followers.workerOf(route).expect(isDone(state) ? 0 : dueAt)
    }
    context.wake()
  }
}

function followTurn({ meter, log }: BridgeContext, followers: CommitFollowers, { before, after }: TurnChange): void {
  followers.deadlines.expect(after)
  if (after.stopAt !== undefined && after.end === undefined) followers.stopRun(after.id)
  if (after.state === 'moved' && before?.state !== 'moved' && after.end === undefined) followers.bubbleClosed(after)
  if (after.end !== undefined && before?.end === undefined) {
    meter.turnEnded(after.end)
    if (after.asked !== undefined && after.endedAt !== undefined) meter.answered(after.endedAt - after.receivedAt)
  }
  if (isLost(after) && !(before !== undefined && isLost(before))) {
    log.warn('an answer cannot be delivered in full', { turn: after.id })
  }
}

function isLost({ trace }: Turn): boolean {
  return trace.at(-1)?.['lost'] === true
}
