import { Database, type Statement } from 'bun:sqlite'
import type { Delivery } from '../../src/domain/delivery.ts'
import type { Job } from '../../src/domain/job.ts'
import { formatLane } from '../../src/domain/routing.ts'
import type { Turn } from '../../src/domain/turn.ts'
import { migrations } from '../../src/store/sqlite/open.ts'

/**
 * A database in memory whose commits can fail, as on a full disk. It survives the simulated process: the next one finds
 * what was committed. The laws read it directly, not through the store.
 */
export class FaultyDatabase extends Database {
  /** Called at each commit. True makes it fail. */
  commitFails: () => boolean = () => false

  constructor() {
    super(':memory:', { strict: true })
    for (const step of migrations) this.run(step.sql)
    const prepare = super.prepare.bind(this)
    // The same statement object, so the type that the caller asked for is still right.
    this.prepare = ((sql: string) =>
      sql === 'COMMIT' ? this.failable(prepare(sql)) : prepare(sql)) as Database['prepare']
  }

  private failable(statement: Statement): Statement {
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
    return this.rowsOf(turnId).filter(row => 'route' in row)
  }

  jobsOf(turnId: string): Job[] {
    return this.rowsOf(turnId).filter(row => 'queue' in row)
  }

  private rowsOf(turnId: string): (Delivery | Job)[] {
    const rows = this.query<{ doc: string }, [string]>('SELECT doc FROM delivery WHERE turn = ?').all(turnId)
    return rows.map(row => JSON.parse(row.doc) as Delivery | Job) // written by the store only
  }

  /** The delivery of an answer to this response_url. */
  deliveryTo(url: string): Delivery | undefined {
    const rows = this.query<{ doc: string }, []>("SELECT doc FROM delivery WHERE route = 'response_url'").all()
    const deliveries = rows.map(row => JSON.parse(row.doc) as Delivery) // written by the store only
    return deliveries.find(({ body }) => body.kind === 'markdown' && body.url === url)
  }

  delivery(id: string): Delivery | undefined {
    const row = this.query<{ doc: string }, [string]>('SELECT doc FROM delivery WHERE id = ?').get(id)
    return row === null ? undefined : (JSON.parse(row.doc) as Delivery) // written by the store only
  }

  /** Deliveries with an attempt in progress, as stored. */
  attemptsInProgress(): Delivery[] {
    const sending = "SELECT doc FROM delivery WHERE state = 'sending'"
    const rows = this.query<{ doc: string }, []>(sending).all()
    const deliveries = rows.map(row => JSON.parse(row.doc) as Delivery) // written by the store only
    return deliveries.filter(({ attempts }) => attempts.length > 0 && attempts.at(-1)?.outcome === undefined)
  }

  /** Unfinished deliveries by the app with a lower order. */
  openBefore(order: number): Delivery[] {
    const open = "SELECT doc FROM delivery WHERE route = 'app' AND done = 0 AND position < ?"
    const rows = this.query<{ doc: string }, [number]>(open).all(order)
    return rows.map(row => JSON.parse(row.doc) as Delivery) // written by the store only
  }

  memo(name: string): string | undefined {
    return this.query<{ text: string }, [string]>('SELECT text FROM memo WHERE name = ?').get(name)?.text
  }

  /** All deliveries by the app. */
  messages(): Delivery[] {
    const rows = this.query<{ doc: string }, []>("SELECT doc FROM delivery WHERE route = 'app'").all()
    return rows.map(row => JSON.parse(row.doc) as Delivery) // written by the store only
  }

  /** Ids of leased turns and deliveries. */
  leased(): string[] {
    const held = `SELECT id FROM delivery WHERE done = 0 AND leased_until IS NOT NULL
      UNION ALL SELECT id FROM turn WHERE task_at IS NOT NULL AND leased_until IS NOT NULL`
    return this.query<{ id: string }, []>(held)
      .all()
      .map(row => row.id)
  }

  /** Whether a delivery, or the task of a turn, is due. */
  isDue(id: string, now: number): boolean {
    const due = `SELECT 1 AS found FROM delivery WHERE id = ?1 AND done = 0 AND due_at <= ?2
      UNION ALL SELECT 1 FROM turn WHERE id = ?1 AND task_at <= ?2`
    return this.query<{ found: number }, [string, number]>(due).get(id, now) !== null
  }

  /** Other turns of the conversation whose task is claimed. */
  askedAtOnce(turnId: string, lane: string): string[] {
    const asked = this.query<{ doc: string }, []>('SELECT doc FROM turn WHERE task_at IS NOT NULL').all()
    return asked
      .map(({ doc }) => JSON.parse(doc) as Turn) // written by the store only
      .filter(({ id, conversation }) => id !== turnId && formatLane(conversation) === lane)
      .filter(({ pending }) => pending?.state === 'claimed')
      .map(({ id }) => id)
  }

  /** Whether a deadline, a task or a delivery is still open. */
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
