import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '../../src/domain/ports.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { nextDeadline } from '../../src/core/streaming/deadlines.ts'
import { type Opened, testConformance } from './conformance.ts'

/** Copies the files as they are on disk now. That is what kill -9 would leave, because no write is in progress. */
async function openInFolder(): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-store-'))
  const stores: Store[] = []
  const fileOf = (generation: number) => join(folder, `${generation}.db`)
  const openNext = () => {
    const store = openSqliteStore({ file: fileOf(stores.length), pid: process.pid, dueAtOf: nextDeadline })
    stores.push(store)
    return store
  }
  return {
    store: openNext(),
    async reopen() {
      for (const suffix of ['', '-wal']) {
        const left = `${fileOf(stores.length - 1)}${suffix}`
        if (existsSync(left)) copyFileSync(left, `${fileOf(stores.length)}${suffix}`)
      }
      return openNext()
    },
    async close() {
      await Promise.all(stores.map(store => store.close()))
      rmSync(folder, { recursive: true })
    },
  }
}

testConformance({ name: 'sqlite', open: openInFolder })
