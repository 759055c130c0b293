import type { Delivery } from '../../domain/delivery.ts'
import type { Turn } from '../../domain/turn.ts'
import type { Engine } from './engine.ts'
import type { TurnTable } from './turns.ts'

/** So that one sweep never holds the batch for long; the next one goes on. */
const rowsPerSweep = 500
/**
 * Erases contents of finished turns, then removes old rows. Open turns and dead deliveries keep theirs. The rows are
 * what repeated msgids are known by, so `rowBefore` must lie at least a day back.
 */
export function sweepRows(
  engine: Engine,
  turns: TurnTable,
  limits: { contentBefore: number; rowBefore: number },
): { erased: number; removed: number } {
  const erased = engine
    .prepare<{ id: string; doc: string }>(
      `SELECT id, doc FROM turn WHERE ended_at < ? AND due_at IS NULL AND erased = 0
       AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.turn = turn.id AND (d.done = 0 OR d.dead = 1)) LIMIT ?`,
    )
    .all(limits.contentBefore, rowsPerSweep)
  for (const row of erased) eraseTurn(engine, JSON.parse(row.doc) as Turn)
  return { erased: erased.length, removed: removeRows(engine, turns, limits.rowBefore) }
}

function eraseTurn(engine: Engine, turn: Turn): void {
  const { question: _q, preface: _p, responseUrl: _r, ...kept } = turn
  const bare: Turn = { ...kept, text: '', answer: '', ...(turn.closedWith !== undefined && { closedWith: '' }) }
  engine.prepare('UPDATE turn SET erased = 1, doc = ? WHERE id = ?').run(JSON.stringify(bare), turn.id)
  const deliveries = engine.prepare<{ doc: string }>('SELECT doc FROM delivery WHERE turn = ?').all(turn.id)
  for (const row of deliveries) {
    const delivery = JSON.parse(row.doc) as Delivery
    const emptied: Delivery = {
      ...delivery,
      body: delivery.body.kind === 'ask' ? delivery.body : { kind: 'remainder', content: '' },
    }
    engine.prepare('UPDATE delivery SET doc = ? WHERE id = ?').run(JSON.stringify(emptied), delivery.id)
  }
}

function removeRows(engine: Engine, turns: TurnTable, before: number): number {
  const gone = engine
    .prepare<{ id: string }>('SELECT id FROM turn WHERE received_at < ? AND due_at IS NULL AND ended_at < ? LIMIT ?')
    .all(before, before, rowsPerSweep)
  for (const { id } of gone) {
    engine.prepare('DELETE FROM delivery WHERE turn = ?').run(id)
    engine.prepare('DELETE FROM turn WHERE id = ?').run(id)
  }
  if (gone.length > 0) turns.forgetCounts()
  const dedup = engine.prepare('DELETE FROM inbox WHERE at < ?').run(before)
  return gone.length + dedup.changes
}
