import { expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '../../src/store/sqlite/open.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { nextDeadline } from '../../src/core/streaming/deadlines.ts'
import { seeded } from '../crypto/seeded.ts'
import { spawnHolder, spawnWriter, textOf } from './crash-child.ts'
import { replyOf, turnOf } from './given.ts'

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-store-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function firstLine(child: ReturnType<typeof spawnHolder>): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true })
    if (text.includes('\n')) break
  }
  return text.trim()
}

test('store: a second process is refused until the first one ends', async () => {
  await inFolder(async folder => {
    const file = join(folder, 'wecomd.db')
    const first = spawnHolder(file)
    expect(await firstLine(first)).toBe('open')
    const second = spawnHolder(file)
    const refusal = await firstLine(second)
    expect(refusal).toStartWith('store_locked')
    expect(refusal).toContain(`pid ${first.pid}`)
    second.kill('SIGKILL')
    first.kill('SIGKILL')
    await Promise.all([first.exited, second.exited])
    const third = spawnHolder(file)
    expect(await firstLine(third)).toBe('open')
    third.kill('SIGKILL')
    await third.exited
  })
})

test('store: closing a database frees it for the next process', async () => {
  await inFolder(async folder => {
    const file = join(folder, 'wecomd.db')
    const open = () => openSqliteStore({ file, pid: process.pid, dueAtOf: nextDeadline })
    for (let round = 0; round < 3; round++) {
      const store = open()
      await store.probe()
      expect(open).toThrow(`pid ${process.pid}`)
      await store.close()
    }
    const other = spawnHolder(file)
    expect(await firstLine(other)).toBe('open')
    other.kill('SIGKILL')
    await other.exited
  })
})

/** Kills a writer once it has acknowledged `count` writes. */
async function writeAndKill(file: string, acknowledged: string, prefix: string, count: number): Promise<void> {
  const child = spawnWriter(file, acknowledged, prefix)
  let seen = 0
  for await (const dots of child.stdout) {
    seen += dots.length
    if (seen >= count) break
  }
  child.kill('SIGKILL')
  await child.exited
  expect(child.signalCode).toBe('SIGKILL')
}

function readAcknowledged(path: string): ReadonlyMap<string, number> {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []
  const versions = new Map<string, number>()
  for (const line of lines) {
    const [msgid = '', version] = line.split(' ')
    versions.set(msgid, Math.max(versions.get(msgid) ?? 0, Number(version)))
  }
  return versions
}

/** The acknowledged writes that are missing or incomplete. */
async function findLost(file: string, written: ReadonlyMap<string, number>): Promise<readonly string[]> {
  const store = openSqliteStore({ file, pid: process.pid, dueAtOf: nextDeadline })
  const lost = await Promise.all(
    Array.from(written, async ([msgid, version]) => {
      const [turn, ask] = [await store.find(turnOf(msgid).id), await store.outbox.find(replyOf(turnOf(msgid)).id)]
      const isWhole = turn !== undefined && turn.version >= version && turn.text === textOf(msgid, turn.version)
      return isWhole && ask?.turn === turn.id ? [] : [`${msgid} v${version}`]
    }),
  )
  await store.close()
  return lost.flat()
}

function integrityOf(file: string): unknown {
  const db = openDatabase(file, process.pid)
  const row = db.query('PRAGMA integrity_check').get()
  db.close()
  return row
}

test('store: no acknowledged write is lost in ten kill -9', async () => {
  const seed = 4_711
  const random = seeded(seed)
  await inFolder(async folder => {
    const [file, acknowledged] = [join(folder, 'wecomd.db'), join(folder, 'acknowledged')]
    for (let round = 0; round < 10; round++) {
      const known = readAcknowledged(acknowledged).size
      await writeAndKill(file, acknowledged, `round-${round}`, 1 + random.below(1_500))
      const written = readAcknowledged(acknowledged)
      expect(written.size).toBeGreaterThan(known)
      expect(await findLost(file, written), `seed ${seed}, round ${round}`).toEqual([])
      expect(integrityOf(file)).toEqual({ integrity_check: 'ok' })
    }
  })
})
