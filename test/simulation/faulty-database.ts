import { Database, type Statement } from 'bun:sqlite'
import type { Delivery } from '../../src/domain/delivery.ts'
import { formatLane } from '../../src/domain/routing.ts'
import type { Turn } from '../../src/domain/turn.ts'
import { migrations } from '../../src/store/sqlite/open.ts'

/**
 * A database in memory whose commits can be made to fail, as on a full disk, and which the laws read past the store. It
 * outlives the process: whoever opens a store on it next finds what was committed.
 */
export class FaultyDatabase extends Database {
  /** Asked at each commit. */
  commitFails: () => boolean = () => false

  constructor() {
    super(':memory:', { strict: true })
    for (const step of migrations) this.run(step.sql)
    const prepare = super.prepare.bind(this)
    // The same statement as before, so its type is still the one that the caller asked for.
    this.prepare = ((sql: string) =>
      sql === 'COMMIT' ? this.fragile(prepare(sql)) : prepare(sql)) as Database['prepare']
  }

  private fragile(statement: Statement): Statement {
    const commit = statement.run.bind(statement)
    statement.run = (...bindings) => {
      if (this.commitFails()) throw new Error('disk I/O error')
      return commit(...bindings)
    }
    return statement
  }

  turn(id: string): Turn | undefined {
    const row = this.query<{ doc: string }, [string]>('SELECT doc FROM turn WHERE id = ?').get(id)
    return row === null ? undefined : (JSON.parse(row.doc) as Turn) // written by the store only
  }

  deliveriesOf(turnId: string): Delivery[] {
    const rows = this.query<{ doc: string }, [string]>('SELECT doc FROM delivery WHERE turn = ?').all(turnId)
    return rows.map(row => JSON.parse(row.doc) as Delivery) // written by the store only
  }

  /** The delivery that carries something to `url`. */
  deliveryTo(url: string): Delivery | undefined {
    const rows = this.query<{ doc: string }, []>("SELECT doc FROM delivery WHERE route = 'response_url'").all()
    const deliveries = rows.map(row => JSON.parse(row.doc) as Delivery) // written by the store only
    return deliveries.find(({ body }) => body.kind === 'markdown' && body.url === url)
  }

  delivery(id: string): Delivery | undefined {
    const row = this.query<{ doc: string }, [string]>('SELECT doc FROM delivery WHERE id = ?').get(id)
    return row === null ? undefined : (JSON.parse(row.doc) as Delivery) // written by the store only
  }

  /** Deliveries to WeCom of which a request is under way, as the file has it. */
  begun(): Delivery[] {
    const sending = "SELECT doc FROM delivery WHERE state = 'sending'"
    const rows = this.query<{ doc: string }, []>(sending).all()
    const deliveries = rows.map(row => JSON.parse(row.doc) as Delivery) // written by the store only
    return deliveries.filter(({ attempts }) => attempts.length > 0 && attempts.at(-1)?.outcome === undefined)
  }

  /** Deliveries by the app that were stored before this one and are not done. */
  openBefore(order: number): Delivery[] {
    const open = "SELECT doc FROM delivery WHERE route = 'app' AND done = 0 AND position < ?"
    const rows = this.query<{ doc: string }, [number]>(open).all(order)
    return rows.map(row => JSON.parse(row.doc) as Delivery) // written by the store only
  }

  memo(name: string): string | undefined {
    return this.query<{ text: string }, [string]>('SELECT text FROM memo WHERE name = ?').get(name)?.text
  }

  /** All that was to go out by the app. */
  messages(): Delivery[] {
    const rows = this.query<{ doc: string }, []>("SELECT doc FROM delivery WHERE route = 'app'").all()
    return rows.map(row => JSON.parse(row.doc) as Delivery) // written by the store only
  }

  /** Ids of turns and deliveries that a process holds. */
  leased(): string[] {
    const held = `SELECT id FROM delivery WHERE done = 0 AND leased_until IS NOT NULL
      UNION ALL SELECT id FROM turn WHERE task_at IS NOT NULL AND leased_until IS NOT NULL`
    return this.query<{ id: string }, []>(held)
      .all()
      .map(row => row.id)
  }

  /** Whether a delivery, or the task of a turn, waits to be claimed. */
  isDue(id: string, now: number): boolean {
    const due = `SELECT 1 AS found FROM delivery WHERE id = ?1 AND done = 0 AND due_at <= ?2
      UNION ALL SELECT 1 FROM turn WHERE id = ?1 AND task_at <= ?2`
    return this.query<{ found: number }, [string, number]>(due).get(id, now) !== null
  }

  /** Other questions of the same conversation that are with the agent. */
  askedBeside(turnId: string, lane: string): string[] {
    const asked = this.query<{ doc: string }, []>('SELECT doc FROM turn WHERE task_at IS NOT NULL').all()
    return asked
      .map(({ doc }) => JSON.parse(doc) as Turn) // written by the store only
      .filter(({ id, conversation }) => id !== turnId && formatLane(conversation) === lane)
      .filter(({ pending }) => pending?.state === 'claimed')
      .map(({ id }) => id)
  }

  /** True while the clock or a delivery may still change something. */
  hasWork(): boolean {
    const work =
      'SELECT (SELECT count(*) FROM delivery WHERE done = 0) + (SELECT count(*) FROM turn WHERE due_at IS NOT NULL OR task_at IS NOT NULL) AS n'
    return (this.query<{ n: number }, []>(work).get()?.n ?? 0) > 0
  }

  allTurns(): Turn[] {
    const rows = this.query<{ doc: string }, []>('SELECT doc FROM turn ORDER BY seq').all()
    return rows.map(row => JSON.parse(row.doc) as Turn) // written by the store only
  }
}
