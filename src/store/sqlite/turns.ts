import type { Change, Standing, TurnCounts, TurnKey } from '../../domain/ports.ts'
import { isOpen, type Turn, type TurnState } from '../../domain/turn.ts'
import { WecomdError } from '../../errors.ts'
import type { DeliveryTable } from './deliveries.ts'
import type { Engine } from './engine.ts'

const minuteMs = 60_000
type Doc = { doc: string }
type Placed = Doc & { seq: number }
type Tally = { states: Record<TurnState, number>; open: number }
type Standpoint = { state: TurnState; ended: number }

/** The turn table. Its methods run inside an operation of the engine and are not durable by themselves. */
export class TurnTable {
  private tally: Tally | undefined
  private readonly statements

  constructor(engine: Engine) {
    engine.onRollback = () => {
      this.tally = undefined
    }
    this.statements = {
      byId: engine.prepare<Doc>('SELECT doc FROM turn WHERE id = ?'),
      byStream: engine.prepare<Doc>('SELECT doc FROM turn WHERE stream_id = ?'),
      // Without ORDER BY: together with a parameter it makes SQLite compile the statement anew at every call.
      unclaimed: engine.prepare<Placed>(
        'SELECT seq, doc FROM turn WHERE session_key = ? AND sender = ? AND unclaimed = 1',
      ),
      unsaid: engine.prepare<Placed>('SELECT seq, doc FROM turn WHERE account = ? AND sender = ? AND unsaid = 1'),
      sent: engine.prepare<{ n: number }>(
        'SELECT count(*) AS n FROM turn WHERE account = ? AND sender = ? AND received_at > ?',
      ),
      next: engine.prepare<{ seq: number }>('SELECT coalesce(max(seq), 0) + 1 AS seq FROM turn'),
      due: engine.prepare<Doc>('SELECT doc FROM turn WHERE due_at <= ? ORDER BY due_at LIMIT ?'),
      nextDue: engine.prepare<{ at: number | null }>('SELECT min(due_at) AS at FROM turn WHERE due_at IS NOT NULL'),
      states: engine.prepare<Standpoint & { n: number }>(
        'SELECT state, ended_at IS NOT NULL AS ended, count(*) AS n FROM turn GROUP BY state, ended',
      ),
      stored: engine.prepare<Standpoint & { version: number }>(
        'SELECT state, ended_at IS NOT NULL AS ended, version FROM turn WHERE id = ?',
      ),
      insert: engine.prepare<never>(
        'INSERT INTO turn (id, stream_id, account, sender, session_key, state, unclaimed, unsaid, received_at, ended_at, due_at, version, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ),
      update: engine.prepare<never>(
        'UPDATE turn SET state = ?, unclaimed = ?, unsaid = ?, ended_at = ?, due_at = ?, version = ?, doc = ? WHERE id = ?',
      ),
      remove: engine.prepare<never>('DELETE FROM turn WHERE id = ?'),
    }
  }

  find(id: string): Turn | undefined {
    return parse(this.statements.byId.get(id))
  }

  findByStream(streamId: string): Turn | undefined {
    return parse(this.statements.byStream.get(streamId))
  }

  standing(key: TurnKey): Standing {
    const sender = key.sender.toLowerCase()
    const waiting = newest(this.statements.unclaimed.all(key.sessionKey, sender))
    const unsaid = newest(this.statements.unsaid.all(key.account, sender))
    return {
      openTurns: this.counts().open,
      sentLastMinute: this.statements.sent.get(key.account, sender, key.receivedAt - minuteMs)?.n ?? 0,
      nextOrder: this.statements.next.get()?.seq ?? 1,
      ...(waiting && { waiting }),
      ...(unsaid && { unsaid }),
    }
  }

  /** Writes a turn whose version is the one it was read with; zero means new. */
  save(turn: Turn, dueAt: number | undefined): void {
    const next = { ...turn, version: turn.version + 1 }
    const unclaimed = turn.question === undefined && turn.end === undefined ? 1 : 0
    const unsaid = turn.unsaid === true ? 1 : 0
    const counts = this.counts()
    if (turn.version === 0) {
      this.statements.insert.run(
        turn.id,
        turn.streamId,
        turn.account,
        turn.sender.toLowerCase(),
        turn.sessionKey,
        turn.state,
        unclaimed,
        unsaid,
        turn.receivedAt,
        turn.endedAt ?? null,
        dueAt ?? null,
        next.version,
        JSON.stringify(next),
      )
    } else {
      const stored = this.statements.stored.get(turn.id)
      if (stored === null || stored.version !== turn.version) throw lostRace(turn.id)
      count(counts, stored, -1)
      this.statements.update.run(
        turn.state,
        unclaimed,
        unsaid,
        turn.endedAt ?? null,
        dueAt ?? null,
        next.version,
        JSON.stringify(next),
        turn.id,
      )
    }
    count(counts, { state: turn.state, ended: turn.endedAt === undefined ? 0 : 1 }, 1)
  }

  due(now: number, limit: number): Turn[] {
    return this.statements.due.all(now, limit).map(row => parseTurn(row.doc))
  }

  nextDueAt(): number | undefined {
    return this.statements.nextDue.get()?.at ?? undefined
  }

  /** Kept in memory, since this process is the only writer; counted anew after a rollback. */
  counts(): TurnCounts & Tally {
    if (this.tally !== undefined) return this.tally
    const fresh: Tally = {
      states: { waiting: 0, asking: 0, streaming: 0, closing: 0, shown: 0, moved: 0, ended: 0 },
      open: 0,
    }
    for (const row of this.statements.states.all()) count(fresh, row, row.n)
    this.tally = fresh
    return fresh
  }

  remove(id: string): void {
    const stored = this.statements.stored.get(id)
    if (stored === null) return
    count(this.counts(), stored, -1)
    this.statements.remove.run(id)
  }
}

function count(tally: Tally, row: Standpoint, by: number): void {
  tally.states[row.state] += by
  if (isOpen({ state: row.state, isOver: row.ended === 1 })) tally.open += by
}

/** Writes a change; the deadline of each turn comes from `dueAtOf`. */
export function writeChange(
  change: Change,
  turns: TurnTable,
  deliveries: DeliveryTable,
  dueAtOf: (turn: Turn) => number | undefined,
): void {
  for (const turn of change.save) turns.save(turn, dueAtOf(turn))
  for (const delivery of change.add ?? []) deliveries.add(delivery)
  for (const delivery of change.settle ?? []) deliveries.settle(delivery)
  for (const id of change.drop ?? []) deliveries.drop(id)
}

function lostRace(id: string): WecomdError {
  return new WecomdError('store_failed', `turn ${id} was changed meanwhile`, { retryAfterMs: 0 })
}

function newest(rows: readonly Placed[]): Turn | undefined {
  const last = rows.reduce<Placed | null>((best, row) => (best === null || row.seq > best.seq ? row : best), null)
  return parse(last)
}

function parse(row: Doc | null): Turn | undefined {
  return row === null ? undefined : parseTurn(row.doc)
}

/** Rows are written by `save` only, so what comes out is what went in. */
function parseTurn(doc: string): Turn {
  return JSON.parse(doc) as Turn
}
