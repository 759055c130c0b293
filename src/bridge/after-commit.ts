import { isDone } from '../domain/delivery.ts'
import { gatewayCommandFor } from '../domain/failure.ts'
import type { Job } from '../domain/job.ts'
import type { Commit, TurnChange } from '../domain/ports.ts'
import type { Turn } from '../domain/turn.ts'
import type { BridgeContext } from './context.ts'

/** A worker that sleeps until its next due time. */
interface Wakeable {
  /** Something may be due at `at` (epoch ms): runs then, or earlier if it was to run earlier. */
  wakeAt(at: number): void
}

/** The parts of the bridge that react to commits. */
export interface CommitHandlers {
  readonly tasks: Wakeable
  readonly deliveries: Wakeable
  jobsIn(queue: Job['queue']): Wakeable
  readonly deadlines: { reschedule(turn: Turn): void }
  /** Stops the run of a turn if this process follows it. */
  stopRun(turnId: string): void
  /** The turn's bubble has closed with a notice while its run continues. */
  onBubbleClosed(turn: Turn): void
}

/**
 * Creates the listener for `Store.onCommit`. From the rows of a commit it derives what happens next: which worker has
 * something due, which deadline moved, which run has to stop, what to count and log.
 *
 * This is the only place that does so (docs/adr/0012-commits-wake.md). Code that writes to the store never wakes
 * anyone: an explicit call is easily forgotten, and would be wrong when the store runs an operation twice. A crash
 * between the commit and this listener loses nothing, because workers read the store when they start and every few
 * seconds.
 *
 * The listener runs before the writers resume, so it must not throw and must not wait.
 */
export function createAfterCommit(context: BridgeContext, handlers: CommitHandlers): (commit: Commit) => void {
  return ({ turns, deliveries, jobs }) => {
    for (const change of turns) {
      handleTask(handlers, change)
      handleTurn(context, handlers, change)
    }
    for (const { state, dueAt } of deliveries) {
      // A finished delivery or job unblocks the next one of its lane, which this commit doesn't list.
      if (state !== 'sending') handlers.deliveries.wakeAt(isDone(state) ? 0 : dueAt)
    }
    for (const { queue, state, dueAt } of jobs) handlers.jobsIn(queue).wakeAt(state === 'queued' ? dueAt : 0)
    context.wake()
  }
}

/** A finished task unblocks the next one of its conversation, which the commit doesn't list. */
function handleTask({ tasks }: CommitHandlers, { before, after }: TurnChange): void {
  if (after.pending?.state === 'queued') tasks.wakeAt(after.pending.dueAt)
  if (after.pending === undefined && before?.pending !== undefined) tasks.wakeAt(0)
}

function handleTurn(context: BridgeContext, handlers: CommitHandlers, { before, after }: TurnChange): void {
  const { meter, log } = context
  if (before === undefined) reportReceived(context, after)
  handlers.deadlines.reschedule(after)
  if (after.stopAt !== undefined && after.end === undefined) handlers.stopRun(after.id)
  if (after.state === 'moved' && before?.state !== 'moved' && after.end === undefined) handlers.onBubbleClosed(after)
  if (after.end !== undefined && before?.end === undefined) {
    meter.turnEnded(after.end)
    reportEnd(context, after)
    if (after.asked !== undefined && after.endedAt !== undefined) meter.answered(after.endedAt - after.receivedAt)
  }
  for (const [index, { state, problem }] of (after.files ?? []).entries()) {
    if (state !== 'failed' || before?.files?.[index]?.state === 'failed') continue
    log.warn('a file of an answer did not arrive', { turn: after.id, problem })
  }
  if (after.lost === true && before?.lost !== true) {
    log.warn('an answer cannot be delivered in full', { turn: after.id })
  }
}

function reportReceived({ log, nameOf }: BridgeContext, { id, account, surface, sender, origin }: Turn): void {
  log.debug('message received', { turn: id, account, surface, origin, user: nameOf(sender) })
}

/** One line per turn, and a warning with the cause if it failed. The gateway's words are in its trace only. */
function reportEnd({ meter, log, nameOf }: BridgeContext, turn: Turn): void {
  const { id, account, surface, end, receivedAt, endedAt = receivedAt, failure, sender } = turn
  log.info('turn finished', { turn: id, account, surface, end, user: nameOf(sender), tookMs: endedAt - receivedAt })
  if (failure === undefined) return
  meter.turnFailed(failure.cause, endedAt)
  const command = gatewayCommandFor(failure.cause)
  const hint = `wecomd trace ${turn.msgid}${command === undefined ? '' : `; on the gateway's host: ${command}`}`
  log.warn('a question failed', { turn: id, account, cause: failure.cause, hint })
}
