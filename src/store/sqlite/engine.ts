/**
 * Group commit for SQLite: many callers, one transaction, one fsync.
 *
 * WeCom gets its 200 only after a commit, and a commit is an fsync (WAL, synchronous=FULL). An fsync per callback would
 * limit the callbacks per second. So everything that is requested in one turn of the event loop becomes one
 * transaction, which is flushed in setImmediate. There is no timer: a lone callback doesn't wait for others, and under
 * load the requests that arrive while the disk is busy form the next batch (docs/adr/0002-group-commit-in-sqlite.md).
 *
 * Sharing a transaction must not mean sharing a failure:
 *
 * - One operation throws (a lost version race, a bug). The others must not notice. A savepoint around each operation
 *   would do that, but it costs more than the statements in it. So a batch first runs without savepoints. If anything
 *   throws, it is rolled back and runs again with a savepoint per operation, and only the one that throws again is
 *   rejected.
 * - The commit fails (disk full, I/O error). Nothing of the batch is on disk, so every caller is rejected.
 *
 * This has consequences for the code around it:
 *
 * - Operations must be repeatable. The first run may be rolled back, so an operation must change nothing but the file
 *   and memory that a `Watcher` takes back.
 * - No promise resolves before the commit. Results of a batch are kept until `commit` has returned.
 * - Whoever keeps facts of the file in memory must follow its rollbacks. `Watcher` reports them: `mark`, then either
 *   the next `mark` or `undo`, finally `committed`. After a failed commit several marks are lost together, so
 *   `invalidate` says to read everything again.
 * - `committed` watchers run before the callers resume, so that `Store.onCommit` listeners see a commit first.
 *
 * SQLite runs on the main thread. An operation is synchronous, and nothing can come between its reads and its writes.
 */
import { Database, type SQLQueryBindings, type Statement as SqliteStatement } from 'bun:sqlite'
import { messageOf, WecomdError } from '../../errors.ts'

/** A prepared statement and the type of its rows. Compiled once per connection. */
export type Statement<Row> = SqliteStatement<Row, SQLQueryBindings[]>

interface Operation {
  readonly work: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Keeps facts of the file in memory, and follows its rollbacks. */
export interface Watcher {
  /** A unit of changes begins: the next `undo` takes back everything from here on. */
  mark(): void
  /** Everything since the last `mark` was rolled back. */
  undo(): void
  /** Changes of several marks were rolled back: drop everything and read it from the file again. */
  invalidate(): void
  /** Everything since the last `committed` is on disk. Called before the promises of the operations resolve. */
  committed?(): void
}

/**
 * One SQLite connection with group commit. An operation that throws is rolled back alone. A failed commit rejects every
 * operation of its batch. Operations may run twice, so they must be repeatable.
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

  /** Watchers are called in the order in which they were added. */
  watch(watcher: Watcher): void {
    this.watchers.push(watcher)
  }

  /** Compiles a statement. Call it once per statement, not once per use. */
  prepare<Row>(sql: string): Statement<Row> {
    return this.db.prepare<Row, SQLQueryBindings[]>(sql)
  }

  /**
   * Runs `work` in the next batch. Resolves with its result once the batch is on disk. Rejects with what `work` throws,
   * or with `store_failed` if that isn't a WecomdError, if the commit fails, or if the store is closed.
   */
  run<T>(work: () => T): Promise<T> {
    if (this.isClosed) return Promise.reject(storeFailed('the store is closed'))
    return new Promise<T>((resolve, reject) => {
      // `resolve` only gets what this `work` returned, so the cast from unknown is safe.
      this.waiting.push({ work, resolve: value => resolve(value as T), reject })
      this.flushing ??= setImmediate(() => this.flush())
    })
  }

  /** Commits the waiting operations, then closes the file and releases its lock. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    if (this.flushing !== undefined) clearImmediate(this.flushing)
    this.flush()
    // `true`: otherwise the lock stays until every statement is garbage-collected.
    this.db.close(true)
  }

  private notify(event: keyof Watcher): void {
    for (const watcher of this.watchers) watcher[event]?.()
  }

  private flush(): void {
    this.flushing = undefined
    const batch = this.waiting
    if (batch.length === 0) return
    this.waiting = []
    const results = this.commitTogether(batch) ?? this.commitOneByOne(batch)
    for (const settle of results) settle()
  }

  /** Commits the batch without savepoints. Undefined if anything throws: then nothing of it has happened. */
  private commitTogether(batch: readonly Operation[]): readonly (() => void)[] | undefined {
    try {
      this.begin.run()
      this.notify('mark')
      const values = batch.map(operation => operation.work())
      this.commit.run()
      this.notify('committed')
      return batch.map((operation, index) => () => operation.resolve(values[index]))
    } catch {
      // The error is not lost: it is thrown again when the operations run one by one.
      if (this.db.inTransaction) this.db.run('ROLLBACK')
      this.notify('undo')
      return undefined
    }
  }

  /** Commits the batch with a savepoint per operation, so that one that throws is rolled back alone. */
  private commitOneByOne(batch: readonly Operation[]): readonly (() => void)[] {
    try {
      this.begin.run()
      const results = batch.map(operation => this.runInSavepoint(operation))
      this.commit.run()
      this.notify('committed')
      return results
    } catch (cause) {
      if (this.db.inTransaction) this.db.run('ROLLBACK')
      this.notify('invalidate')
      return batch.map(operation => () => operation.reject(storeFailed(cause)))
    }
  }

  /** Runs one operation in a savepoint. Returns how to settle its promise, to be called after the commit. */
  private runInSavepoint(operation: Operation): () => void {
    this.savepoint.run()
    this.notify('mark')
    try {
      const value = operation.work()
      this.release.run()
      return () => operation.resolve(value)
    } catch (error) {
      this.rollbackTo.run()
      this.release.run()
      this.notify('undo')
      return () => operation.reject(error instanceof WecomdError ? error : storeFailed(error))
    }
  }
}

function storeFailed(cause: unknown): WecomdError {
  return new WecomdError('store_failed', `the database could not be written: ${messageOf(cause)}`, {
    hint: 'check the free disk space and the permissions of the state folder',
    cause,
  })
}
