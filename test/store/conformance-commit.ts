import { expect } from 'bun:test'
import type { Commit, Store } from '../../src/domain/ports.ts'
import type { Behaviour } from './conformance.ts'
import { amend, askedTurn, jobOf, keyOf, leaseMs, openAs, replyOf, sendOf, t0, turnOf, write } from './given.ts'

/** Collects every commit that the store reports from now on. */
function record(store: Store): Commit[] {
  const commits: Commit[] = []
  store.onCommit(commit => void commits.push(commit))
  return commits
}

const m1 = turnOf('m1')

export const commitTests: readonly Behaviour[] = [
  {
    name: 'commit: a new turn is reported with its deliveries, without a before',
    async check(store) {
      const commits = record(store)
      await openAs(store, m1, [replyOf(m1)])
      expect(commits).toEqual([{ turns: [{ after: { ...m1, version: 1 } }], deliveries: [replyOf(m1)], jobs: [] }])
    },
  },
  {
    name: 'commit: a changed turn is reported before and after',
    async check(store) {
      await openAs(store, m1)
      const commits = record(store)
      await amend(store, m1.id, { answer: 'hello' })
      const before = { ...m1, version: 1 }
      expect(commits).toEqual([
        { turns: [{ before, after: { ...before, answer: 'hello', version: 2 } }], deliveries: [], jobs: [] },
      ])
    },
  },
  {
    name: 'commit: every turn that a change saves is reported with its before',
    async check(store) {
      const stored = await openAs(store, m1)
      const commits = record(store)
      const m2 = turnOf('m2')
      await store.open(keyOf(m2), () => ({
        save: [m2, { ...stored, stopAt: t0 }],
      }))
      expect(commits[0]?.turns.map(({ before }) => before)).toEqual([undefined, stored])
    },
  },
  {
    name: 'commit: parallel writes are reported once, before their writers resume',
    async check(store) {
      const commits = record(store)
      const seenBy: number[] = []
      const work = ['m1', 'm2', 'm3'].map(async msgid => {
        await openAs(store, turnOf(msgid))
        seenBy.push(commits.length)
      })
      await Promise.all(work)
      expect(commits.map(({ turns }) => turns.length)).toEqual([3])
      expect(seenBy).toEqual([1, 1, 1])
    },
  },
  {
    name: 'commit: an operation that throws is not reported, parallel ones are',
    async check(store) {
      const commits = record(store)
      const broken = store.open(keyOf(m1), () => {
        throw new Error('broken')
      })
      const [failed] = await Promise.allSettled([broken, openAs(store, turnOf('m2'))])
      expect(failed?.status).toBe('rejected')
      expect(commits.map(({ turns }) => turns.map(({ after }) => after.msgid))).toEqual([['m2']])
    },
  },
  {
    name: 'commit: reads and empty changes are not reported',
    async check(store) {
      await openAs(store, m1)
      const commits = record(store)
      await store.update(m1.id, () => undefined)
      await store.find(m1.id)
      expect(commits).toEqual([])
    },
  },
  {
    name: 'commit: released deliveries of a held app are reported as queued',
    async check(store) {
      await store.outbox.post(sendOf('s1', { state: 'held' }), 10)
      const commits = record(store)
      await store.outbox.unhold('default', t0 + 5)
      expect(commits).toEqual([{ turns: [], deliveries: [sendOf('s1', { dueAt: t0 + 5 })], jobs: [] }])
    },
  },
  {
    name: 'commit: jobs are reported when added and when settled',
    async check(store) {
      const turn = await openAs(store, m1)
      const commits = record(store)
      await write(store, turn, { add: [replyOf(turn), jobOf(turn)] })
      await write(store, turn, { add: [jobOf(turn)] })
      const done = jobOf(turn, { state: 'done', finishedAt: t0 + 5 })
      await write(store, turn, { settle: [done] })
      expect(commits).toEqual([
        { turns: [], deliveries: [replyOf(turn)], jobs: [jobOf(turn)] },
        { turns: [], deliveries: [], jobs: [done] },
      ])
    },
  },
  {
    name: 'commit: the change of a claim is reported, its lease is not',
    async check(store) {
      const before = await openAs(store, askedTurn('m1'))
      const commits = record(store)
      const lease = { now: t0, untilMs: t0 + leaseMs, limit: 9 }
      const pending = { state: 'claimed', dueAt: t0 } as const
      const [after = before] = await store.outbox.claim(['task'], lease, turn => ({ save: [{ ...turn, pending }] }))
      await store.outbox.renew([{ kind: 'task', id: after.id }], t0 + leaseMs)
      await store.outbox.release([{ kind: 'task', id: after.id }])
      await store.outbox.claim(['task'], lease)
      expect(after.pending).toEqual(pending)
      expect(commits).toEqual([{ turns: [{ before, after }], deliveries: [], jobs: [] }])
    },
  },
]
