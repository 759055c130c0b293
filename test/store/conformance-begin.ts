import { expect } from 'bun:test'
import type { Delivery } from '../../src/domain/delivery.ts'
import type { QuotaKey, SendWindow, Store } from '../../src/domain/ports.ts'
import type { Behaviour } from './conformance.ts'
import { minute, openAs, replyOf, sendOf, t0, turnOf } from './given.ts'

const budgets = [
  { windowMs: 60 * minute, most: 5 },
  { windowMs: minute, most: 3 },
]

function quotaKeyOf(more: Partial<QuotaKey> = {}): QuotaKey {
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

interface AttemptAt extends Partial<QuotaKey> {
  readonly id?: string
  readonly state?: Delivery['state']
}

/** Begins an attempt of a delivery, storing it first if it is missing. Resolves to the window that the step got. */
async function beginAt(store: Store, at: number, { id = 's1', state = 'sending', ...more }: AttemptAt = {}) {
  const { delivery } = await store.outbox.post(sendOf(id), 1_000)
  let window: SendWindow | undefined
  await store.outbox.begin(delivery, quotaKeyOf(more), at, found => {
    window = found
    return { ...delivery, state }
  })
  return window
}

/** The window of a message at `at`, without sending it. */
async function windowAt(store: Store, at: number, more: AttemptAt = {}): Promise<SendWindow | undefined> {
  return await beginAt(store, at, { id: 'looks', state: 'queued', digest: 'looks', ...more })
}

const free = { isDuplicate: false }

/** Attempts are committed before their request leaves, and sent messages are counted. */
export const beginTests: readonly Behaviour[] = [
  {
    name: 'store: an attempt survives a crash, and its message counts as sent',
    async check(store, opened) {
      const turn = turnOf('m1')
      const dm = replyOf(turn, { route: 'app' })
      await openAs(store, turn, [dm])
      const attempts = [{ at: t0, route: 'app', part: 1 }] as const
      const begun: Delivery = { ...dm, state: 'sending', attempts }
      await store.outbox.claim(['app'], { now: t0, untilMs: t0 + minute, limit: 9 })
      expect(await store.outbox.begin(dm, quotaKeyOf(), t0, () => begun)).toEqual(begun)
      expect(await store.outbox.claim(['app'], { now: t0, untilMs: t0 + minute, limit: 9 })).toEqual([])
      const second = await opened.reopen()
      expect(await second.outbox.claim(['app'], { now: t0, untilMs: t0 + minute, limit: 9 })).toEqual([begun])
      expect(await windowAt(second, t0 + 1, { digest: 'hello' })).toEqual({ isDuplicate: true })
      expect(await second.outbox.peak('default', [t0 - 1])).toEqual([1])
    },
  },
  {
    name: 'store: an equal message in the same scope is a duplicate for a while',
    async check(store) {
      const two = 2 * minute
      await beginAt(store, t0)
      expect(await windowAt(store, t0 + 1, { digest: 'hello' })).toEqual({ isDuplicate: true })
      expect(await windowAt(store, t0 + two - 1, { digest: 'hello' })).toEqual({ isDuplicate: true })
      expect(await windowAt(store, t0 + two, { digest: 'hello' })).toEqual(free)
      expect(await windowAt(store, t0 + 1, { digest: 'hallo' })).toEqual(free)
      expect(await windowAt(store, t0 + 1, { digest: 'hello', id: 'theirs', scope: 'another' })).toEqual(free)
      expect(await beginAt(store, t0 + 1, { part: 2 })).toEqual({ isDuplicate: true })
    },
  },
  {
    name: 'store: a message is not a duplicate of its own earlier attempts',
    async check(store) {
      expect(await beginAt(store, t0)).toEqual(free)
      expect(await beginAt(store, t0 + 1)).toEqual(free)
      expect(await beginAt(store, t0 + 1)).toEqual(free)
    },
  },
  {
    name: 'store: a message without members has duplicates but no rate limit',
    async check(store) {
      for (let n = 0; n < 9; n++) {
        const window = await beginAt(store, t0 + n, { id: `s${n}`, members: [] })
        expect(window).toEqual({ isDuplicate: n > 0 })
      }
      expect(await store.outbox.peak('default', [t0 - 1])).toEqual([0])
    },
  },
  {
    name: 'store: a rate limit has a slot when its oldest message leaves it',
    async check(store) {
      for (const n of [0, 1, 2])
        expect(await beginAt(store, t0 + n * 1_000, { id: `s${n}` })).not.toHaveProperty('freeAt')
      expect(await windowAt(store, t0 + 3_000)).toEqual({ isDuplicate: false, freeAt: t0 + minute })
      expect(await windowAt(store, t0 + minute - 1)).toEqual({ isDuplicate: false, freeAt: t0 + minute })
      expect(await windowAt(store, t0 + minute)).toEqual(free)
      expect(await windowAt(store, t0 + 3_000, { members: ['lisi'] })).toEqual(free)
      expect(await windowAt(store, t0 + 3_000, { id: 'theirs', scope: 'another' })).toEqual(free)
      expect(await windowAt(store, t0 + 3_000, { members: [] })).toEqual(free)
    },
  },
  {
    name: 'store: of several rate limits the last one to have a slot decides',
    async check(store) {
      const sends = [0, 1, 2, 10, 11].map(n => beginAt(store, t0 + n * minute, { id: `s${n}` }))
      await Promise.all(sends)
      const at = t0 + 12 * minute
      expect(await windowAt(store, at)).toEqual({ isDuplicate: false, freeAt: t0 + 60 * minute })
      for (const n of [0, 1, 2]) await beginAt(store, at + n, { id: `l${n}`, members: ['lisi'] })
      expect(await windowAt(store, at + 3, { members: ['lisi'] })).toEqual({ isDuplicate: false, freeAt: at + minute })
      const both = { members: ['zhangsan', 'wangwu', 'lisi'] }
      expect(await windowAt(store, at + 3, both)).toEqual({ isDuplicate: false, freeAt: t0 + 60 * minute })
    },
  },
  {
    name: 'store: a message to several members counts for each of them',
    async check(store) {
      await beginAt(store, t0, { members: ['zhangsan', 'lisi', 'lisi'] })
      for (const n of [1, 2]) await beginAt(store, t0 + n, { members: ['lisi'] })
      expect(await windowAt(store, t0 + 3, { members: ['zhangsan'] })).toEqual(free)
      expect(await windowAt(store, t0 + 3, { members: ['zhangsan', 'lisi'] })).toHaveProperty('freeAt', t0 + minute)
      expect(await store.outbox.peak('default', [t0 - 1, t0, t0 + 1, t0 + 2])).toEqual([3, 2, 1, 0])
      expect(await store.outbox.peak('another', [t0 - 1])).toEqual([0])
      expect(await store.outbox.peak('default', [])).toEqual([])
    },
  },
  {
    name: 'store: a clock set back by an hour or more does not block sending',
    async check(store) {
      for (const n of [0, 1, 2]) await beginAt(store, t0 + n, { id: `s${n}` })
      expect(await windowAt(store, t0 - 61 * minute, { digest: 'hello' })).toEqual(free)
      expect(await windowAt(store, t0 - 1_000, { digest: 'hello' })).toEqual({ isDuplicate: true, freeAt: t0 + minute })
    },
  },
  {
    name: 'store: a deferred attempt releases its lease, does not count as sent',
    async check(store) {
      const lease = { now: t0, untilMs: t0 + minute, limit: 9 }
      await store.outbox.post(sendOf('s1'), 9)
      await store.outbox.claim(['app'], lease)
      const later = sendOf('s1', { dueAt: t0 + 5 })
      expect(await store.outbox.begin(sendOf('s1'), quotaKeyOf(), t0, () => later)).toEqual(later)
      expect(await store.outbox.find('s1')).toEqual(later)
      expect(await store.outbox.claim(['app'], { ...lease, now: t0 + 5 })).toEqual([later])
      expect(await windowAt(store, t0, { digest: 'hello' })).toEqual(free)
    },
  },
  {
    name: 'store: an attempt without a quota key has no limit or duplicates',
    async check(store) {
      await beginAt(store, t0)
      const windows: SendWindow[] = []
      await store.outbox.post(sendOf('s2'), 9)
      await store.outbox.begin(sendOf('s2'), undefined, t0, window => {
        windows.push(window)
        return sendOf('s2', { state: 'sending' })
      })
      expect(windows.at(-1)).toEqual(free)
      expect(await store.outbox.peak('default', [0])).toEqual([1])
      expect((await store.outbox.find('s2'))?.state).toBe('sending')
    },
  },
  {
    name: 'store: a finished delivery does not begin an attempt',
    async check(store) {
      await store.outbox.post(sendOf('s1'), 9)
      const dropped = sendOf('s1', { state: 'dropped', finishedAt: t0 })
      await store.outbox.write({ settle: [dropped] })
      let steps = 0
      const step = () => ({ ...sendOf('s1'), state: 'sending' as const, attempts: [], order: steps++ })
      expect(await store.outbox.begin(sendOf('s1'), quotaKeyOf(), t0, step)).toEqual(dropped)
      expect((await store.outbox.begin(sendOf('gone'), quotaKeyOf(), t0, step)).state).toBe('dropped')
      expect(steps).toBe(0)
      expect(await store.outbox.find('s1')).toEqual(dropped)
      expect(await store.outbox.peak('default', [0])).toEqual([0])
    },
  },
  {
    name: 'store: an attempt that throws writes nothing; parallel ones count once',
    async check(store) {
      const fails = (id: string) => id === 's2'
      const begin = async (id: string) => {
        await store.outbox.post(sendOf(id), 9)
        return await store.outbox.begin(sendOf(id), quotaKeyOf({ digest: id }), t0, () => {
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
