import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommitLog } from '../../src/store/sqlite/commit-log.ts'
import { DeliveryTable } from '../../src/store/sqlite/deliveries.ts'
import { Engine } from '../../src/store/sqlite/engine.ts'
import { type Migration, migrations, openDatabase } from '../../src/store/sqlite/open.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { TurnTable, writeChange } from '../../src/store/sqlite/turns.ts'
import { nextDeadline } from '../../src/core/streaming/deadlines.ts'
import { day, openAs, replyOf, shownAt, t0, turnOf } from './given.ts'

async function inFolder(work: (folder: string, file: string) => Promise<void> | void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-store-'))
  try {
    await work(folder, join(folder, 'wecomd.db'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function openStore(file: string) {
  return openSqliteStore({ file, pid: process.pid, dueAtOf: nextDeadline })
}

function failureOf(work: () => unknown): unknown {
  try {
    work()
    return 'no failure'
  } catch (error) {
    return error
  }
}

function modesOf(folder: string): Record<string, string> {
  const modeOf = (name: string) => (statSync(join(folder, name)).mode & 0o777).toString(8)
  return Object.fromEntries(readdirSync(folder).map(name => [name, modeOf(name)]))
}

test('store: the files of a database are readable by the owner only', async () => {
  await inFolder(async (folder, file) => {
    const store = openStore(file)
    await openAs(store, turnOf('m1'))
    expect(modesOf(folder)).toEqual({ 'wecomd.db': '600', 'wecomd.db-wal': '600', 'wecomd.db.pid': '600' })
    await store.close()
  })
})

test('store: :memory: opens a database without files', async () => {
  const store = openStore(':memory:')
  await openAs(store, turnOf('m1'))
  expect((await store.counts()).open).toBe(1)
  await store.close()
  expect(readdirSync('.').filter(name => name.startsWith(':memory:'))).toEqual([])
})

test('store: an unusable database path is reported as such', async () => {
  await inFolder((folder, file) => {
    const missing = join(folder, 'missing', 'wecomd.db')
    expect(failureOf(() => openStore(missing))).toMatchObject({ code: 'state_folder' })
    expect(failureOf(() => openStore(folder))).toMatchObject({ code: 'state_folder' })
    writeFileSync(file, 'this is a letter, not a database '.repeat(100))
    expect(failureOf(() => openStore(file))).toMatchObject({ code: 'state_folder' })
    expect(readFileSync(file, 'utf8')).toStartWith('this is a letter')
  })
})

test('store: commits are fsynced, deletes overwritten, no temp files used', async () => {
  await inFolder((_, file) => {
    const db = openDatabase(file, process.pid)
    const read = (pragma: string) =>
      Object.values(db.query<Record<string, unknown>, []>(`PRAGMA ${pragma}`).get() ?? {})
    expect(read('journal_mode')).toEqual(['wal'])
    expect(read('synchronous')).toEqual([2])
    expect(read('secure_delete')).toEqual([1])
    expect(read('locking_mode')).toEqual(['exclusive'])
    expect(read('temp_store')).toEqual([2])
    db.close()
  })
})

/** The names of the files that contain `text`. */
function filesWith(folder: string, text: string): readonly string[] {
  return readdirSync(folder).filter(name => readFileSync(join(folder, name)).includes(text))
}

test('store: erased contents are nowhere in the file', async () => {
  await inFolder(async (folder, file) => {
    const secrets = ['a-short-secret', 'a-long-secret'.repeat(4_000), 'a-removed-secret']
    const receivedAt = t0 - 8 * day
    const contentOf = (secret: string) => ({
      ...shownAt(receivedAt),
      receivedAt,
      text: secret,
      answer: secret,
      closedWith: secret,
    })
    let store = openStore(file)
    for (const [n, secret] of secrets.entries()) {
      const endedAt = n === 2 ? t0 - 31 * day : receivedAt
      const turn = turnOf(`m${n}`, { ...contentOf(secret), endedAt, receivedAt: endedAt })
      const body = { kind: 'markdown', url: 'https://example.com', content: secret } as const
      await openAs(store, turn, [replyOf(turn, { body, state: 'delivered' })])
      await openAs(store, turnOf(`kept${n}`, { text: 'kept' }))
    }
    await store.close()
    for (const secret of ['a-short-secret', 'a-long-secret', 'a-removed-secret']) {
      expect(filesWith(folder, secret)).toEqual(['wecomd.db'])
    }
    store = openStore(file)
    expect(await store.sweep({ now: t0, contentBefore: t0 - 7 * day, rowBefore: t0 - 30 * day })).toEqual({
      erased: 3,
      removed: 1,
    })
    await store.close()
    expect(
      ['a-short-secret', 'a-long-secret', 'a-removed-secret'].flatMap(secret => filesWith(folder, secret)),
    ).toEqual([])
    expect(filesWith(folder, '"kept"')).toEqual(['wecomd.db'])
  })
})

function versionOf(file: string, steps: readonly Migration[]): number | undefined {
  const db = openDatabase(file, process.pid, steps)
  const row = db.query<{ user_version: number }, []>('PRAGMA user_version').get()
  db.close()
  return row?.user_version
}

const addition: Migration = { sql: 'CREATE TABLE extra (id TEXT PRIMARY KEY)', isAdditive: true }
const upheaval: Migration = {
  sql: "DROP TABLE inbox; UPDATE meta SET value = '2' WHERE key = 'readable_from'",
  isAdditive: false,
}

test('store: a newer schema that is readable is used unchanged', async () => {
  await inFolder(async (folder, file) => {
    expect(versionOf(file, [...migrations, addition])).toBe(migrations.length + 1)
    const store = openStore(file)
    await openAs(store, turnOf('m1'))
    await store.close()
    expect(versionOf(file, migrations)).toBe(migrations.length + 1)
    expect(readdirSync(folder).filter(name => name.includes('.schema-'))).toEqual([])
  })
})

test('store: a newer, unreadable schema is refused; the copy opens', async () => {
  await inFolder(async (folder, file) => {
    const before = openStore(file)
    await openAs(before, turnOf('m1'))
    await before.close()
    const newer = [...migrations, { ...upheaval, sql: upheaval.sql.replace('2', String(migrations.length + 1)) }]
    expect(versionOf(file, newer)).toBe(migrations.length + 1)
    expect(failureOf(() => openStore(file))).toMatchObject({ code: 'store_schema' })
    expect(failureOf(() => openStore(file))).toMatchObject({ code: 'store_schema' })

    const copy = `${file}.schema-${migrations.length}`
    expect(modesOf(folder)[`wecomd.db.schema-${migrations.length}`]).toBe('600')
    const back = openStore(copy)
    expect((await back.find(turnOf('m1').id))?.version).toBe(1)
    await back.close()
  })
})

test('store: the copy before an upgrade is complete and replaces a draft', async () => {
  await inFolder(async (_, file) => {
    const copy = `${file}.schema-${migrations.length}`
    writeFileSync(`${copy}.part`, 'cut off by a crash')
    writeFileSync(copy, 'of an upgrade that was taken back')
    const before = openStore(file)
    await openAs(before, turnOf('m1'))
    await before.close()
    versionOf(file, [...migrations, upheaval])
    expect(existsSync(`${copy}.part`)).toBe(false)
    const back = openStore(copy)
    expect(await back.find(turnOf('m1').id)).toBeDefined()
    await back.close()
  })
})

test('store: a failed migration changes nothing and unlocks the file', async () => {
  await inFolder(async (_, file) => {
    versionOf(file, migrations)
    const broken: Migration = { sql: 'CREATE TABLE half (id TEXT); DROP TABLE nowhere', isAdditive: true }
    expect(failureOf(() => versionOf(file, [...migrations, addition, broken]))).toBeInstanceOf(Error)
    expect(versionOf(file, [...migrations, addition])).toBe(migrations.length + 1)
    const repaired: Migration = { ...broken, sql: 'CREATE TABLE half (id TEXT)' }
    expect(versionOf(file, [...migrations, addition, repaired])).toBe(migrations.length + 2)
  })
})

/** The tables of a store, with access to the connection so that a test can make it fail. */
function openTables(file: string) {
  const engine = new Engine(openDatabase(file, process.pid))
  const log = new CommitLog(engine)
  const turns = new TurnTable(engine, log)
  const deliveries = new DeliveryTable(engine, log)
  const open = (msgid: string, text = '') =>
    engine.run(() => {
      const turn = turnOf(msgid, { text })
      writeChange({ save: [turn], add: [replyOf(turn)] }, turns, deliveries, nextDeadline)
    })
  const known = (msgid: string) => engine.run(() => turns.find(turnOf(msgid).id) !== undefined)
  let reported = 0
  log.onCommit(commit => void (reported += commit.turns.length))
  return {
    engine,
    open,
    known,
    reported: () => reported,
    counts: () => engine.run(() => structuredClone(turns.counts())),
  }
}

async function codesOf(work: readonly Promise<unknown>[]): Promise<readonly string[]> {
  return (await Promise.allSettled(work)).map(one => (one.status === 'rejected' ? one.reason.code : 'done'))
}

/** `fail` makes every commit fail until `undo`. */
const failures = [
  { name: 'a full disk', fail: 'PRAGMA max_page_count = 1', undo: 'PRAGMA max_page_count = 1000000' },
  { name: 'a read-only database', fail: 'PRAGMA query_only = ON', undo: 'PRAGMA query_only = OFF' },
  {
    name: 'a failing commit',
    fail: `PRAGMA foreign_keys = ON; CREATE TABLE child (up REFERENCES meta (key) DEFERRABLE INITIALLY DEFERRED);
      CREATE TRIGGER orphan AFTER INSERT ON turn BEGIN INSERT INTO child VALUES ('missing'); END`,
    undo: 'DROP TRIGGER orphan',
  },
]

for (const { name, fail, undo } of failures) {
  test(`store: ${name} rejects the whole batch, later writes work`, async () => {
    await inFolder(async (_, file) => {
      const { engine, open, counts, reported } = openTables(file)
      await Promise.all(['m1', 'm2'].map(msgid => open(msgid)))
      const before = await counts()
      engine.db.run(fail)
      const batch = Array.from({ length: 20 }, (_, n) => open(`lost${n}`, 'x'.repeat(20_000)))
      expect(await codesOf(batch)).toEqual(batch.map(() => 'store_failed'))
      engine.db.run(undo)
      expect(await counts()).toEqual(before)
      expect(reported()).toBe(2)
      expect(await codesOf([open('lost1'), open('m3')])).toEqual(['done', 'done'])
      expect(reported()).toBe(4)
      engine.close()

      const after = openTables(file)
      const found = await Promise.all(['m1', 'm2', 'm3', 'lost0', 'lost1'].map(after.known))
      expect(found).toEqual([true, true, true, false, true])
      expect(await after.counts()).toMatchObject({ open: 4 })
      after.engine.close()
    })
  })
}

test('store: closing commits the writes requested before it', async () => {
  await inFolder(async (_, file) => {
    const store = openStore(file)
    const opened = ['m1', 'm2', 'm3'].map(msgid => openAs(store, turnOf(msgid)))
    await store.close()
    expect((await Promise.all(opened)).map(turn => turn.version)).toEqual([1, 1, 1])
    const again = openStore(file)
    expect((await again.counts()).open).toBe(3)
    await again.close()
  })
})

test('store: a lane that lost its head gets it back with the schema', async () => {
  await inFolder(async (_, file) => {
    const rowOf = (msgid: string) => replyOf(turnOf(msgid), { lane: 'app:default:user:lisi', order: 7 })
    const store = openStore(file)
    for (const msgid of ['m1', 'm2']) await openAs(store, turnOf(msgid), [rowOf(msgid)])
    await store.close()
    const db = new Database(file)
    db.run('UPDATE delivery SET head = 0')
    db.run('PRAGMA user_version = 2')
    db.close()
    const again = openStore(file)
    const claimed = await again.outbox.claim(['response_url'], { now: t0, untilMs: t0 + 1, limit: 9 })
    expect(claimed.map(({ id }) => id)).toEqual([rowOf('m1').id])
    await again.close()
  })
})
