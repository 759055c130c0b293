import { minuteMs } from '../../domain/duration.ts'
import type { Change, SenderLoad, TurnCounts, TurnKey } from '../../domain/ports.ts'
import { orderOfStream } from '../../domain/routing.ts'
import type { Turn } from '../../domain/turn.ts'
import { WecomdError } from '../../errors.ts'
import type { CommitLog } from './commit-log.ts'
import type { DeliveryTable } from './deliveries.ts'
import type { Engine } from './engine.ts'
import { type TurnTally, turnTallyOf, TurnMemory } from './memory.ts'
import { RecentSessions } from './sessions.ts'
import { TaskQueue } from './task-queue.ts'

type Doc = { doc: string }
type Placed = Doc & { seq: number }

/** The turn table. The methods run inside an operation of the engine and are not durable by themselves. */
export class TurnTable {
  readonly tasks: TaskQueue
  readonly sessions: RecentSessions
  private readonly memory: TurnMemory
  private readonly log: CommitLog
  private readonly statements

  constructor(engine: Engine, log: CommitLog) {
    this.log = log
    this.tasks = new TaskQueue(engine)
    this.memory = new TurnMemory(engine)
    this.sessions = new RecentSessions(engine)
    this.statements = {
      byId: engine.prepare<Doc>('SELECT doc FROM turn WHERE id = ?'),
      bySeq: engine.prepare<Doc>('SELECT doc FROM turn WHERE seq = ?'),
      seqOfStream: engine.prepare<{ seq: number }>('SELECT seq FROM stream_1 WHERE stream_id = ?'),
      unclaimed: engine.prepare<Doc>('SELECT doc FROM turn WHERE seq = ? AND sender = ? AND unclaimed = 1'),
      // Without ORDER BY: together with a parameter it makes SQLite compile the statement again at every call.
      unsaid: engine.prepare<Placed>('SELECT seq, doc FROM turn WHERE account = ? AND sender = ? AND unsaid = 1'),
      due: engine.prepare<Doc>('SELECT doc FROM turn WHERE due_at <= ? ORDER BY due_at LIMIT ?'),
      nextDue: engine.prepare<{ at: number | null }>('SELECT min(due_at) AS at FROM turn WHERE due_at IS NOT NULL'),
      stored: engine.prepare<TurnTally & { seq: number; version: number }>(
        'SELECT seq, state, ended_at IS NOT NULL AS ended, unclaimed, unsaid, version FROM turn WHERE id = ?',
      ),
      insert: engine.prepare<never>(
        `INSERT INTO turn (seq, id, account, sender, received_at, state, unclaimed, unsaid, ended_at, due_at,
         task_at, head, version, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ),
      update: engine.prepare<never>(
        `UPDATE turn SET state = ?, unclaimed = ?, unsaid = ?, ended_at = ?, due_at = ?, task_at = ?, head = ?,
         version = ?, doc = ?, leased_until = CASE WHEN ? THEN leased_until END WHERE seq = ?`,
      ),
      remove: engine.prepare<never>('DELETE FROM turn WHERE id = ?'),
    }
  }

  find(id: string): Turn | undefined {
    return parse(this.statements.byId.get(id))
  }

  findByStream(streamId: string): Turn | undefined {
    const seq = orderOfStream(streamId) ?? this.statements.seqOfStream.get(streamId)?.seq
    const turn = seq === undefined ? undefined : parse(this.statements.bySeq.get(seq))
    return turn?.streamId === streamId ? turn : undefined
  }

  standing(key: TurnKey): SenderLoad {
    const rows = this.tasks.rowsOf(key.conversation)
    const sender = key.sender.toLowerCase()
    const counts = this.memory.counts()
    const waiting = this.findUnclaimed(rows, sender)
    const unsaid = counts.unsaid === 0 ? undefined : newest(this.statements.unsaid.all(key.account, sender))
    return {
      openTurns: counts.open,
      sentLastMinute: this.memory.sentSince(key.account, sender, key.receivedAt - minuteMs),
      nextOrder: counts.lastSeq + 1,
      inLane: () => rows.flatMap(seq => parse(this.statements.bySeq.get(seq)) ?? []),
      ...(waiting && { waiting }),
      ...(unsaid && { unsaid }),
    }
  }

  /** A sender has at most one unclaimed turn in a conversation, because the next message joins it. */
  private findUnclaimed(rows: readonly number[], sender: string): Turn | undefined {
    for (const seq of rows.toReversed()) {
      const row = this.statements.unclaimed.get(seq, sender)
      if (row !== null) return parseTurn(row.doc)
    }
    return undefined
  }

  /**
   * Writes a turn and returns it as it is stored. Its version must be the one that was read, 0 for a new turn;
   * otherwise throws `store_failed`. `before`: the stored turn, if the caller has just read it.
   */
  save(turn: Turn, dueAt: number | undefined, before?: Turn): Turn {
    const next = { ...turn, version: turn.version + 1 }
    this.memory.counts() // loads them before the file changes: a later load would count this turn twice
    const previous = turn.version === 0 ? undefined : (before ?? this.find(turn.id))
    if (turn.version === 0) this.insert(next, dueAt)
    else this.replace(turn.version, next, dueAt)
    this.memory.count(turnTallyOf(turn), 1)
    this.log.addTurn(previous, next)
    return next
  }

  private insert(turn: Turn, dueAt: number | undefined): void {
    const { id, account, receivedAt } = turn
    const sender = turn.sender.toLowerCase()
    const seq = this.memory.counts().lastSeq + 1
    this.statements.insert.run(seq, id, account, sender, receivedAt, ...this.changingOf(turn, dueAt))
    this.memory.note(account, sender, receivedAt, seq)
    this.sessions.note(turn, seq)
    this.tasks.place(turn, seq)
  }

  private replace(version: number, turn: Turn, dueAt: number | undefined): void {
    const stored = this.statements.stored.get(turn.id)
    if (stored === null || stored.version !== version) throw lostRace(turn.id)
    this.memory.count(stored, -1)
    const isLeased = turn.pending?.state === 'claimed' ? 1 : 0
    this.statements.update.run(...this.changingOf(turn, dueAt), isLeased, stored.seq)
    this.tasks.place(turn, stored.seq)
  }

  /** The columns that change, in the order in which the statements `insert` and `update` expect them. */
  private changingOf(turn: Turn, dueAt: number | undefined) {
    const { state, endedAt, pending, version } = turn
    const { unclaimed, unsaid } = turnTallyOf(turn)
    const times = [endedAt ?? null, dueAt ?? null, pending?.dueAt ?? null] as const
    return [state, unclaimed, unsaid, ...times, this.tasks.headOf(turn), version, JSON.stringify(turn)] as const
  }

  /** The newest turns of a session, newest first. */
  recentOf(sessionKey: string): readonly Turn[] {
    return this.sessions.rowsOf(sessionKey).flatMap(seq => parse(this.statements.bySeq.get(seq)) ?? [])
  }

  due(now: number, limit: number): Turn[] {
    return this.statements.due.all(now, limit).map(row => parseTurn(row.doc))
  }

  nextDueAt(): number | undefined {
    return this.statements.nextDue.get()?.at ?? undefined
  }

  counts(): TurnCounts {
    const { states, open, unclaimed } = this.memory.counts()
    return { states: { ...states }, open, unclaimed }
  }

  remove(id: string): void {
    const stored = this.statements.stored.get(id)
    if (stored === null) return
    this.memory.count(stored, -1)
    this.statements.remove.run(id)
  }
}

/**
 * Writes a change and returns its turns as they are stored. `dueAtOf` derives the deadline of each turn. `read`: a turn
 * that this operation has just read, which saves reading it again.
 */
export function writeChange(
  change: Change,
  turns: TurnTable,
  deliveries: DeliveryTable,
  dueAtOf: (turn: Turn) => number | undefined,
  read?: Turn,
): readonly Turn[] {
  const saved = change.save.map(turn => turns.save(turn, dueAtOf(turn), turn.id === read?.id ? read : undefined))
  for (const row of change.add ?? []) deliveries.add(row)
  for (const row of change.settle ?? []) deliveries.settle(row)
  return saved
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

/** Rows are written by `save` only, so the JSON has this type. */
function parseTurn(doc: string): Turn {
  return JSON.parse(doc) as Turn
}
