import { afterEach, expect, test } from 'bun:test'
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { watchConfig } from '../../src/app/config-watch.ts'
import { createLog, realClock } from '../../src/world.ts'
import { until } from '../scenarios/until.ts'

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0).toReversed()) close()
})

/** Watches a file in a new folder. Timers ring when the test calls `settle`. */
function watchOne(prepare?: (folder: string) => string) {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-watch-'))
  open.push(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'wecomd.json5'), 'one')
  const file = prepare?.(folder) ?? join(folder, 'wecomd.json5')
  const lines: string[] = []
  const log = createLog(line => void lines.push(line), realClock.now, { level: 'debug', format: 'json' })
  const waits: { readonly ms: number; readonly ring: () => void }[] = []
  const timers = {
    at(when: number, ring: () => void) {
      const wait = { ms: when - 5_000, ring }
      waits.push(wait)
      return () => void waits.splice(waits.indexOf(wait), 1)
    },
  }
  let changes = 0
  const clock = { ...realClock, now: () => 5_000 }
  const unwatch = watchConfig(file, { clock, timers, log }, () => void changes++)
  open.push(unwatch)
  return {
    folder,
    file,
    lines,
    waits,
    unwatch,
    changes: () => changes,
    /** Waits for an event of the folder and lets its delay pass. */
    async settle() {
      await until('an event of the folder', () => waits.length > 0)
      for (const { ring } of waits.splice(0)) ring()
    },
  }
}

test('watch: several writes are one change, after a short delay', async () => {
  const watched = watchOne()
  writeFileSync(watched.file, 'two')
  appendFileSync(watched.file, 'three')
  await until('the event', () => watched.waits.length > 0)
  expect(watched.waits.map(({ ms }) => ms)).toEqual([300])
  expect(watched.changes()).toBe(0)
  await watched.settle()
  expect(watched.changes()).toBe(1)
})

test('watch: replacing the file is a change, and so are later writes', async () => {
  const watched = watchOne()
  for (const [count, content] of ['two', 'three'].entries()) {
    writeFileSync(`${watched.file}.tmp`, content)
    renameSync(`${watched.file}.tmp`, watched.file)
    await until('the change', async () => {
      await watched.settle()
      return watched.changes() > count
    })
  }
  appendFileSync(watched.file, '!')
  await until('the change', async () => {
    await watched.settle()
    return watched.changes() === 3
  })
})

test('watch: changing the target of a symlinked folder is a change', async () => {
  const watched = watchOne(folder => {
    for (const version of ['v1', 'v2']) {
      mkdirSync(join(folder, version))
      writeFileSync(join(folder, version, 'wecomd.json5'), version)
    }
    symlinkSync('v1', join(folder, 'now'))
    symlinkSync('now/wecomd.json5', join(folder, 'linked.json5'))
    return join(folder, 'linked.json5')
  })
  symlinkSync('v2', join(watched.folder, 'next'))
  renameSync(join(watched.folder, 'next'), join(watched.folder, 'now'))
  await until('the change', async () => {
    await watched.settle()
    return watched.changes() === 1
  })
})

test('watch: other files in the folder are ignored', async () => {
  const watched = watchOne()
  writeFileSync(join(watched.folder, 'other'), 'x')
  await watched.settle()
  expect(watched.changes()).toBe(0)
})

test('watch: removing the file is a change', async () => {
  const watched = watchOne()
  rmSync(watched.file)
  await watched.settle()
  expect(watched.changes()).toBe(1)
})

test('watch: unwatching also cancels a pending change', async () => {
  const watched = watchOne()
  writeFileSync(watched.file, 'two')
  await until('the event', () => watched.waits.length > 0)
  watched.unwatch()
  expect(watched.waits).toEqual([])
})

test('watch: a folder that cannot be watched is one warning', () => {
  const { lines } = watchOne(folder => join(folder, 'nowhere', 'wecomd.json5'))
  expect(lines.map(line => JSON.parse(line).msg)).toEqual(['watching the config file failed'])
})
