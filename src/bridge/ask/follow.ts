import type { Turn } from '../../domain/turn.ts'
import { advance, advanceAll, type TurnEvent } from '../../core/streaming/advance.ts'
import { nextDeadline } from '../../core/streaming/deadlines.ts'
import { type BridgeContext, translatorOf } from '../context.ts'

/** How many due turns one run reads from the store. */
const deadlinesPerRun = 200

/** The scheduler source that saves the text of streaming answers. */
export function createSnapshotSource(context: BridgeContext) {
  return {
    name: 'snapshots',
    nextDue: () => context.live.nextSaveAt(),
    async run(now: number): Promise<void> {
      const due = context.live.takeDue(now)
      await Promise.all(due.map(({ turnId, text }) => saveText(context, turnId, text, now)))
    },
  }
}

/** Saves the newest text of every streaming answer at once, before the process ends. */
export async function saveSnapshots(context: BridgeContext): Promise<void> {
  const at = context.clock.now()
  const unsaved = context.live.takeDue(Number.POSITIVE_INFINITY)
  await Promise.all(unsaved.map(({ turnId, text }) => saveText(context, turnId, text, at)))
}

async function saveText(context: BridgeContext, turnId: string, text: string, at: number): Promise<void> {
  await context.store.update(turnId, turn =>
    advance(turn, { kind: 'text', at, text }, translatorOf(context, turn.account)),
  )
}

/**
 * The scheduler source for everything that happens to a turn by time alone: handovers, final frames that no one
 * fetched, expiry. `core/streaming/advance.ts` decides what happens; this only calls it in time.
 */
export function createDeadlineSource(context: BridgeContext) {
  let nextAt: number | undefined = 0
  return {
    name: 'deadlines',
    nextDue: () => nextAt,
    /** A turn was opened or changed: its deadline may be the earliest now. */
    reschedule(turn: Turn): void {
      const due = nextDeadline(turn)
      if (due !== undefined && (nextAt === undefined || due < nextAt)) nextAt = due
    },
    async run(now: number): Promise<void> {
      const due = await context.store.due(now, deadlinesPerRun)
      await Promise.all(due.map(turn => applyDeadline(context, turn, now)))
      nextAt = await context.store.nextDueAt()
    },
  }
}

/**
 * Applies a deadline. The newest text is saved in the same commit, because the deadline may close the bubble with it.
 */
function applyDeadline(context: BridgeContext, turn: Turn, at: number): Promise<Turn | undefined> {
  const text = context.live.text(turn.id)
  const translate = translatorOf(context, turn.account)
  const deadline: TurnEvent = { kind: 'deadline', at }
  const events: TurnEvent[] = text === undefined ? [deadline] : [{ kind: 'text', at, text }, deadline]
  return context.store.update(turn.id, stored => advanceAll(stored, events, translate))
}
