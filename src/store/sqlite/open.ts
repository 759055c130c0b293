import { Database } from 'bun:sqlite'
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { WecomdError } from '../../errors.ts'
import firstMigration from './migrations/001-first.sql' with { type: 'text' }
import laneHeads from './migrations/003-lane-heads.sql' with { type: 'text' }
import questionInTurn from './migrations/002-question-in-turn.sql' with { type: 'text' }

/** One step of the schema. `isAdditive`: the previous binary can still work with the file afterwards. */
export interface Migration {
  readonly sql: string
  readonly isAdditive: boolean
}

export const migrations: readonly Migration[] = [
  { sql: firstMigration, isAdditive: true },
  { sql: questionInTurn, isAdditive: false },
  { sql: laneHeads, isAdditive: true },
]

/** SQLite's name for a database in memory. */
const memoryFile = ':memory:'

/**
 * Opens the database file for this process alone, and migrates it to the current schema. Every commit is an fsync (WAL,
 * synchronous=FULL). Before a migration that is not additive the file is copied to `<file>.schema-<version>`.
 *
 * Throws `store_locked` with the pid of the other process if the file is in use, `store_schema` if a newer wecomd wrote
 * it, and `state_folder` if it can't be opened.
 */
export function openDatabase(file: string, pid: number, steps: readonly Migration[] = migrations): Database {
  const db = connect(file)
  try {
    db.run('PRAGMA locking_mode = EXCLUSIVE')
    db.run('PRAGMA journal_mode = WAL')
    db.run('PRAGMA synchronous = FULL')
    db.run('PRAGMA secure_delete = ON')
    // Savepoints have a journal of their own. By default it is a file in the system's temp folder, with message text in
    // it.
    db.run('PRAGMA temp_store = MEMORY')
    db.run('PRAGMA cache_size = -16000')
    db.run('BEGIN EXCLUSIVE; COMMIT')
  } catch (cause) {
    db.close(true)
    throw openFailure(file, cause)
  }
  try {
    if (file !== memoryFile) writeFileSync(pidFile(file), `${pid}\n`, { mode: 0o600 })
    migrate(db, file, steps)
  } catch (error) {
    db.close(true)
    throw error
  }
  return db
}

function connect(file: string): Database {
  try {
    if (file !== memoryFile && !existsSync(file)) createPrivate(file)
    return new Database(file, { create: true, strict: true })
  } catch (cause) {
    throw openFailure(file, cause)
  }
}

/** Creates the file with mode 0600 before SQLite does: its journals inherit the mode of the database. */
function createPrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600))
}

function openFailure(file: string, cause: unknown): WecomdError {
  const isBusy = cause instanceof Error && 'code' in cause && String(cause.code).startsWith('SQLITE_BUSY')
  if (!isBusy) return new WecomdError('state_folder', `cannot open the database ${file}: ${String(cause)}`, { cause })
  const holder = existsSync(pidFile(file)) ? readFileSync(pidFile(file), 'utf8').trim() : 'unknown'
  return new WecomdError('store_locked', `the database ${file} is in use by another wecomd (pid ${holder})`, {
    hint: 'stop that process first, or use another stateDir',
    cause,
  })
}

function pidFile(file: string): string {
  return `${file}.pid`
}

function migrate(db: Database, file: string, steps: readonly Migration[]): void {
  const version = db.query<{ user_version: number }, []>('PRAGMA user_version').get()?.user_version ?? 0
  if (version > steps.length) return assertReadable(db, file, version, steps.length)
  if (version > 0 && steps.slice(version).some(step => !step.isAdditive)) backUp(db, file, version)
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
  throw new WecomdError(
    'store_schema',
    `the database ${file} has schema ${version}, this binary supports up to ${ours}`,
    {
      hint: 'install the newer wecomd again, or restore the copy that was made before the upgrade',
    },
  )
}

/**
 * Keeps a copy for the previous binary. It gets its name only when it is complete, so a crash leaves no partial copy.
 */
function backUp(db: Database, file: string, version: number): void {
  const copy = `${file}.schema-${version}`
  const draft = `${copy}.part`
  rmSync(draft, { force: true })
  createPrivate(draft)
  db.query('VACUUM INTO ?').run(draft)
  renameSync(draft, copy)
}
