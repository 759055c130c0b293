import type { Turn } from '../../domain/turn.ts'
import { advance, advanceThrough, nextDeadline, type TurnEvent } from '../../core/streaming/advance.ts'
import { type BridgeContext, translatorOf } from '../context.ts'

/** Deadlines handled per look at the store. */
const batch = 200

/** The scheduler source that saves growing answers. */
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

/** Saves every answer as far as it has grown, before the process ends. */
export async function saveSnapshots(context: BridgeContext): Promise<void> {
  const at = context.clock.now()
  const grown = context.live.takeDue(Number.POSITIVE_INFINITY)
  await Promise.all(grown.map(({ turnId, text }) => saveText(context, turnId, text, at)))
}

async function saveText(context: BridgeContext, turnId: string, text: string, at: number): Promise<void> {
  await context.store.update(turnId, turn =>
    advance(turn, { kind: 'text', at, text }, translatorOf(context, turn.account)),
  )
}

/** The scheduler source of everything that the clock alone does to a turn: handovers, unfetched finals, expiry. */
export function createDeadlineSource(context: BridgeContext) {
  let nextAt: number | undefined = 0
  return {
    name: 'deadlines',
    nextDue: () => nextAt,
    /** A turn was opened or changed: its deadline may be the next. */
    expect(turn: Turn): void {
      const due = nextDeadline(turn)
      if (due !== undefined && (nextAt === undefined || due < nextAt)) nextAt = due
    },
    async run(now: number): Promise<void> {
      const due = await context.store.due(now, batch)
      await Promise.all(due.map(turn => meet(context, turn, now)))
      nextAt = await context.store.nextDueAt()
    },
  }
}

/** What was said so far goes into the bubble before it closes. */
function meet(context: BridgeContext, turn: Turn, at: number): Promise<Turn | undefined> {
  const text = context.live.text(turn.id)
  const translate = translatorOf(context, turn.account)
  const deadline: TurnEvent = { kind: 'deadline', at }
  const events: TurnEvent[] = text === undefined ? [deadline] : [{ kind: 'text', at, text }, deadline]
  return context.store.update(turn.id, stored => advanceThrough(stored, events, translate))
}
