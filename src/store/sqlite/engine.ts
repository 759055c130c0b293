import { Database, type SQLQueryBindings, type Statement as SqliteStatement } from 'bun:sqlite'
import { messageOf, WecomdError } from '../../errors.ts'

/** A prepared statement with its row type; compiled once per connection. */
export type Statement<Row> = SqliteStatement<Row, SQLQueryBindings[]>

interface Operation {
  readonly work: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Who remembers something of the file in memory, and must take it back when the file does. */
export interface Watcher {
  /** From here on changes may be undone together. */
  mark(): void
  /** Everything since the last mark did not happen. */
  undo(): void
  /** What is remembered may be wrong. */
  forget(): void
  /** Everything since the last `committed` is on disk; called before the waiters are. */
  committed?(): void
}

/**
 * One SQLite connection with natural group commit: everything that arrives in one turn of the event loop is one
 * transaction with one fsync, flushed in setImmediate and never by a timer. An operation that throws is alone undone, a
 * failed commit rejects every waiter. Operations may run twice before they are committed, so they must be repeatable.
 */
export class Engine {
  readonly db: Database
  private readonly watchers: Watcher[] = []
  private waiting: Operation[] = []
  private flushing: ReturnType<typeof setImmediate> | undefined
  private isClosed = false
  private readonly begin
  private readonly commit
  private readonly savepoint
  private readonly release
  private readonly rollbackTo

  constructor(db: Database) {
    this.db = db
    this.begin = this.prepare<never>('BEGIN IMMEDIATE')
    this.commit = this.prepare<never>('COMMIT')
    this.savepoint = this.prepare<never>('SAVEPOINT operation')
    this.release = this.prepare<never>('RELEASE operation')
    this.rollbackTo = this.prepare<never>('ROLLBACK TO operation')
  }

  watch(watcher: Watcher): void {
    this.watchers.push(watcher)
  }

  /** To be called once per statement, not once per use. */
  prepare<Row>(sql: string): Statement<Row> {
    return this.db.prepare<Row, SQLQueryBindings[]>(sql)
  }

  /** Runs `work` inside the next batch; resolves with its result once the batch is on disk. */
  run<T>(work: () => T): Promise<T> {
    if (this.isClosed) return Promise.reject(storeFailed('the store is closed'))
    return new Promise<T>((resolve, reject) => {
      // `resolve` only ever gets what this `work` returned, so the widening to unknown is undone here.
      this.waiting.push({ work, resolve: value => resolve(value as T), reject })
      this.flushing ??= setImmediate(() => this.flush())
    })
  }

  /** Flushes what waits, then lets go of the file and its lock. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    if (this.flushing !== undefined) clearImmediate(this.flushing)
    this.flush()
    // `true`: otherwise the lock stays until every statement is collected.
    this.db.close(true)
  }

  private tell(what: keyof Watcher): void {
    for (const watcher of this.watchers) watcher[what]?.()
  }

  private flush(): void {
    this.flushing = undefined
    const batch = this.waiting
    if (batch.length === 0) return
    this.waiting = []
    const results = this.commitTogether(batch) ?? this.commitOneByOne(batch)
    for (const settle of results) settle()
  }

  /** The whole batch without savepoints, which cost more than all else; undefined when anything throws. */
  private commitTogether(batch: readonly Operation[]): readonly (() => void)[] | undefined {
    try {
      this.begin.run()
      this.tell('mark')
      const values = batch.map(operation => operation.work())
      this.commit.run()
      this.tell('committed')
      return batch.map((operation, index) => () => operation.resolve(values[index]))
    } catch {
      // Whatever it was, it happens again below, to its own operation alone.
      if (this.db.inTransaction) this.db.run('ROLLBACK')
      this.tell('undo')
      return undefined
    }
  }

  private commitOneByOne(batch: readonly Operation[]): readonly (() => void)[] {
    try {
      this.begin.run()
      const results = batch.map(operation => this.attempt(operation))
      this.commit.run()
      this.tell('committed')
      return results
    } catch (cause) {
      if (this.db.inTransaction) this.db.run('ROLLBACK')
      this.tell('forget')
      return batch.map(operation => () => operation.reject(storeFailed(cause)))
    }
  }

  /** Runs one operation in a savepoint; what it returns tells the waiter how it went, to be called after the commit. */
  private attempt(operation: Operation): () => void {
    this.savepoint.run()
    this.tell('mark')
    try {
      const value = operation.work()
      this.release.run()
      return () => operation.resolve(value)
    } catch (error) {
      this.rollbackTo.run()
      this.release.run()
      this.tell('undo')
      return () => operation.reject(error instanceof WecomdError ? error : storeFailed(error))
    }
  }
}

function storeFailed(cause: unknown): WecomdError {
  return new WecomdError('store_failed', `the database could not be written: ${messageOf(cause)}`, {
    hint: 'look at free disk space and at the permissions of the state folder',
    cause,
  })
}
