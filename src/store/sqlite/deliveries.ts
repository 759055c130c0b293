import { type Delivery, type DeliveryState, isDone, type Route } from '../../domain/delivery.ts'
import type { Engine } from './engine.ts'
import { Lanes } from './lanes.ts'

type Doc = { doc: string }

/** The outbox table. Its methods run inside an operation of the engine and are not durable by themselves. */
export class DeliveryTable {
  readonly lanes: Lanes
  private readonly statements

  constructor(engine: Engine) {
    this.lanes = new Lanes(engine)
    this.statements = {
      seqOf: engine.prepare<{ seq: number }>('SELECT seq FROM turn WHERE id = ?'),
      byId: engine.prepare<Doc>('SELECT doc FROM delivery WHERE turn_seq = ? AND id = ?'),
      ofTurn: engine.prepare<Doc>('SELECT doc FROM delivery WHERE turn_seq = ?'),
      add: engine.prepare<never>(
        'INSERT OR IGNORE INTO delivery (turn_seq, id, turn, route, state, dead, done, lane, position, due_at, created_at, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ),
      settle: engine.prepare<never>(
        'UPDATE delivery SET state = ?, dead = ?, done = ?, due_at = ?, leased_until = CASE WHEN ? THEN NULL ELSE leased_until END, doc = ? WHERE turn_seq = ? AND id = ?',
      ),
      free: engine.prepare<Doc & { id: string; lane: string }>(
        `SELECT id, lane, doc FROM delivery WHERE done = 0 AND route = ? AND due_at <= ? AND coalesce(leased_until, 0) <= ?
         ORDER BY due_at`,
      ),
      lease: engine.prepare<never>('UPDATE delivery SET leased_until = ? WHERE turn_seq = ? AND id = ?'),
      renew: engine.prepare<{ id: string }>(
        'UPDATE delivery SET leased_until = ? WHERE turn_seq = ? AND id = ? AND done = 0 AND leased_until IS NOT NULL RETURNING id',
      ),
      nextDue: engine.prepare<{ at: number | null }>(
        'SELECT min(due_at) AS at FROM delivery WHERE done = 0 AND route = ? AND due_at > ?',
      ),
      states: engine.prepare<{ state: DeliveryState; n: number }>(
        "SELECT state, count(*) AS n FROM delivery WHERE done = 0 AND route <> 'gateway' GROUP BY state",
      ),
      dead: engine.prepare<{ n: number }>('SELECT count(*) AS n FROM delivery WHERE dead = 1'),
      oldest: engine.prepare<{ at: number | null }>(
        "SELECT min(created_at) AS at FROM delivery WHERE done = 0 AND route <> 'gateway'",
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
    const { id, turn, route, state, lane, order, dueAt, createdAt } = delivery
    const flags = [delivery.dead ? 1 : 0, isDone(state) ? 1 : 0]
    const seq = this.seqOf(turn)
    if (seq === undefined) throw new Error(`delivery ${id} belongs to no turn`)
    this.lanes.know()
    const { changes } = this.statements.add.run(
      seq,
      id,
      turn,
      route,
      state,
      ...flags,
      lane,
      order,
      dueAt,
      createdAt,
      JSON.stringify(delivery),
    )
    if (changes > 0 && !isDone(state)) this.lanes.enter(lane, { id, seq, position: order })
  }

  /** Replaces a delivery; one that is done or queued again gives its lease back. */
  settle(delivery: Delivery): void {
    const { id, turn, state, dueAt, lane, order } = delivery
    const seq = this.seqOf(turn)
    if (seq === undefined) return
    this.lanes.know()
    const isFree = state === 'sending' ? 0 : 1
    const flags = [delivery.dead ? 1 : 0, isDone(state) ? 1 : 0]
    const { changes } = this.statements.settle.run(state, ...flags, dueAt, isFree, JSON.stringify(delivery), seq, id)
    if (isDone(state)) this.lanes.leave(lane, id)
    else if (changes > 0) this.lanes.enter(lane, { id, seq, position: order })
  }

  drop(id: string): void {
    const delivery = this.find(id)
    if (delivery !== undefined && !isDone(delivery.state)) this.settle({ ...delivery, state: 'dropped' })
  }

  /** Due and not leased, and the head of its lane: nothing of the lane that is not done stands before it. */
  claimable(routes: readonly Route[], now: number, limit: number): Delivery[] {
    const found: Delivery[] = []
    for (const route of routes) {
      for (const { id, lane, doc } of this.statements.free.iterate(route, now, now)) {
        if (found.length === limit) return found
        if (this.lanes.isHead(lane, id)) found.push(parseDelivery(doc))
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

  private seqOf(turn: string): number | undefined {
    return this.statements.seqOf.get(turn)?.seq
  }

  /**
   * What `at` finds in the rows of the turn that a delivery's id begins with. Both parts of the id may hold colons of
   * their own, so a turn that has no such delivery is passed over.
   */
  private seek<T>(id: string, at: (seq: number) => T | null): T | null {
    for (let end = id.lastIndexOf(':'); end > 0; end = id.lastIndexOf(':', end - 1)) {
      const seq = this.seqOf(id.slice(0, end))
      const found = seq === undefined ? null : at(seq)
      if (found !== null) return found
    }
    return null
  }

  nextDueAt(routes: readonly Route[], after: number): number | undefined {
    const times = routes.map(route => this.statements.nextDue.get(route, after)?.at ?? Infinity)
    const earliest = Math.min(...times)
    return earliest === Infinity ? undefined : earliest
  }

  summary(): { states: Record<DeliveryState, number>; dead: number; oldestAt?: number } {
    const states = { queued: 0, sending: 0, held: 0, delivered: 0, partial: 0, refused: 0, unknown: 0, dropped: 0 }
    for (const row of this.statements.states.all()) states[row.state] = row.n
    const oldestAt = this.statements.oldest.get()?.at
    return { states, dead: this.statements.dead.get()?.n ?? 0, ...(typeof oldestAt === 'number' && { oldestAt }) }
  }
}

/** Rows are written by `add` and `settle` only, so what comes out is what went in. */
function parseDelivery(doc: string): Delivery {
  return JSON.parse(doc) as Delivery
}
