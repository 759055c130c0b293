import { expect, test } from 'bun:test'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nextDeadline } from '../../src/core/streaming/deadlines.ts'
import type { Store } from '../../src/domain/ports.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import written from './schema-1/expected.json' with { type: 'json' }

const source = join(import.meta.dir, 'schema-1/written.db')
const internalRoutes = ['gateway', 'media', 'admin']

/** Opens a copy of the database of a daemon with schema 1 that was killed. */
async function withUpgraded(work: (store: Store, file: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-upgrade-'))
  const file = join(folder, 'wecomd.db')
  copyFileSync(source, file)
  const store = openSqliteStore({ file, pid: 1, dueAtOf: nextDeadline })
  try {
    await work(store, file)
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

test('upgrade: turns keep their content, and the question is in the row', async () => {
  await withUpgraded(async store => {
    for (const { id, state, end, answer, text, hasOpenQuestion, dueAt, streamId } of written.turns) {
      const turn = await store.find(id)
      expect(turn).toMatchObject({ state, answer, text, thoughts: 'fold', ...(end !== undefined && { end }) })
      expect(turn?.pending?.dueAt, id).toBe(hasOpenQuestion ? dueAt : undefined)
      expect(await store.findByStream(streamId)).toEqual(turn)
      expect(turn).not.toHaveProperty('boundAgentId')
      expect(turn?.question).not.toBe('')
      if (state === 'shown') expect(turn?.finishServedAt, id).toBeGreaterThan(0)
    }
    const { states, open } = await store.counts()
    const stateOf = (state: string) => written.turns.filter(turn => turn.state === state).length
    expect(states).toEqual(
      Object.fromEntries(Object.keys(states).map(state => [state, stateOf(state)])) as typeof states,
    )
    expect(open).toBe(written.turns.filter(isOpen).length)
  })
})

function isOpen({ state, end }: { state: string; end?: string }): boolean {
  return state !== 'shown' && state !== 'ended' && !(state === 'moved' && end !== undefined)
}

test('upgrade: questions and commands become tasks', async () => {
  await withUpgraded(async store => {
    const taskOf = async (sender: string) => {
      const found = written.turns.filter(turn => turn.sender === sender)
      return (await Promise.all(found.map(({ id }) => store.find(id)))).map(turn => turn?.task)
    }
    expect(await taskOf('resets')).toContain('reset')
    expect(await taskOf('resetsandasks')).toContain('reset')
    expect(await taskOf('boss')).toContain('approve')
    expect(await taskOf('asks')).toEqual(['ask'])
    const own = await store.find(written.turns.find(({ sender }) => sender === 'ownagent')?.id ?? '')
    expect(own?.fallbackAgentId).toBe('main')
  })
})

test('upgrade: deliveries keep state and order, jobs are separated', async () => {
  await withUpgraded(async store => {
    for (const { id, route, state, dead, done, kind, ...one } of written.deliveries) {
      if (!internalRoutes.includes(route)) {
        const { lane, order } = one
        expect(await store.outbox.find(id)).toMatchObject({ route, state, dead, lane, order })
        continue
      }
      expect(await store.outbox.find(id)).toBeUndefined()
      if (route === 'gateway') continue
      const job = (await store.outbox.jobsOf(one.turn ?? '')).find(found => found.id === id)
      expect(job).toMatchObject({ queue: route === 'admin' ? 'approval' : 'media', body: { kind } })
      expect(job?.state !== 'queued', id).toBe(done)
    }
    expect((await store.outbox.summary()).dead).toBe(written.deliveries.filter(({ dead }) => dead).length)
  })
})

test('upgrade: leases are released, conversations continue in order', async () => {
  await withUpgraded(async store => {
    const lease = { now: written.savedAt + 600_000, untilMs: written.savedAt + 700_000, limit: 999 }
    const claimed = await store.outbox.claim(['task'], lease)
    const pending = written.turns.filter(({ hasOpenQuestion }) => hasOpenQuestion)
    const conversations = new Set(pending.map(({ conversation: { account, kind, id } }) => `${account} ${kind} ${id}`))
    expect(claimed).toHaveLength(conversations.size)
    const jobs = await store.outbox.claim(['media', 'approval'], lease)
    const openJobs = written.deliveries.filter(({ route, done }) => !done && (route === 'media' || route === 'admin'))
    expect(jobs.map(({ id }) => id).toSorted()).toEqual(openJobs.map(({ id }) => id).toSorted())
  })
})

test('upgrade: a copy of the old file is kept next to the new one', async () => {
  await withUpgraded(async (_, file) => {
    expect(existsSync(`${file}.schema-1`)).toBe(true)
  })
})
