import { Database } from 'bun:sqlite'
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { WecomdError } from '../../errors.ts'
import firstMigration from './migrations/001-first.sql' with { type: 'text' }
import questionInTurn from './migrations/002-question-in-turn.sql' with { type: 'text' }

/** One step of the schema. A step that the previous binary could not live with is not additive. */
export interface Migration {
  readonly sql: string
  readonly isAdditive: boolean
}

export const migrations: readonly Migration[] = [
  { sql: firstMigration, isAdditive: true },
  { sql: questionInTurn, isAdditive: false },
]

/** SQLite's name for a database without a file. */
const inMemory = ':memory:'

/**
 * Opens the database file, which this process then owns alone: a second process gets `store_locked` naming our pid.
 * Every commit is fsynced (WAL, synchronous=FULL).
 */
export function openDatabase(file: string, pid: number, steps: readonly Migration[] = migrations): Database {
  const db = connect(file)
  try {
    db.run('PRAGMA locking_mode = EXCLUSIVE')
    db.run('PRAGMA journal_mode = WAL')
    db.run('PRAGMA synchronous = FULL')
    db.run('PRAGMA secure_delete = ON')
    // Savepoints keep a journal of their own, which is a file in the system's temp folder by default.
    db.run('PRAGMA temp_store = MEMORY')
    db.run('PRAGMA cache_size = -16000')
    db.run('BEGIN EXCLUSIVE; COMMIT')
  } catch (cause) {
    db.close(true)
    throw lockedOrUnusable(file, cause)
  }
  try {
    if (file !== inMemory) writeFileSync(pidFile(file), `${pid}\n`, { mode: 0o600 })
    migrate(db, file, steps)
  } catch (error) {
    db.close(true)
    throw error
  }
  return db
}

function connect(file: string): Database {
  try {
    if (file !== inMemory && !existsSync(file)) createPrivate(file)
    return new Database(file, { create: true, strict: true })
  } catch (cause) {
    throw lockedOrUnusable(file, cause)
  }
}

/** SQLite gives its journals the mode of the database, so that must be right before the first of them is made. */
function createPrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600))
}

function lockedOrUnusable(file: string, cause: unknown): WecomdError {
  const isBusy = cause instanceof Error && 'code' in cause && String(cause.code).startsWith('SQLITE_BUSY')
  if (!isBusy) return new WecomdError('state_folder', `cannot open the database ${file}: ${String(cause)}`, { cause })
  const holder = existsSync(pidFile(file)) ? readFileSync(pidFile(file), 'utf8').trim() : 'unknown'
  return new WecomdError('store_locked', `the database ${file} is in use by another wecomd (pid ${holder})`, {
    hint: 'stop that process first; for several nodes use a postgres:// store',
    cause,
  })
}

function pidFile(file: string): string {
  return `${file}.pid`
}

function migrate(db: Database, file: string, steps: readonly Migration[]): void {
  const version = db.query<{ user_version: number }, []>('PRAGMA user_version').get()?.user_version ?? 0
  if (version > steps.length) return assertReadable(db, file, version, steps.length)
  if (version > 0 && steps.slice(version).some(step => !step.isAdditive)) keepCopy(db, file, version)
  for (const [index, step] of steps.entries()) {
    if (index < version) continue
    db.run('BEGIN IMMEDIATE')
    db.run(step.sql)
    db.run(`PRAGMA user_version = ${index + 1}`)
    db.run('COMMIT')
  }
}

function assertReadable(db: Database, file: string, version: number, ours: number): void {
  const row = db.query<{ value: string }, []>("SELECT value FROM meta WHERE key = 'readable_from'").get()
  if (row !== null && Number(row.value) <= ours) return
  throw new WecomdError('store_schema', `the database ${file} has schema ${version}, this binary knows ${ours}`, {
    hint: 'install the newer wecomd again, or put back the copy that was made before the upgrade',
  })
}

/** So that the previous binary can come back. A copy that was cut off does not pass for one. */
function keepCopy(db: Database, file: string, version: number): void {
  const copy = `${file}.schema-${version}`
  const draft = `${copy}.part`
  rmSync(draft, { force: true })
  createPrivate(draft)
  db.query('VACUUM INTO ?').run(draft)
  renameSync(draft, copy)
}
