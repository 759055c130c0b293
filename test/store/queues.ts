import type { Change, Store } from '../../src/domain/ports.ts'
import { type Turn, withoutPending } from '../../src/domain/turn.ts'
import { askedTurn, leaseMs, openAs, t0, turnOf } from './given.ts'

interface TaskClaim {
  readonly now?: number
  readonly limit?: number
  readonly change?: (turn: Turn) => Change
}

export async function claimTasks(store: Store, asked: TaskClaim = {}): Promise<readonly Turn[]> {
  const { now = t0, limit = 10, change } = asked
  return await store.outbox.claim(['task'], { now, untilMs: now + leaseMs, limit }, change)
}

/** Claims tasks. Resolves to the msgids of their turns. */
export async function claimed(store: Store, asked: TaskClaim = {}): Promise<readonly string[]> {
  return (await claimTasks(store, asked)).map(({ msgid }) => msgid)
}

/** A queued question in a conversation of its own. */
export function aloneTurn(msgid: string, more: Partial<Turn> = {}): Turn {
  return askedTurn(msgid, { sender: `sender of ${msgid}`, ...more })
}

/** A queued question in the group `team`. */
export function groupTurn(msgid: string, order: number, more: Partial<Turn> = {}): Turn {
  const conversation = { account: 'default', kind: 'group', id: 'team' } as const
  return askedTurn(msgid, { sender: `sender of ${msgid}`, conversation, order, ...more })
}

export async function openAll(store: Store, turns: readonly Turn[]): Promise<void> {
  for (const turn of turns) await openAs(store, turn)
}

/** Finishes the task of a stored turn. */
export async function finish(store: Store, msgid: string): Promise<void> {
  await store.update(turnOf(msgid).id, turn => ({ save: [withoutPending(turn)] }))
}

export function queuedAt(dueAt: number) {
  return { pending: { state: 'queued', dueAt } } as const
}
