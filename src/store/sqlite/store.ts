import type { Database } from 'bun:sqlite'
import type { Change, Store, TurnKey } from '../../domain/ports.ts'
import type { Turn } from '../../domain/turn.ts'
import { CommitLog } from './commit-log.ts'
import { DeliveryTable } from './deliveries.ts'
import { Engine } from './engine.ts'
import { createKeyValue, createTokens } from './facts.ts'
import { openDatabase } from './open.ts'
import { createOutbox } from './outbox.ts'
import { SentTable } from './sent.ts'
import { Sweeper } from './sweep.ts'
import { TurnList } from './turn-list.ts'
import { TurnTable, writeChange } from './turns.ts'

export interface StoreOptions {
  readonly pid: number
  /** When time alone will change a turn next. Stored as the turn's `due_at`. */
  readonly dueAtOf: (turn: Turn) => number | undefined
}

export interface SqliteOptions extends StoreOptions {
  /** A path, or `:memory:`. */
  readonly file: string
}

/** Opens the SQLite store: one process, one file. Throws what `openDatabase` throws. */
export function openSqliteStore(options: SqliteOptions): Store {
  return createSqliteStore(openDatabase(options.file, options.pid), options)
}

/**
 * Creates the store on an open, migrated database. Releases all leases: only one process can have the file open, so
 * their holders are dead.
 */
export function createSqliteStore(db: Database, options: StoreOptions): Store {
  const engine = new Engine(db)
  engine.db.run('UPDATE delivery SET leased_until = NULL WHERE done = 0 AND leased_until IS NOT NULL')
  engine.db.run('UPDATE turn SET leased_until = NULL WHERE task_at IS NOT NULL AND leased_until IS NOT NULL')
  const log = new CommitLog(engine)
  const turns = new TurnTable(engine, log)
  const deliveries = new DeliveryTable(engine, log)
  const list = new TurnList(engine)
  const sweeper = new Sweeper(engine, turns, deliveries)
  const write = (change: Change, read?: Turn) => writeChange(change, turns, deliveries, options.dueAtOf, read)
  const see = engine.prepare<never>('INSERT OR IGNORE INTO inbox (account, msgid, at) VALUES (?, ?, ?)')
  const probe = engine.prepare<never>("INSERT OR REPLACE INTO meta VALUES ('probe', ?)")

  return {
    onCommit: listener => log.onCommit(listener),
    open: (key, open) => engine.run(() => openOnce(turns, key, () => write(open(turns.standing(key))))),
    find: id => engine.run(() => turns.find(id)),
    findByStream: streamId => engine.run(() => turns.findByStream(streamId)),
    update: (id, step) => engine.run(() => updateTurn(turns, id, step, write)),
    recentTurns: sessionKey => engine.run(() => turns.recentOf(sessionKey)),
    activeSessions: since => engine.run(() => turns.sessions.activeSince(since)),
    listTurns: (filter, cursor) =>
      engine.run(() => list.page(filter, cursor === undefined ? undefined : Number(cursor))),
    newestTurnIds: () => engine.run(() => list.newestIds()),
    idsFrom: prefix => engine.run(() => list.idsFrom(prefix)),
    failedSince: (since, limit) => engine.run(() => list.failedSince(since, limit)),
    due: (now, limit) => engine.run(() => turns.due(now, limit)),
    nextDueAt: () => engine.run(() => turns.nextDueAt()),
    counts: () => engine.run(() => turns.counts()),
    see: (account, msgid, at, add = []) =>
      engine.run(() => {
        const isNew = see.run(account, msgid, at).changes > 0
        if (isNew && add.length > 0) write({ save: [], add })
        return isNew
      }),
    outbox: createOutbox(engine, { turns, deliveries, sent: new SentTable(engine) }, write),
    tokens: createTokens(engine),
    keyValue: createKeyValue(engine),
    sweep: limits => engine.run(() => sweeper.sweep(limits)),
    probe: async () => void (await engine.run(() => probe.run(String(options.pid)))),
    close: async () => engine.close(),
  }
}

type Write = (change: Change, read?: Turn) => readonly Turn[]

function openOnce(turns: TurnTable, key: TurnKey, write: () => readonly Turn[]): { turn: Turn; seen: boolean } {
  const known = turns.find(key.id)
  if (known !== undefined) return { turn: known, seen: true }
  const turn = write().find(saved => saved.id === key.id)
  if (turn === undefined) throw new Error(`opening turn ${key.id} did not save it`)
  return { turn, seen: false }
}

function updateTurn(
  turns: TurnTable,
  id: string,
  step: (turn: Turn) => Change | undefined,
  write: Write,
): Turn | undefined {
  const turn = turns.find(id)
  const change = turn && step(turn)
  return (change && write(change, turn).find(saved => saved.id === id)) ?? turn
}
