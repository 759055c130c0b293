import { expect } from 'bun:test'
import type { Delivery } from '../../src/domain/delivery.ts'
import type { QuotaKey, SendWindow, Store } from '../../src/domain/ports.ts'
import type { Behaviour } from './conformance.ts'
import { minute, openAs, replyOf, sendOf, t0, turnOf } from './given.ts'

const budgets = [
  { windowMs: 60 * minute, most: 5 },
  { windowMs: minute, most: 3 },
]

function sendingOf(more: Partial<QuotaKey> = {}): QuotaKey {
  return {
    scope: 'default',
    part: 1,
    digest: 'hello',
    members: ['zhangsan'],
    budgets,
    duplicateMs: 2 * minute,
    ...more,
  }
}

interface Try extends Partial<QuotaKey> {
  readonly id?: string
  readonly state?: Delivery['state']
}

/** Begins a try of a delivery that is stored when it is not there yet; resolves to what the step was told. */
async function beginAt(store: Store, at: number, { id = 's1', state = 'sending', ...more }: Try = {}) {
  const { delivery } = await store.outbox.post(sendOf(id), 1_000)
  let told: SendWindow | undefined
  await store.outbox.begin(delivery, sendingOf(more), at, standing => {
    told = standing
    return { ...delivery, state }
  })
  return told
}

/** Whether a message may go at once; the standing of a try that does not leave. */
async function lookAt(store: Store, at: number, more: Try = {}): Promise<SendWindow | undefined> {
  return await beginAt(store, at, { id: 'looks', state: 'queued', digest: 'looks', ...more })
}

const free = { isDuplicate: false }

