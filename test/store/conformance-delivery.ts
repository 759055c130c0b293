import { expect } from 'bun:test'
import type { Behaviour } from './conformance.ts'
import { askOf, openAs, part, replyOf, t0, turnOf, write } from './given.ts'

/** Deliveries by themselves: added, settled, dropped, counted. */
export const deliveryTests: readonly Behaviour[] = [
  {
    name: 'store: a delivery is added once, however often it is tried',
    async check(store) {
      const turn = await openAs(store, turnOf('m1'), [askOf(turnOf('m1'))])
      const twin = askOf(turn, { dueAt: t0 + 5, state: 'held' })
      await write(store, turn, { add: [twin, twin] })
      expect(await store.outbox.ofTurn(turn.id)).toEqual([askOf(turn)])
    },
  },
  {
    name: 'store: a turn has its own deliveries, oldest first',
    async check(store) {
      const turn = await openAs(store, turnOf('m1'))
      const [ask, reply] = [askOf(turn), replyOf(turn, { createdAt: t0 + 10 })]
      const second = replyOf(turn, { id: part(turn, 'response_url:2'), createdAt: t0 + 5 })
      await write(store, turn, { add: [reply, ask, second] })
      await openAs(store, turnOf('m2'), [askOf(turnOf('m2'))])
      expect(await store.outbox.ofTurn(turn.id)).toEqual([ask, second, reply])
      expect(await store.outbox.find(second.id)).toEqual(second)
    },
  },
  {
    name: 'store: a delivery is found, leased and dropped when its id could begin with the id of another turn too',
    async check(store) {
      const [turn, other] = [turnOf('m1'), turnOf('m1:response_url')]
      const second = replyOf(turn, { id: part(turn, 'response_url:2') })
      await openAs(store, turn, [second])
      await openAs(store, other, [askOf(other)])
      const lease = { now: t0, untilMs: t0 + 1, limit: 9 }
      const claim = async () => await store.outbox.take(['response_url'], lease)
      expect(await store.outbox.find(second.id)).toEqual(second)
      expect(await claim()).toHaveLength(1)
      expect(await claim()).toEqual([])
      expect(await store.outbox.renew([second.id], t0 + 2)).toEqual([second.id])
      await store.outbox.release([second.id])
      expect(await claim()).toHaveLength(1)
      await write(store, turn, { drop: [second.id] })
      expect((await store.outbox.find(second.id))?.state).toBe('dropped')
      expect(await store.outbox.ofTurn(other.id)).toEqual([askOf(other)])
    },
  },
  {
    name: 'store: settling replaces a delivery that is there and makes none',
    async check(store) {
      const turn = await openAs(store, turnOf('m1'), [replyOf(turnOf('m1'))])
      const attempt = { at: t0, route: 'response_url', outcome: 'refused', errcode: 40_008, errmsg: '无效' } as const
      const settled = replyOf(turn, { state: 'refused', dead: true, attempts: [attempt], finishedAt: t0 + 1 })
      const stranger = replyOf(turn, { id: part(turn, 'stranger'), state: 'delivered' })
      await write(store, turn, { settle: [settled, stranger] })
      expect(await store.outbox.ofTurn(turn.id)).toEqual([settled])
      expect((await store.outbox.summary()).dead).toBe(1)
    },
  },
  {
    name: 'store: dropping ends what is under way and leaves alone what is done',
    async check(store) {
      const turn = await openAs(store, turnOf('m1'), [askOf(turnOf('m1'))])
      const done = replyOf(turn, { state: 'delivered', finishedAt: t0 })
      await write(store, turn, { add: [done], drop: [askOf(turn).id, done.id, part(turn, 'nobody'), 'nobody'] })
      expect((await store.outbox.find(askOf(turn).id))?.state).toBe('dropped')
      expect(await store.outbox.find(done.id)).toEqual(done)
      expect(await store.outbox.claim({ now: t0, untilMs: t0 + 1, limit: 9 }, () => ({ save: [] }))).toEqual([])
    },
  },
  {
    name: 'store: one change adds, settles and drops at once',
    async check(store) {
      const turn = await openAs(store, turnOf('m1'), [askOf(turnOf('m1')), replyOf(turnOf('m1'))])
      const late = replyOf(turn, { id: part(turn, 'late') })
      const change = { add: [late], settle: [replyOf(turn, { state: 'unknown' })], drop: [askOf(turn).id] }
      await store.update(turn.id, stored => ({ save: [{ ...stored, answer: 'so far' }], ...change }))
      const states = (await store.outbox.ofTurn(turn.id)).map(({ id, state }) => [id.split(':').at(-1), state])
      expect(Object.fromEntries(states)).toEqual({ gateway: 'dropped', response_url: 'unknown', late: 'queued' })
      expect((await store.find(turn.id))?.answer).toBe('so far')
    },
  },
  {
    name: 'store: the summary counts what waits for WeCom, what is dead, and the age of the oldest',
    async check(store) {
      expect((await store.outbox.summary()).oldestAt).toBeUndefined()
      const turn = await openAs(store, turnOf('m1'), [askOf(turnOf('m1'), { createdAt: t0 - 9 })])
      const states = ['queued', 'queued', 'held', 'sending', 'delivered', 'refused', 'unknown'] as const
      const add = states.map((state, n) => replyOf(turn, { id: part(turn, `d${n}`), state, createdAt: t0 + n }))
      const gone = replyOf(turn, { id: part(turn, 'gone'), state: 'refused', dead: true, createdAt: t0 - 5 })
      await write(store, turn, { add: [...add, gone] })
      const summary = await store.outbox.summary()
      expect(summary).toMatchObject({ states: { queued: 2, held: 1, sending: 1 }, dead: 1, oldestAt: t0 })
      await write(store, turn, { drop: [part(turn, 'd0'), part(turn, 'd1')] })
      expect(await store.outbox.summary()).toMatchObject({ states: { queued: 0, held: 1 }, oldestAt: t0 + 2 })
    },
  },
]
