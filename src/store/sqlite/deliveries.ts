import { type Delivery, type DeliveryState, isDone } from '../../domain/delivery.ts'
import type { Job } from '../../domain/job.ts'
import type { WorkKind } from '../../domain/ports.ts'
import type { CommitLog } from './commit-log.ts'
import type { Engine } from './engine.ts'
import { Lanes } from './lanes.ts'

type Doc = { doc: string }
/** A row of the table: a delivery, or a job. A job has its queue in the column `route`. Without a lane it has one of its own. */
export type OutboxRow = Delivery | Job
/** `turn_seq` of deliveries without a turn. Rows of turns begin at 1. */
const noTurn = 0
/** The values of the column `route` that are jobs. */
const jobQueues = "('media', 'approval')"

export function isJob(row: OutboxRow): row is Job {
  return 'queue' in row
}

export function isDelivery(row: OutboxRow): row is Delivery {
  return !isJob(row)
}

/**
 * The outbox table: deliveries and jobs. Only the first unfinished row of a lane can be claimed (`lanes.ts`). The
 * methods run inside an operation of the engine and are not durable by themselves.
 */
export class DeliveryTable {
  private readonly lanes: Lanes
  private readonly jobLanes: Lanes
  private readonly log: CommitLog
  private readonly statements

  constructor(engine: Engine, log: CommitLog) {
    this.log = log
    this.lanes = openLanes(engine, `route NOT IN ${jobQueues}`)
    this.jobLanes = openLanes(engine, `route IN ${jobQueues}`)
    this.statements = {
      seqOf: engine.prepare<{ seq: number }>('SELECT seq FROM turn WHERE id = ?'),
      byId: engine.prepare<Doc>('SELECT doc FROM delivery WHERE turn_seq = ? AND id = ?'),
      ofTurn: engine.prepare<Doc>('SELECT doc FROM delivery WHERE turn_seq = ?'),
      add: engine.prepare<never>(
        `INSERT OR IGNORE INTO delivery (turn_seq, id, turn, account, route, lane, position, created_at,
         state, dead, done, due_at, finished_at, doc, head) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ),
      settle: engine.prepare<never>(
        `UPDATE delivery SET state = ?, dead = ?, done = ?, due_at = ?, finished_at = ?, doc = ?, head = ?,
         leased_until = CASE WHEN ? THEN NULL ELSE leased_until END WHERE turn_seq = ? AND id = ?`,
      ),
      // Keeps leases: one of these deliveries may be the probe that is being sent.
      unhold: engine.prepare<Doc>(
        `UPDATE delivery SET state = 'queued', due_at = ?, doc = json_set(doc, '$.state', 'queued', '$.dueAt', ?)
         WHERE account = ? AND state = 'held' RETURNING doc`,
      ),
      behind: engine.prepare<Doc>(
        `SELECT doc FROM delivery WHERE done = 0 AND route IN ('app', 'appchat') AND head = 0 AND account = ?
         AND state = 'queued' ORDER BY position LIMIT ?`,
      ),
      setHead: engine.prepare<never>('UPDATE delivery SET head = ? WHERE turn_seq = ? AND id = ?'),
      claimable: engine.prepare<Doc>(
        `SELECT doc FROM delivery WHERE done = 0 AND route = ? AND head = 1 AND due_at <= ?
         AND coalesce(leased_until, 0) <= ? ORDER BY due_at LIMIT ?`,
      ),
      lease: engine.prepare<never>('UPDATE delivery SET leased_until = ? WHERE turn_seq = ? AND id = ?'),
      renew: engine.prepare<{ id: string }>(
        'UPDATE delivery SET leased_until = ? WHERE turn_seq = ? AND id = ? AND done = 0 AND leased_until IS NOT NULL RETURNING id',
      ),
      nextDue: engine.prepare<{ at: number | null }>(
        'SELECT min(due_at) AS at FROM delivery WHERE done = 0 AND route = ? AND head = 1 AND due_at > ?',
      ),
      states: engine.prepare<{ state: DeliveryState; n: number }>(
        `SELECT state, count(*) AS n FROM delivery WHERE done = 0 AND route NOT IN ${jobQueues} GROUP BY state`,
      ),
      dead: engine.prepare<{ n: number }>('SELECT count(*) AS n FROM delivery WHERE dead = 1'),
      deadOnes: engine.prepare<Doc>('SELECT doc FROM delivery WHERE dead = 1 ORDER BY created_at DESC LIMIT ?'),
      oldest: engine.prepare<{ at: number | null }>(
        `SELECT min(created_at) AS at FROM delivery WHERE done = 0 AND route NOT IN ${jobQueues}`,
      ),
    }
  }

  find(id: string): Delivery | undefined {
    const row = this.findRow(id)
    return row === undefined || isJob(row) ? undefined : row
  }

  findRow(id: string): OutboxRow | undefined {
    const row = this.seek(id, seq => this.statements.byId.get(seq, id))
    return row === null ? undefined : parseRow(row.doc)
  }

  /** The rows of a turn, oldest first. */
  ofTurn(turn: string): OutboxRow[] {
    const found = this.statements.ofTurn.all(this.seqOf(turn) ?? null).map(row => parseRow(row.doc))
    return found.toSorted((a, b) => a.createdAt - b.createdAt)
  }

  /** Adds a row. Does nothing if it exists. If its place in its lane is taken, it gets the next free one. */
  add(added: OutboxRow): void {
    const wanted = placeOf(added)
    const order = this.lanesOf(added).freePlace(wanted.lane, wanted.position)
    const row = wanted.isDone || order === wanted.position ? added : { ...added, order }
    const { id, turn, account, createdAt } = row
    const seq = this.seqOf(turn)
    if (seq === undefined) throw new Error(`delivery ${id} belongs to no turn`)
    const { lane, position } = placeOf(row)
    const fixed = [
      seq,
      id,
      turn ?? null,
      account,
      isJob(row) ? row.queue : row.route,
      lane,
      position,
      createdAt,
    ] as const
    const { changes } = this.statements.add.run(...fixed, ...mutableColumnsOf(row), this.headOf(row))
    if (changes > 0) this.recordWrite(row, seq)
  }

  /** Replaces a row. Does nothing if it doesn't exist. Unless it is `sending`, its lease is released. */
  settle(row: OutboxRow): void {
    const seq = this.seqOf(row.turn)
    if (seq === undefined) return
    const isFree = row.state === 'sending' ? 0 : 1
    const { changes } = this.statements.settle.run(...mutableColumnsOf(row), this.headOf(row), isFree, seq, row.id)
    if (changes > 0) this.recordWrite(row, seq)
  }

  /** The column `head`. */
  private headOf(row: OutboxRow): 0 | 1 {
    const { lane, ...place } = placeOf(row)
    return this.lanesOf(row).headFlag(lane, place)
  }

  private lanesOf(row: OutboxRow): Lanes {
    return isJob(row) ? this.jobLanes : this.lanes
  }

  private recordWrite(row: OutboxRow, seq: number): void {
    const { lane, ...place } = placeOf(row)
    this.lanesOf(row).place(lane, { ...place, seq }, (head, other) =>
      this.statements.setHead.run(head, other.seq, other.id),
    )
    if (isJob(row)) this.log.addJob(row)
    else this.log.addDelivery(row)
  }

  /** Queued deliveries by the app that are not the first of their lane, in order. */
  behind(account: string, limit: number): Delivery[] {
    return this.statements.behind.all(account, limit).map(row => parseDelivery(row.doc))
  }

  /** The first delivery of this one's lane. Undefined if that is the delivery itself. */
  ahead({ id, lane }: Delivery): Delivery | undefined {
    const head = this.lanes.head(lane)
    return head === undefined || head.id === id ? undefined : this.find(head.id)
  }

  /** The number of unfinished deliveries. */
  outgoing(): number {
    return this.lanes.size()
  }

  /** Rows were deleted directly. */
  invalidate(): void {
    this.lanes.invalidate()
    this.jobLanes.invalidate()
  }

  /** Queues the held deliveries of an account, due at `at`. Returns their number. */
  unhold(account: string, at: number): number {
    const rows = this.statements.unhold.all(at, at, account)
    for (const { doc } of rows) this.log.addDelivery(parseDelivery(doc))
    return rows.length
  }

  /** Rows of a route or queue that are due, not leased, and the first of their lane. Earliest first. */
  claimable(route: WorkKind, now: number, limit: number): OutboxRow[] {
    return this.statements.claimable.all(route, now, now, limit).map(row => parseRow(row.doc))
  }

  /** Leases a row until `until` (epoch ms), or releases it. */
  lease(id: string, until: number | null): void {
    this.seek(id, seq => this.statements.lease.run(until, seq, id).changes || null)
  }

  /** Extends a lease. False if the row is done or its lease was released. */
  renew(id: string, until: number): boolean {
    return this.seek(id, seq => this.statements.renew.get(until, seq, id)) !== null
  }

  private seqOf(turn: string | undefined): number | undefined {
    return turn === undefined ? noTurn : this.statements.seqOf.get(turn)?.seq
  }

  /**
   * Runs `at` with the `turn_seq` of a row. The id of a turn's row is `<turn>:<part>`, and both can contain colons, so
   * every prefix that is the id of a turn is tried until `at` finds something. Then the rows without a turn.
   */
  private seek<T>(id: string, at: (seq: number) => T | null): T | null {
    for (let end = id.lastIndexOf(':'); end > 0; end = id.lastIndexOf(':', end - 1)) {
      const seq = this.seqOf(id.slice(0, end))
      const found = seq === undefined ? null : at(seq)
      if (found !== null) return found
    }
    return at(noTurn)
  }

  nextDueAt(route: WorkKind, after: number): number | undefined {
    return this.statements.nextDue.get(route, after)?.at ?? undefined
  }

  dead(limit: number): Delivery[] {
    return this.statements.deadOnes.all(limit).map(row => parseDelivery(row.doc))
  }

  summary(): { states: Record<DeliveryState, number>; dead: number; oldestAt?: number } {
    const states = { queued: 0, sending: 0, held: 0, delivered: 0, partial: 0, refused: 0, unknown: 0, dropped: 0 }
    for (const row of this.statements.states.all()) states[row.state] = row.n
    const oldestAt = this.statements.oldest.get()?.at
    return { states, dead: this.statements.dead.get()?.n ?? 0, ...(typeof oldestAt === 'number' && { oldestAt }) }
  }
}

/** The lanes of the rows that `condition` selects. */
function openLanes(engine: Engine, condition: string): Lanes {
  const open = engine.prepare<{ lane: string; id: string; seq: number; position: number }>(
    `SELECT lane, id, turn_seq AS seq, position FROM delivery WHERE done = 0 AND ${condition}`,
  )
  return new Lanes(engine, () => open.iterate())
}

function placeOf(row: OutboxRow): { lane: string; id: string; position: number; isDone: boolean } {
  const { id, lane = id, order: position = 1 } = row
  return { lane, id, position, isDone: isJob(row) ? row.state !== 'queued' : isDone(row.state) }
}

/** The columns that change, in the order in which the statements `add` and `settle` expect them. */
function mutableColumnsOf(row: OutboxRow) {
  const { state, dueAt, createdAt, finishedAt } = row
  const [done, dead] = isJob(row) ? [row.state !== 'queued', false] : [isDone(row.state), row.dead]
  const doneAt = done ? (finishedAt ?? createdAt) : null
  return [state, dead ? 1 : 0, done ? 1 : 0, dueAt, doneAt, JSON.stringify(row)] as const
}

/** Rows are written by `add`, `settle` and `unhold` only, so the JSON has this type. */
function parseRow(doc: string): OutboxRow {
  return JSON.parse(doc) as OutboxRow
}

/** For statements that return no jobs. */
function parseDelivery(doc: string): Delivery {
  return JSON.parse(doc) as Delivery
}
