import { expect } from 'bun:test'
import type { Behaviour } from './conformance.ts'
import { askedTurn, jobOf, openAs, part, refsOf, replyOf, t0, turnOf, write } from './given.ts'

/** Deliveries and jobs: adding, settling, finding, counting. */
export const deliveryTests: readonly Behaviour[] = [
  {
    name: 'store: adding a delivery or a job again changes nothing',
    async check(store) {
      const turn = await openAs(store, turnOf('m1'), [replyOf(turnOf('m1')), jobOf(turnOf('m1'))])
      const twin = replyOf(turn, { dueAt: t0 + 5, state: 'held' })
      await write(store, turn, { add: [twin, twin, jobOf(turn, { dueAt: t0 + 5, state: 'done' })] })
      expect(await store.outbox.ofTurn(turn.id)).toEqual([replyOf(turn)])
      expect(await store.outbox.jobsOf(turn.id)).toEqual([jobOf(turn)])
    },
  },
  {
    name: 'store: a turn has its own deliveries, oldest first',
    async check(store) {
      const turn = await openAs(store, turnOf('m1'))
      const reply = replyOf(turn, { createdAt: t0 + 10 })
      const dm = replyOf(turn, { id: part(turn, 'dm'), route: 'app', order: 2 })
      const second = replyOf(turn, { id: part(turn, 'response_url:2'), createdAt: t0 + 5, order: 3 })
      await write(store, turn, { add: [reply, dm, jobOf(turn), second] })
      await openAs(store, turnOf('m2'), [replyOf(turnOf('m2'))])
      expect(await store.outbox.ofTurn(turn.id)).toEqual([dm, second, reply])
      expect(await store.outbox.find(second.id)).toEqual(second)
    },
  },
  {
    name: 'store: jobs of a turn are listed separately, oldest first',
    async check(store, opened) {
      const turn = await openAs(store, turnOf('m1'), [replyOf(turnOf('m1'))])
      const body = { kind: 'approve', approval: 'a', decision: 'allow-once' } as const
      const decision = jobOf(turn, { id: part(turn, 'approval'), queue: 'approval', body, createdAt: t0 + 1 })
      await write(store, turn, { add: [decision, jobOf(turn)] })
      await openAs(store, turnOf('m2'), [jobOf(turnOf('m2'))])
      const failed = jobOf(turn, { state: 'failed', failure: { reason: 'gone', hint: '404' }, finishedAt: t0 + 2 })
      await write(store, turn, { settle: [failed, jobOf(turn, { id: part(turn, 'stranger'), state: 'done' })] })
      const second = await opened.reopen()
      expect(await second.outbox.jobsOf(turn.id)).toEqual([failed, decision])
      expect(await second.outbox.ofTurn(turn.id)).toEqual([replyOf(turn)])
      expect(await second.outbox.find(failed.id)).toBeUndefined()
      expect(await second.outbox.dead(9)).toEqual([])
    },
  },
  {
    name: "store: a delivery is found even if its id begins like another turn's",
    async check(store) {
      const [turn, other] = [turnOf('m1'), turnOf('m1:response_url')]
      const second = replyOf(turn, { id: part(turn, 'response_url:2') })
      await openAs(store, turn, [second])
      await openAs(store, other, [replyOf(other, { route: 'app' })])
      const lease = { now: t0, untilMs: t0 + 1, limit: 9 }
      const claim = async () => await store.outbox.claim(['response_url'], lease)
      expect(await store.outbox.find(second.id)).toEqual(second)
      expect(await claim()).toHaveLength(1)
      expect(await claim()).toEqual([])
      expect(await store.outbox.renew(refsOf('response_url', [second.id]), t0 + 2)).toEqual(
        refsOf('response_url', [second.id]),
      )
      await store.outbox.release(refsOf('response_url', [second.id]))
      expect(await claim()).toHaveLength(1)
      await write(store, turn, { settle: [{ ...second, state: 'dropped' }] })
      expect((await store.outbox.find(second.id))?.state).toBe('dropped')
      expect(await store.outbox.ofTurn(other.id)).toEqual([replyOf(other, { route: 'app' })])
    },
  },
  {
    name: 'store: settling replaces an existing delivery and creates none',
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
    name: 'store: dropping a delivery unblocks the next of its lane',
    async check(store) {
      const turn = await openAs(store, turnOf('m1'), [replyOf(turnOf('m1'))])
      const next = replyOf(turn, { id: part(turn, 'next'), order: 2 })
      const done = replyOf(turn, { id: part(turn, 'done'), state: 'delivered', finishedAt: t0 })
      await write(store, turn, { add: [done, next], settle: [replyOf(turn, { state: 'dropped' })] })
      expect((await store.outbox.find(replyOf(turn).id))?.state).toBe('dropped')
      expect(await store.outbox.find(done.id)).toEqual(done)
      expect(await store.outbox.claim(['response_url'], { now: t0, untilMs: t0 + 1, limit: 9 })).toEqual([next])
    },
  },
  {
    name: 'store: deliveries of one moment keep their order over restarts, and none is stuck',
    async check(store, opened) {
      const names = ['m3', 'm1', 'm2']
      const rowOf = (msgid: string, more: object = {}) => {
        const turn = turnOf(msgid)
        return replyOf(turn, { id: part(turn, 'app'), route: 'app', lane: 'app:default:user:lisi', order: 7, ...more })
      }
      for (const msgid of names) await openAs(store, turnOf(msgid), [rowOf(msgid)])
      const claim = async (from: typeof store) => {
        const found = await from.outbox.claim(['app'], { now: t0, untilMs: t0, limit: 9 })
        return found.map(({ turn }) => turn)
      }
      let current = store
      for (const msgid of names) {
        current = await opened.reopen()
        expect(await claim(current)).toEqual([turnOf(msgid).id])
        const [row] = await current.outbox.ofTurn(turnOf(msgid).id)
        if (row === undefined) throw new Error('the row is lost')
        await write(current, turnOf(msgid), { settle: [{ ...row, state: 'sending' }] })
        expect(await claim(current)).toEqual([turnOf(msgid).id])
        await write(current, turnOf(msgid), { settle: [{ ...row, state: 'delivered', finishedAt: t0 }] })
      }
      expect(await claim(current)).toEqual([])
    },
  },
  {
    name: 'store: one change saves, adds and settles at once',
    async check(store) {
      const turn = await openAs(store, askedTurn('m1'), [replyOf(turnOf('m1')), jobOf(turnOf('m1'))])
      const late = replyOf(turn, { id: part(turn, 'late') })
      const settle = [replyOf(turn, { state: 'unknown' }), jobOf(turn, { state: 'done' })]
      await store.update(turn.id, stored => ({ save: [{ ...stored, answer: 'so far' }], add: [late], settle }))
      const states = (await store.outbox.ofTurn(turn.id)).map(({ id, state }) => [id.split(':').at(-1), state])
      expect(Object.fromEntries(states)).toEqual({ response_url: 'unknown', late: 'queued' })
      expect((await store.outbox.jobsOf(turn.id)).map(({ state }) => state)).toEqual(['done'])
      expect((await store.find(turn.id))?.answer).toBe('so far')
    },
  },
  {
    name: 'store: the summary counts waiting and dead deliveries only',
    async check(store) {
      expect((await store.outbox.summary()).oldestAt).toBeUndefined()
      const turn = await openAs(store, askedTurn('m1'), [jobOf(turnOf('m1'), { createdAt: t0 - 9 })])
      const states = ['queued', 'queued', 'held', 'sending', 'delivered', 'refused', 'unknown'] as const
      const add = states.map((state, n) => replyOf(turn, { id: part(turn, `d${n}`), state, createdAt: t0 + n }))
      const gone = replyOf(turn, { id: part(turn, 'gone'), state: 'refused', dead: true, createdAt: t0 - 5 })
      await write(store, turn, { add: [...add, gone] })
      const summary = await store.outbox.summary()
      expect(summary).toMatchObject({ states: { queued: 2, held: 1, sending: 1 }, dead: 1, oldestAt: t0 })
      await write(store, turn, { settle: add.slice(0, 2).map(one => ({ ...one, state: 'dropped' })) })
      expect(await store.outbox.summary()).toMatchObject({ states: { queued: 0, held: 1 }, oldestAt: t0 + 2 })
    },
  },
]
