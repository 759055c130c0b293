import { formatLane } from '../../domain/routing.ts'
import type { Conversation } from '../../domain/message.ts'
import type { Turn } from '../../domain/turn.ts'
import type { Engine } from './engine.ts'
import { Lanes } from './lanes.ts'

type Doc = { doc: string }

/**
 * The pending tasks of turns, one queue per conversation. A task is stored in the row of its turn: `task_at` is when it
 * may be claimed (null: no task), `head` whether it is the first of its conversation, `leased_until` the claim. A queue
 * of its own would cost a second row per message (docs/adr/0013-question-in-the-turn.md). `lanes.ts` explains how the
 * order is kept.
 *
 * The methods run inside an operation of the engine and are not durable by themselves.
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
      setHead: engine.prepare<never>('UPDATE turn SET head = ? WHERE seq = ?'),
      claimable: engine.prepare<Doc>(
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

  /** The row numbers of the turns of a conversation that have a pending task, in order. */
  rowsOf(conversation: Conversation): readonly number[] {
    return this.lanes.rowsIn(formatLane(conversation)).map(({ seq }) => seq)
  }

  /** The column `head` of a turn that is about to be written. Call it before the write. */
  headOf({ id, order, conversation, pending }: Turn): 0 | 1 {
    return this.lanes.headFlag(formatLane(conversation), { id, position: order, isDone: pending === undefined })
  }

  /** Call it after the row of a turn was written: adds the turn to its queue or removes it. */
  place({ id, order, conversation, pending }: Turn, seq: number): void {
    const row = { id, seq, position: order, isDone: pending === undefined }
    this.lanes.place(formatLane(conversation), row, (head, other) => this.statements.setHead.run(head, other.seq))
  }

  /** Turns whose task is due, not leased, and the first of its conversation. Earliest first. */
  claimable(now: number, limit: number): readonly Turn[] {
    return this.statements.claimable.all(now, now, limit).map(({ doc }) => JSON.parse(doc) as Turn)
  }

  /** The next due time after `after` of a first task. */
  nextAt(after: number): number | undefined {
    return this.statements.nextAt.get(after)?.at ?? undefined
  }

  /** Leases a task until `until` (epoch ms), or releases it. */
  lease(id: string, until: number | null): void {
    this.statements.lease.run(until, id)
  }

  /** Extends a lease. False if the task is done or its lease was released. */
  renew(id: string, until: number): boolean {
    return this.statements.renew.get(until, id) !== null
  }
}
