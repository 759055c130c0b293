import { type Delivery, type DeliveryState, isDone, isWayOut, type Route } from '../../domain/delivery.ts'
import type { CommitLog } from './commit-log.ts'
import type { Engine } from './engine.ts'
import { Lanes, type LanePosition } from './lanes.ts'

type Doc = { doc: string }
/** Where deliveries lie that belong to no turn: rows of turns begin at 1. */
const alone = 0

/** The outbox table. Its methods run inside an operation of the engine and are not durable by themselves. */
export class DeliveryTable {
  readonly lanes: Lanes
  private readonly log: CommitLog
  private readonly statements

  constructor(engine: Engine, log: CommitLog) {
    this.log = log
    this.lanes = new Lanes(engine)
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
      // A lease stays: whoever probes with this delivery at the moment has it.
      unhold: engine.prepare<Doc>(
        `UPDATE delivery SET state = 'queued', due_at = ?, doc = json_set(doc, '$.state', 'queued', '$.dueAt', ?)
         WHERE account = ? AND state = 'held' RETURNING doc`,
      ),
      behind: engine.prepare<Doc>(
        `SELECT doc FROM delivery WHERE done = 0 AND route IN ('app', 'appchat') AND head = 0 AND account = ?
         AND state = 'queued' ORDER BY position LIMIT ?`,
      ),
      moveHead: engine.prepare<never>('UPDATE delivery SET head = ? WHERE turn_seq = ? AND id = ?'),
      free: engine.prepare<Doc>(
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
        "SELECT state, count(*) AS n FROM delivery WHERE done = 0 AND route NOT IN ('gateway', 'media', 'admin') GROUP BY state",
      ),
      dead: engine.prepare<{ n: number }>('SELECT count(*) AS n FROM delivery WHERE dead = 1'),
      deadOnes: engine.prepare<Doc>('SELECT doc FROM delivery WHERE dead = 1 ORDER BY created_at DESC LIMIT ?'),
      oldest: engine.prepare<{ at: number | null }>(
        "SELECT min(created_at) AS at FROM delivery WHERE done = 0 AND route NOT IN ('gateway', 'media', 'admin')",
      ),
    }
  }

  find(id: string): Delivery | undefined {
    const row = this.seek(id, seq => this.statements.byId.get(seq, id))
    return row === null ? undefined : parseDelivery(row.doc)
  }

  ofTurn(turn: string): Delivery[] {
    const found = this.statements.ofTurn.all(this.seqOf(turn) ?? null).map(row => parseDelivery(row.doc))
    return found.toSorted((a, b) => a.createdAt - b.createdAt)
  }

  add(delivery: Delivery): void {
    const { id, turn, account, route, lane, order, createdAt } = delivery
    const seq = this.seqOf(turn)
    if (seq === undefined) throw new Error(`delivery ${id} belongs to no turn`)
    const leads = this.leads(delivery)
    const fixed = [seq, id, turn ?? null, account, route, lane, order, createdAt]
    const { changes } = this.statements.add.run(...fixed, ...changingOf(delivery), leads)
    if (changes > 0) this.written(delivery, seq)
  }

  /** Replaces a delivery; one that is done or queued again gives its lease back. */
  settle(delivery: Delivery): void {
    const seq = this.seqOf(delivery.turn)
    if (seq === undefined) return
    const leads = this.leads(delivery)
    const isFree = delivery.state === 'sending' ? 0 : 1
    const { changes } = this.statements.settle.run(...changingOf(delivery), leads, isFree, seq, delivery.id)
    if (changes > 0) this.written(delivery, seq)
  }

  private written(delivery: Delivery, seq: number): void {
    this.place(delivery, seq)
    this.log.addDelivery(delivery)
  }

  /** 1 when a delivery is, or will be, the first of its lane. */
  private leads({ id, state, lane, order }: Delivery): 0 | 1 {
    const head = this.lanes.head(lane)
    if (isDone(state)) return 0
    return head === undefined || head.id === id || order < head.position ? 1 : 0
  }

  /** Its own row is written; that of whoever it took the head of the lane from, or left it to, is written here. */
  private place({ id, state, lane, order, route }: Delivery, seq: number): void {
    const before = this.lanes.head(lane)
    if (isDone(state)) this.lanes.leave(lane, id)
    else this.lanes.enter(lane, { id, seq, position: order, isOut: isWayOut(route) })
    const after = this.lanes.head(lane)
    if (before?.id === after?.id) return
    const move = (head: 0 | 1, place: LanePosition | undefined) => {
      if (place !== undefined && place.id !== id) this.statements.moveHead.run(head, place.seq, place.id)
    }
    move(0, before)
    move(1, after)
  }

  behind(account: string, limit: number): Delivery[] {
    return this.statements.behind.all(account, limit).map(row => parseDelivery(row.doc))
  }

  ahead({ id, lane }: Delivery): Delivery | undefined {
    const head = this.lanes.head(lane)
    return head === undefined || head.id === id ? undefined : this.find(head.id)
  }

  /** Held deliveries of an account are queued and due at `at`; how many. */
  unhold(account: string, at: number): number {
    const rows = this.statements.unhold.all(at, at, account)
    for (const { doc } of rows) this.log.addDelivery(parseDelivery(doc))
    return rows.length
  }

  drop(id: string): void {
    const delivery = this.find(id)
    if (delivery !== undefined && !isDone(delivery.state)) this.settle({ ...delivery, state: 'dropped' })
  }

  schedule(id: string, dueAt: number): void {
    const delivery = this.find(id)
    if (delivery?.state === 'queued') this.settle({ ...delivery, dueAt })
  }

  /** Due and not leased, and the head of its lane: nothing of the lane that is not done stands before it. */
  claimable(routes: readonly Route[], now: number, limit: number): Delivery[] {
    const found: Delivery[] = []
    for (const route of routes) {
      for (const { doc } of this.statements.free.all(route, now, now, limit - found.length)) {
        found.push(parseDelivery(doc))
      }
    }
    return found
  }

  lease(id: string, until: number | null): void {
    this.seek(id, seq => this.statements.lease.run(until, seq, id).changes || null)
  }

  renew(ids: readonly string[], until: number): string[] {
    return ids.filter(id => this.seek(id, seq => this.statements.renew.get(until, seq, id)) !== null)
  }

  private seqOf(turn: string | undefined): number | undefined {
    return turn === undefined ? alone : this.statements.seqOf.get(turn)?.seq
  }

  /**
   * What `at` finds in the rows of the turn that a delivery's id begins with, else among those without a turn. Both
   * parts of the id may hold colons of their own, so a turn that has no such delivery is passed over.
   */
  private seek<T>(id: string, at: (seq: number) => T | null): T | null {
    for (let end = id.lastIndexOf(':'); end > 0; end = id.lastIndexOf(':', end - 1)) {
      const seq = this.seqOf(id.slice(0, end))
      const found = seq === undefined ? null : at(seq)
      if (found !== null) return found
    }
    return at(alone)
  }

  nextDueAt(routes: readonly Route[], after: number): number | undefined {
    const times = routes.map(route => this.statements.nextDue.get(route, after)?.at ?? Infinity)
    const earliest = Math.min(...times)
    return earliest === Infinity ? undefined : earliest
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

/** What of a row changes with its delivery, in the order of both statements. */
function changingOf(delivery: Delivery) {
  const { state, dueAt, createdAt, finishedAt } = delivery
  const done = isDone(state)
  const doneAt = done ? (finishedAt ?? createdAt) : null
  return [state, delivery.dead ? 1 : 0, done ? 1 : 0, dueAt, doneAt, JSON.stringify(delivery)] as const
}

/** Rows are written by `add`, `settle` and `unhold` only, so what comes out is what went in. */
function parseDelivery(doc: string): Delivery {
  return JSON.parse(doc) as Delivery
}
