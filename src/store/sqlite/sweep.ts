import type { Delivery } from '../../domain/delivery.ts'
import type { Job } from '../../domain/job.ts'
import { dayMs, hourMs } from '../../domain/duration.ts'
import type { SweepLimits } from '../../domain/ports.ts'
import type { Turn } from '../../domain/turn.ts'
import { type DeliveryTable, isJob, type OutboxRow } from './deliveries.ts'
import type { Engine } from './engine.ts'
import type { TurnTable } from './turns.ts'

type Finished = { seq: number; doc: string }

/** The rows of one sweep. A bounded number, because a sweep delays everything else in its batch. */
const rowsPerSweep = 100
/** More for `sent`: its rows are small, and one message can have a thousand of them. */
const sentPerSweep = 2_000

/**
 * Erases the contents of finished turns and deliveries, and later removes their rows. Open turns and dead letters keep
 * their contents.
 *
 * The rows detect repeated msgids, so `rowBefore` must be at least a day ago. Erased contents are overwritten in the
 * file (`secure_delete`).
 */
export class Sweeper {
  private readonly turns: TurnTable
  private readonly deliveries: DeliveryTable
  private readonly statements

  constructor(engine: Engine, turns: TurnTable, deliveries: DeliveryTable) {
    this.turns = turns
    this.deliveries = deliveries
    this.statements = {
      finished: engine.prepare<Finished>(
        `SELECT seq, doc FROM turn WHERE ended_at < ? AND due_at IS NULL AND task_at IS NULL AND erased = 0
         AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.turn_seq = turn.seq AND (d.done = 0 OR d.dead = 1)) LIMIT ?`,
      ),
      eraseTurn: engine.prepare<never>('UPDATE turn SET erased = 1, doc = ? WHERE seq = ?'),
      deliveries: engine.prepare<Finished>('SELECT turn_seq AS seq, doc FROM delivery WHERE turn_seq = ?'),
      finishedAlone: engine.prepare<Finished>(
        `SELECT turn_seq AS seq, doc FROM delivery
         WHERE turn_seq = 0 AND done = 1 AND dead = 0 AND erased = 0 AND finished_at < ? LIMIT ?`,
      ),
      eraseDelivery: engine.prepare<never>('UPDATE delivery SET erased = 1, doc = ? WHERE turn_seq = ? AND id = ?'),
      old: engine.prepare<{ seq: number; id: string; stream: string }>(
        `SELECT seq, id, doc ->> 'streamId' AS stream FROM turn WHERE erased IN (0, 1) AND ended_at < ? AND received_at < ? AND due_at IS NULL AND task_at IS NULL LIMIT ?`,
      ),
      removeStream: engine.prepare<never>('DELETE FROM stream_1 WHERE stream_id = ?'),
      removeDeliveries: engine.prepare<never>('DELETE FROM delivery WHERE turn_seq = ?'),
      removeAlone: engine.prepare<never>(
        `DELETE FROM delivery WHERE turn_seq = 0 AND id IN (SELECT id FROM delivery
         WHERE turn_seq = 0 AND done = 1 AND erased IN (0, 1) AND finished_at < ? LIMIT ?)`,
      ),
      removeSmallRows: engine.prepare<never>('DELETE FROM inbox WHERE at < ?'),
      forgetSent: engine.prepare<never>(
        `DELETE FROM sent WHERE (scope, member, at) IN (SELECT scope, member, at FROM sent WHERE at < ? LIMIT ?)`,
      ),
      forgetTokens: engine.prepare<never>('DELETE FROM token WHERE expires_at < ?'),
    }
  }

  sweep(limits: SweepLimits): { erased: number; removed: number } {
    const turns = this.statements.finished.all(limits.contentBefore, rowsPerSweep)
    for (const { seq, doc } of turns) this.eraseTurn(seq, JSON.parse(doc) as Turn)
    const alone = this.statements.finishedAlone.all(limits.contentBefore, rowsPerSweep)
    for (const row of alone) this.eraseDelivery(row)
    return { erased: turns.length + alone.length, removed: this.removeRows(limits.rowBefore) + this.forget(limits) }
  }

  private eraseTurn(seq: number, turn: Turn): void {
    const {
      question: _q,
      agentAsks: _k,
      preface: _p,
      reasoning: _n,
      responseUrl: _r,
      attachments: _a,
      files: _f,
      ...kept
    } = turn
    const bare: Turn = {
      ...kept,
      text: '',
      answer: '',
      ...(turn.closedWith !== undefined && { closedWith: '' }),
      // The card itself stays: its buttons can still be clicked.
      ...(turn.card !== undefined && { card: { ...turn.card, around: '', words: '', inWords: '' } }),
    }
    this.statements.eraseTurn.run(JSON.stringify(bare), seq)
    for (const row of this.statements.deliveries.all(seq)) this.eraseDelivery(row)
  }

  private eraseDelivery({ seq, doc }: Finished): void {
    const row = JSON.parse(doc) as OutboxRow
    this.statements.eraseDelivery.run(JSON.stringify(withoutContent(row)), seq, row.id)
  }

  private removeRows(before: number): number {
    const old = this.statements.old.all(before, before, rowsPerSweep)
    for (const { seq, id, stream } of old) {
      this.statements.removeStream.run(stream)
      this.statements.removeDeliveries.run(seq)
      this.turns.remove(id)
    }
    if (old.length > 0) this.deliveries.invalidate()
    return old.length + this.statements.removeAlone.run(before, rowsPerSweep).changes
  }

  private forget({ now, rowBefore }: SweepLimits): number {
    const { removeSmallRows: forget, forgetSent, forgetTokens } = this.statements
    const small = [forget.run(rowBefore), forgetSent.run(now - hourMs, sentPerSweep), forgetTokens.run(now - dayMs)]
    return small.reduce((sum, { changes }) => sum + changes, 0)
  }
}

/** A row without anything that users wrote or the agent answered. */
function withoutContent(row: OutboxRow): Delivery | Job {
  if (!isJob(row)) return { ...row, body: { kind: 'remainder', content: '' } }
  const { body } = row
  if (body.kind !== 'fetch') return row
  return { ...row, body: { ...body, attachment: { kind: body.attachment.kind } } }
}
