import { expect } from 'bun:test'
import type { Commit, Store } from '../../src/domain/ports.ts'
import type { Behaviour } from './conformance.ts'
import { amend, openAs, replyOf, sendOf, t0, turnOf } from './given.ts'

/** Every commit that the store reports from now on. */
function record(store: Store): Commit[] {
  const commits: Commit[] = []
  store.onCommit(commit => void commits.push(commit))
  return commits
}

const m1 = turnOf('m1')

export const commitTests: readonly Behaviour[] = [
  {
    name: 'commit: a new turn is reported without a before, together with its deliveries',
    async check(store) {
      const commits = record(store)
      await openAs(store, m1, [replyOf(m1)])
      expect(commits).toEqual([{ turns: [{ after: { ...m1, version: 1 } }], deliveries: [replyOf(m1)] }])
    },
  },
  {
    name: 'commit: a changed turn is reported as it was and as it is',
    async check(store) {
      await openAs(store, m1)
      const commits = record(store)
      await amend(store, m1.id, { answer: 'hello' })
      const before = { ...m1, version: 1 }
      expect(commits).toEqual([
        { turns: [{ before, after: { ...before, answer: 'hello', version: 2 } }], deliveries: [] },
      ])
    },
  },
  {
    name: 'commit: another turn that a change saves is reported as it was, too',
    async check(store) {
      const stored = await openAs(store, m1)
      const commits = record(store)
      const m2 = turnOf('m2')
      await store.open({ id: m2.id, account: m2.account, lane: 'l', sender: m2.sender, receivedAt: t0 }, () => ({
        save: [m2, { ...stored, stopAt: t0 }],
      }))
      expect(commits[0]?.turns.map(({ before }) => before)).toEqual([undefined, stored])
    },
  },
  {
    name: 'commit: what is asked for at once is reported once, before its writers resume',
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
    name: 'commit: an operation that throws is not reported, those beside it are',
    async check(store) {
      const commits = record(store)
      const broken = store.open({ ...m1, lane: 'l' }, () => {
        throw new Error('broken')
      })
      const [failed] = await Promise.allSettled([broken, openAs(store, turnOf('m2'))])
      expect(failed?.status).toBe('rejected')
      expect(commits.map(({ turns }) => turns.map(({ after }) => after.msgid))).toEqual([['m2']])
    },
  },
  {
    name: 'commit: a change that changes nothing and a read are not reported',
    async check(store) {
      await openAs(store, m1)
      const commits = record(store)
      await store.update(m1.id, () => undefined)
      await store.find(m1.id)
      expect(commits).toEqual([])
    },
  },
  {
    name: 'commit: deliveries that are held no longer are reported as queued',
    async check(store) {
      await store.outbox.post(sendOf('s1', { state: 'held' }), 10)
      const commits = record(store)
      await store.outbox.unhold('default', t0 + 5)
      expect(commits).toEqual([{ turns: [], deliveries: [sendOf('s1', { dueAt: t0 + 5 })] }])
    },
  },
]