/** A try is committed before it leaves, and what has left lately is known. */
export const beginTests: readonly Behaviour[] = [
  {
    name: 'store: a try outlives a crash, and its message counts as sent',
    async check(store, opened) {
      const turn = turnOf('m1')
      const dm = replyOf(turn, { route: 'app' })
      await openAs(store, turn, [dm])
      const attempts = [{ at: t0, route: 'app', part: 1 }] as const
      const begun: Delivery = { ...dm, state: 'sending', attempts }
      await store.outbox.claim(['app'], { now: t0, untilMs: t0 + minute, limit: 9 })
      expect(await store.outbox.begin(dm, sendingOf(), t0, () => begun)).toEqual(begun)
      expect(await store.outbox.claim(['app'], { now: t0, untilMs: t0 + minute, limit: 9 })).toEqual([])
      const second = await opened.reopen()
      expect(await second.outbox.claim(['app'], { now: t0, untilMs: t0 + minute, limit: 9 })).toEqual([begun])
      expect(await lookAt(second, t0 + 1, { digest: 'hello' })).toEqual({ isDuplicate: true })
      expect(await second.outbox.peak('default', [t0 - 1])).toEqual([1])
    },
  },
  {
    name: 'store: an equal message in the same scope is a duplicate for a while',
    async check(store) {
      const two = 2 * minute
      await beginAt(store, t0)
      expect(await lookAt(store, t0 + 1, { digest: 'hello' })).toEqual({ isDuplicate: true })
      expect(await lookAt(store, t0 + two - 1, { digest: 'hello' })).toEqual({ isDuplicate: true })
      expect(await lookAt(store, t0 + two, { digest: 'hello' })).toEqual(free)
      expect(await lookAt(store, t0 + 1, { digest: 'hallo' })).toEqual(free)
      expect(await lookAt(store, t0 + 1, { digest: 'hello', id: 'theirs', scope: 'another' })).toEqual(free)
      expect(await beginAt(store, t0 + 1, { part: 2 })).toEqual({ isDuplicate: true })
    },
  },
  {
    name: 'store: a message is not a duplicate of itself, however often it is tried',
    async check(store) {
      expect(await beginAt(store, t0)).toEqual(free)
      expect(await beginAt(store, t0 + 1)).toEqual(free)
      expect(await beginAt(store, t0 + 1)).toEqual(free)
    },
  },
  {
    name: 'store: a message without members can be a duplicate but uses no budget',
    async check(store) {
      for (let n = 0; n < 9; n++) {
        const standing = await beginAt(store, t0 + n, { id: `s${n}`, members: [] })
        expect(standing).toEqual({ isDuplicate: n > 0 })
      }
      expect(await store.outbox.peak('default', [t0 - 1])).toEqual([0])
    },
  },
  {
    name: 'store: a full budget has room when its oldest message leaves the window',
    async check(store) {
      for (const n of [0, 1, 2])
        expect(await beginAt(store, t0 + n * 1_000, { id: `s${n}` })).not.toHaveProperty('freeAt')
      expect(await lookAt(store, t0 + 3_000)).toEqual({ isDuplicate: false, freeAt: t0 + minute })
      expect(await lookAt(store, t0 + minute - 1)).toEqual({ isDuplicate: false, freeAt: t0 + minute })
      expect(await lookAt(store, t0 + minute)).toEqual(free)
      expect(await lookAt(store, t0 + 3_000, { members: ['lisi'] })).toEqual(free)
      expect(await lookAt(store, t0 + 3_000, { id: 'theirs', scope: 'another' })).toEqual(free)
      expect(await lookAt(store, t0 + 3_000, { members: [] })).toEqual(free)
    },
  },
  {
    name: 'store: of several budgets and members the last to have room decides',
    async check(store) {
      const sends = [0, 1, 2, 10, 11].map(n => beginAt(store, t0 + n * minute, { id: `s${n}` }))
      await Promise.all(sends)
      const at = t0 + 12 * minute
      expect(await lookAt(store, at)).toEqual({ isDuplicate: false, freeAt: t0 + 60 * minute })
      for (const n of [0, 1, 2]) await beginAt(store, at + n, { id: `l${n}`, members: ['lisi'] })
      expect(await lookAt(store, at + 3, { members: ['lisi'] })).toEqual({ isDuplicate: false, freeAt: at + minute })
      const both = { members: ['zhangsan', 'wangwu', 'lisi'] }
      expect(await lookAt(store, at + 3, both)).toEqual({ isDuplicate: false, freeAt: t0 + 60 * minute })
    },
  },
  {
    name: 'store: each send of a message to many uses the budget of each of them',
    async check(store) {
      await beginAt(store, t0, { members: ['zhangsan', 'lisi', 'lisi'] })
      for (const n of [1, 2]) await beginAt(store, t0 + n, { members: ['lisi'] })
      expect(await lookAt(store, t0 + 3, { members: ['zhangsan'] })).toEqual(free)
      expect(await lookAt(store, t0 + 3, { members: ['zhangsan', 'lisi'] })).toHaveProperty('freeAt', t0 + minute)
      expect(await store.outbox.peak('default', [t0 - 1, t0, t0 + 1, t0 + 2])).toEqual([3, 2, 1, 0])
      expect(await store.outbox.peak('another', [t0 - 1])).toEqual([0])
      expect(await store.outbox.peak('default', [])).toEqual([])
    },
  },
  {
    name: 'store: no budget waits for a clock that was set back an hour or more',
    async check(store) {
      for (const n of [0, 1, 2]) await beginAt(store, t0 + n, { id: `s${n}` })
      expect(await lookAt(store, t0 - 61 * minute, { digest: 'hello' })).toEqual(free)
      expect(await lookAt(store, t0 - 1_000, { digest: 'hello' })).toEqual({ isDuplicate: true, freeAt: t0 + minute })
    },
  },
  {
    name: 'store: a deferred try gives its lease back and does not count as sent',
    async check(store) {
      const lease = { now: t0, untilMs: t0 + minute, limit: 9 }
      await store.outbox.post(sendOf('s1'), 9)
      await store.outbox.claim(['app'], lease)
      const later = sendOf('s1', { dueAt: t0 + 5 })
      expect(await store.outbox.begin(sendOf('s1'), sendingOf(), t0, () => later)).toEqual(later)
      expect(await store.outbox.find('s1')).toEqual(later)
      expect(await store.outbox.claim(['app'], { ...lease, now: t0 + 5 })).toEqual([later])
      expect(await lookAt(store, t0, { digest: 'hello' })).toEqual(free)
    },
  },
  {
    name: 'store: a try without a message uses no budget and is never a duplicate',
    async check(store) {
      await beginAt(store, t0)
      const told: SendWindow[] = []
      await store.outbox.post(sendOf('s2'), 9)
      await store.outbox.begin(sendOf('s2'), undefined, t0, standing => {
        told.push(standing)
        return sendOf('s2', { state: 'sending' })
      })
      expect(told.at(-1)).toEqual(free)
      expect(await store.outbox.peak('default', [0])).toEqual([1])
      expect((await store.outbox.find('s2'))?.state).toBe('sending')
    },
  },
  {
    name: 'store: a delivery that has ended does not begin',
    async check(store) {
      await store.outbox.post(sendOf('s1'), 9)
      const dropped = sendOf('s1', { state: 'dropped', finishedAt: t0 })
      await store.outbox.write({ settle: [dropped] })
      let steps = 0
      const step = () => ({ ...sendOf('s1'), state: 'sending' as const, attempts: [], order: steps++ })
      expect(await store.outbox.begin(sendOf('s1'), sendingOf(), t0, step)).toEqual(dropped)
      expect((await store.outbox.begin(sendOf('gone'), sendingOf(), t0, step)).state).toBe('dropped')
      expect(steps).toBe(0)
      expect(await store.outbox.find('s1')).toEqual(dropped)
      expect(await store.outbox.peak('default', [0])).toEqual([0])
    },
  },
  {
    name: 'store: a try that throws writes nothing; parallel tries count once',
    async check(store) {
      const fails = (id: string) => id === 's2'
      const begin = async (id: string) => {
        await store.outbox.post(sendOf(id), 9)
        return await store.outbox.begin(sendOf(id), sendingOf({ digest: id }), t0, () => {
          if (fails(id)) throw new Error('no')
          return sendOf(id, { state: 'sending' })
        })
      }
      const outcomes = await Promise.allSettled(['s1', 's2', 's3'].map(begin))
      expect(outcomes.map(one => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect(await store.outbox.find('s2')).toEqual(sendOf('s2'))
      expect(await store.outbox.peak('default', [0])).toEqual([2])
    },
  },
]
