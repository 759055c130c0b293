import { formatLane } from '../../domain/routing.ts'
import type { Conversation } from '../../domain/message.ts'
import type { Turn } from '../../domain/turn.ts'
import type { Engine } from './engine.ts'
import { Lanes } from './lanes.ts'

type Doc = { doc: string }

/**
 * The tasks of turns that wait for the gateway: one queue per conversation, in the turns' own rows. Its methods run
 * inside an operation of the engine and are not durable by themselves.
 */
export class TaskQueue {
  private readonly lanes: Lanes
  private readonly statements

  constructor(engine: Engine) {
    const pending = engine.prepare<Doc & { seq: number }>('SELECT seq, doc FROM turn WHERE task_at IS NOT NULL')
    this.lanes = new Lanes(engine, function* () {
      for (const { seq, doc } of pending.iterate()) {
        const { id, order, conversation } = JSON.parse(doc) as Turn // written by the turn table only
        yield { lane: formatLane(conversation), id, seq, position: order }
      }
    })
    this.statements = {
      moveHead: engine.prepare<never>('UPDATE turn SET head = ? WHERE seq = ?'),
      free: engine.prepare<Doc>(
        `SELECT doc FROM turn WHERE head = 1 AND task_at <= ? AND coalesce(leased_until, 0) <= ?
         ORDER BY task_at LIMIT ?`,
      ),
      nextAt: engine.prepare<{ at: number | null }>(
        'SELECT min(task_at) AS at FROM turn WHERE head = 1 AND task_at > ?',
      ),
      lease: engine.prepare<never>('UPDATE turn SET leased_until = ? WHERE id = ?'),
      renew: engine.prepare<{ id: string }>(
        'UPDATE turn SET leased_until = ? WHERE id = ? AND task_at IS NOT NULL AND leased_until IS NOT NULL RETURNING id',
      ),
    }
  }

  /** Rows of the turns of a conversation with a pending task, in order. */
  rowsOf(conversation: Conversation): readonly number[] {
    return this.lanes.rowsIn(formatLane(conversation)).map(({ seq }) => seq)
  }

  /** What the column `head` of a turn that is about to be written must be. */
  headOf({ id, order, conversation, pending }: Turn): 0 | 1 {
    return this.lanes.leads(formatLane(conversation), { id, position: order, isDone: pending === undefined })
  }

  /** The row of a turn was written: it enters its queue or leaves it. */
  place({ id, order, conversation, pending }: Turn, seq: number): void {
    const row = { id, seq, position: order, isDone: pending === undefined }
    this.lanes.place(formatLane(conversation), row, (head, other) => this.statements.moveHead.run(head, other.seq))
  }

  /** Rows were removed behind its back. */
  forget(): void {
    this.lanes.forget()
  }

  /** Due, not leased, and the first of its conversation. */
  claimable(now: number, limit: number): readonly Turn[] {
    return this.statements.free.all(now, now, limit).map(({ doc }) => JSON.parse(doc) as Turn)
  }

  nextAt(after: number): number | undefined {
    return this.statements.nextAt.get(after)?.at ?? undefined
  }

  lease(id: string, until: number | null): void {
    this.statements.lease.run(until, id)
  }

  /** Whether the task is still pending under a lease, which then lasts until `until`. */
  renew(id: string, until: number): boolean {
    return this.statements.renew.get(until, id) !== null
  }
}
