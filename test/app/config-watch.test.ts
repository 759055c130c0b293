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

/** A watched file in a folder of its own. Waits end when the test says so. */
function watchOne(place?: (folder: string) => string) {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-watch-'))
  open.push(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'wecomd.json5'), 'one')
  const file = place?.(folder) ?? join(folder, 'wecomd.json5')
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
    /** Resolves when something was noticed, and its wait is over. */
    async settle() {
      await until('an event of the folder', () => waits.length > 0)
      for (const { ring } of waits.splice(0)) ring()
    },
  }
}

test('watch: a file that is written again is one change, a moment after the first sign of it', async () => {
  const watched = watchOne()
  writeFileSync(watched.file, 'two')
  appendFileSync(watched.file, 'three')
  await until('the event', () => watched.waits.length > 0)
  expect(watched.waits.map(({ ms }) => ms)).toEqual([300])
  expect(watched.changes()).toBe(0)
  await watched.settle()
  expect(watched.changes()).toBe(1)
})

test('watch: a file that is put in place of the old one is noticed, and so is what is written to it then', async () => {
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

test('watch: a link behind which the folder is exchanged is noticed', async () => {
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

test('watch: other files of the folder are no change', async () => {
  const watched = watchOne()
  writeFileSync(join(watched.folder, 'other'), 'x')
  await watched.settle()
  expect(watched.changes()).toBe(0)
})

test('watch: a file that is gone is a change, too', async () => {
  const watched = watchOne()
  rmSync(watched.file)
  await watched.settle()
  expect(watched.changes()).toBe(1)
})

test('watch: after its end nothing is noticed, not even what was', async () => {
  const watched = watchOne()
  writeFileSync(watched.file, 'two')
  await until('the event', () => watched.waits.length > 0)
  watched.unwatch()
  expect(watched.waits).toEqual([])
})

test('watch: a folder that cannot be watched is said once, and does no other harm', () => {
  const { lines } = watchOne(folder => join(folder, 'nowhere', 'wecomd.json5'))
  expect(lines.map(line => JSON.parse(line).msg)).toEqual(['changes of the config file are not noticed'])
})
