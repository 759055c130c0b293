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
  const looks: typeof waits = []
  const timers = {
    at(when: number, ring: () => void) {
      const wait = { ms: when - 5_000, ring }
      const list = wait.ms === 5_000 ? looks : waits
      list.push(wait)
      return () => void list.splice(list.indexOf(wait), 1)
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
    looks,
    /** Lets the time to the next look at the path pass. */
    look() {
      for (const { ring } of looks.splice(0)) ring()
      for (const { ring } of waits.splice(0)) ring()
    },
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

test('watch: a link whose target is rewritten in another folder is a change', () => {
  const watched = watchOne(folder => {
    mkdirSync(join(folder, 'other'))
    mkdirSync(join(folder, 'etc'))
    writeFileSync(join(folder, 'other', 'real.json5'), 'one')
    symlinkSync(join(folder, 'other', 'real.json5'), join(folder, 'etc', 'wecomd.json5'))
    return join(folder, 'etc', 'wecomd.json5')
  })
  watched.look()
  expect(watched.changes()).toBe(0)
  writeFileSync(join(watched.folder, 'other', 'real.json5'), 'another')
  watched.look()
  watched.look()
  expect(watched.changes()).toBe(1)
})

test('watch: another folder under the same path is a change', () => {
  const watched = watchOne(folder => {
    for (const name of ['etc', 'new']) {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'wecomd.json5'), name)
    }
    return join(folder, 'etc', 'wecomd.json5')
  })
  renameSync(join(watched.folder, 'etc'), join(watched.folder, 'old'))
  renameSync(join(watched.folder, 'new'), join(watched.folder, 'etc'))
  watched.look()
  expect(watched.changes()).toBe(1)
})

test('watch: a folder that appears later is looked at', () => {
  const watched = watchOne(folder => join(folder, 'later', 'wecomd.json5'))
  mkdirSync(join(watched.folder, 'later'))
  writeFileSync(watched.file, 'one')
  watched.look()
  expect(watched.changes()).toBe(1)
})

test('watch: once stopped, nothing is looked at', () => {
  const watched = watchOne()
  watched.unwatch()
  expect([watched.looks, watched.waits]).toEqual([[], []])
})
