import type { Turn } from '../../domain/turn.ts'
import { advance, advanceThrough, nextDeadline, type TurnEvent } from '../../core/streaming/advance.ts'
import { type Desk, sayOf } from '../context.ts'

/** Deadlines handled per look at the store. */
const batch = 200

/** The scheduler source that saves growing answers. */
export function createSnapshotSource(desk: Desk) {
  return {
    name: 'snapshots',
    nextDue: () => desk.live.nextSaveAt(),
    async run(now: number): Promise<void> {
      const due = desk.live.takeDue(now)
      await Promise.all(due.map(({ turnId, text }) => saveText(desk, turnId, text, now)))
    },
  }
}

/** Saves every answer as far as it has grown, before the process ends. */
export async function saveSnapshots(desk: Desk): Promise<void> {
  const at = desk.clock.now()
  const grown = desk.live.takeDue(Number.POSITIVE_INFINITY)
  await Promise.all(grown.map(({ turnId, text }) => saveText(desk, turnId, text, at)))
}

async function saveText(desk: Desk, turnId: string, text: string, at: number): Promise<void> {
  await desk.store.update(turnId, turn => advance(turn, { kind: 'text', at, text }, sayOf(desk, turn.account)))
}

/** The scheduler source of everything that the clock alone does to a turn: handovers, unfetched finals, expiry. */
export function createDeadlineSource(desk: Desk, changed: (turn: Turn) => void) {
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
      const due = await desk.store.due(now, batch)
      const met = await Promise.all(due.map(turn => meet(desk, turn, now)))
      for (const turn of met) {
        if (turn?.end === 'expired') desk.meter.turnEnded(turn.end)
        if (turn !== undefined) changed(turn)
      }
      nextAt = await desk.store.nextDueAt()
    },
  }
}

/** What was said so far goes into the bubble before it closes. */
function meet(desk: Desk, turn: Turn, at: number): Promise<Turn | undefined> {
  const text = desk.live.text(turn.id)
  const say = sayOf(desk, turn.account)
  const deadline: TurnEvent = { kind: 'deadline', at }
  const events: TurnEvent[] = text === undefined ? [deadline] : [{ kind: 'text', at, text }, deadline]
  return desk.store.update(turn.id, stored => advanceThrough(stored, events, say))
}
