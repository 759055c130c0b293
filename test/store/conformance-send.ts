import { expect } from 'bun:test'
import type { Delivery } from '../../src/domain/delivery.ts'
import type { Store } from '../../src/domain/ports.ts'
import type { Behaviour } from './conformance.ts'
import { askedTurn, jobOf, leaseMs, openAs, part, refsOf, replyOf, sendOf, t0, turnOf } from './given.ts'

const plenty = 1_000

async function post(store: Store, ...deliveries: readonly Delivery[]): Promise<void> {
  for (const delivery of deliveries) await store.outbox.post(delivery, plenty)
}

async function taken(store: Store, now = t0): Promise<readonly string[]> {
  const got = await store.outbox.claim(['app', 'webhook'], { now, untilMs: now + leaseMs, limit: 99 })
  return got.map(({ id }) => id).toSorted()
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(() => 'done').catch(error => error.code)
}

/** Deliveries without a turn. */
export const sendTests: readonly Behaviour[] = [
  {
    name: 'store: posting an id again returns the stored delivery',
    async check(store, opened) {
      const first = sendOf('s1')
      expect(await store.outbox.post(first, plenty)).toEqual({ delivery: first, seen: false })
      const again = sendOf('s1', { digest: 'other', createdAt: t0 + 5 })
      expect(await store.outbox.post(again, plenty)).toEqual({ delivery: first, seen: true })
      const second = await opened.reopen()
      expect(await second.outbox.find('s1')).toEqual(first)
      expect(await second.outbox.post(again, plenty)).toEqual({ delivery: first, seen: true })
    },
  },
  {
    name: 'store: parallel posts of one id store it once',
    async check(store) {
      const posts = await Promise.all([1, 2, 3].map(n => store.outbox.post(sendOf('s1', { order: n }), plenty)))
      expect(posts.map(({ seen }) => seen)).toEqual([false, true, true])
      expect(posts.map(({ delivery }) => delivery.order)).toEqual([1, 1, 1])
    },
  },
  {
    name: 'store: a full outbox refuses new posts but returns known ones',
    async check(store, opened) {
      const turn = askedTurn('m1')
      await openAs(store, turn, [jobOf(turn), replyOf(turn)])
      await post(store, sendOf('s1'), sendOf('s2', { state: 'delivered' }))
      expect((await store.outbox.post(sendOf('s3'), 3)).seen).toBe(false)
      const refusal = await store.outbox.post(sendOf('s4'), 3).catch(error => error)
      expect(refusal).toMatchObject({ code: 'overloaded', retryAfterMs: 30_000 })
      expect(await store.outbox.find('s4')).toBeUndefined()
      expect((await store.outbox.post(sendOf('s1'), 3)).seen).toBe(true)
      const second = await opened.reopen()
      expect(await codeOf(second.outbox.post(sendOf('s4'), 3))).toBe('overloaded')
      await second.outbox.write({ settle: [sendOf('s1', { state: 'delivered' })] })
      expect(await codeOf(second.outbox.write({ add: [sendOf('orphan', { turn: 'missing' })] }))).toBe('store_failed')
      expect(await codeOf(second.outbox.post(sendOf('s4'), 3))).toBe('done')
      expect(await codeOf(second.outbox.post(sendOf('s5'), 3))).toBe('overloaded')
    },
  },
  {
    name: 'store: parallel posts fill the outbox exactly to its limit',
    async check(store) {
      const posts = Array.from({ length: 20 }, (_, n) => codeOf(store.outbox.post(sendOf(`s${n}`), 7)))
      expect((await Promise.all(posts)).filter(code => code === 'done')).toHaveLength(7)
      expect((await store.outbox.summary()).states.queued).toBe(7)
    },
  },
  {
    name: 'store: a delivery without a turn can have any id',
    async check(store) {
      const turn = turnOf('m1')
      await openAs(store, turn, [replyOf(turn)])
      const ids = ['s1', 'a:b', ':', part(turn, 'mine'), '0', '你好', "o'neil"]
      await post(store, ...ids.map(id => sendOf(id)))
      expect(await taken(store)).toEqual(ids.toSorted())
      expect(await store.outbox.renew(refsOf('app', [...ids, 'missing']), t0 + 2 * leaseMs)).toEqual(refsOf('app', ids))
      expect(await taken(store, t0 + leaseMs)).toEqual([])
      await store.outbox.release(refsOf('app', ids))
      expect(await taken(store)).toEqual(ids.toSorted())
      for (const id of ids) expect(await store.outbox.find(id)).toEqual(sendOf(id))
      expect(await store.outbox.ofTurn(turn.id)).toEqual([replyOf(turn)])
    },
  },
  {
    name: 'store: deliveries with and without turns share the order of a lane',
    async check(store) {
      const turn = turnOf('m1')
      await openAs(store, turn, [replyOf(turn, { route: 'app', lane: 'a', order: 20 })])
      await post(store, sendOf('third', { lane: 'a', order: 30 }), sendOf('first', { lane: 'a', order: 10 }))
      const settle = (delivery: Delivery) => store.outbox.write({ settle: [{ ...delivery, state: 'delivered' }] })
      expect(await taken(store)).toEqual(['first'])
      await settle(sendOf('first', { lane: 'a', order: 10 }))
      expect(await taken(store)).toEqual([replyOf(turn).id])
      await settle(replyOf(turn, { route: 'app', lane: 'a', order: 20 }))
      expect(await taken(store)).toEqual(['third'])
    },
  },
  {
    name: 'store: the order of a lane survives a crash and retries',
    async check(store, opened) {
      const [first, second] = [sendOf('z', { lane: 'a', order: 10 }), sendOf('b', { lane: 'a', order: 20 })]
      await post(store, second, first)
      const { outbox } = await opened.reopen()
      const take = async () =>
        (await outbox.claim(['app'], { now: t0, untilMs: t0 + leaseMs, limit: 9 })).map(({ id }) => id)
      expect(await take()).toEqual(['z'])
      await outbox.write({ settle: [first] })
      expect(await take()).toEqual(['z'])
      await outbox.write({ settle: [{ ...first, state: 'refused', dead: true }] })
      expect(await take()).toEqual(['b'])
      await outbox.write({ settle: [second] })
      await outbox.write({ settle: [first] })
      expect(await take()).toEqual(['z'])
    },
  },
  {
    name: 'store: one write adds and settles all its deliveries or none',
    async check(store) {
      const turn = await openAs(store, turnOf('m1'), [replyOf(turnOf('m1'))])
      await post(store, sendOf('s1'))
      const settle = [replyOf(turn, { state: 'refused' }), sendOf('s1', { state: 'delivered', msgid: 'abc' })]
      const orphan = sendOf('orphan', { turn: 'missing' })
      expect(await codeOf(store.outbox.write({ settle, add: [sendOf('s2'), orphan] }))).toBe('store_failed')
      expect((await store.outbox.find('s1'))?.state).toBe('queued')
      expect(await store.outbox.find('s2')).toBeUndefined()

      const dm = replyOf(turn, { id: part(turn, 'dm'), route: 'app', order: 2, createdAt: t0 + 1 })
      await store.outbox.write({ settle, add: [dm, sendOf('s2')] })
      expect(await store.outbox.ofTurn(turn.id)).toEqual([replyOf(turn, { state: 'refused' }), dm])
      expect(await store.outbox.find('s1')).toEqual(sendOf('s1', { state: 'delivered', msgid: 'abc' }))
      expect((await store.find(turn.id))?.version).toBe(turn.version)
      expect(await taken(store)).toEqual([dm.id, 's2'].toSorted())
    },
  },
  {
    name: 'store: queueing a posted delivery releases it, sending does not',
    async check(store) {
      await post(store, sendOf('again'), sendOf('going'))
      expect(await taken(store)).toHaveLength(2)
      await store.outbox.write({ settle: [sendOf('again', { dueAt: t0 + 5 }), sendOf('going', { state: 'sending' })] })
      expect(await taken(store, t0 + 5)).toEqual(['again'])
      expect(await store.outbox.nextDueAt(['app'], t0)).toBe(t0 + 5)
    },
  },
  {
    name: 'store: unhold queues the held deliveries of one account only',
    async check(store, opened) {
      const held = { state: 'held', dueAt: t0 + 60_000 } as const
      const turn = turnOf('m1')
      await openAs(store, turn, [replyOf(turn, { ...held, route: 'app' })])
      await post(
        store,
        sendOf('s1', held),
        sendOf('other', { ...held, account: 'second' }),
        sendOf('done', { state: 'refused' }),
      )
      await post(store, sendOf('waits', { dueAt: t0 + 99 }))
      expect(await store.outbox.unhold('default', t0 + 3)).toBe(2)
      expect(await store.outbox.unhold('default', t0 + 3)).toBe(0)
      const second = await opened.reopen()
      expect(await taken(second, t0 + 3)).toEqual([replyOf(turn).id, 's1'].toSorted())
      expect(await second.outbox.find('s1')).toEqual(sendOf('s1', { dueAt: t0 + 3 }))
      expect((await second.outbox.summary()).states).toMatchObject({ queued: 3, held: 1 })
    },
  },
  {
    name: 'store: deliveries that wait in the lanes of an app are listed in order',
    async check(store) {
      const line = (id: string, order: number, more: Partial<Delivery> = {}) =>
        sendOf(id, { lane: 'l', order, ...more })
      await post(store, line('head', 1), line('third', 3), line('second', 2), line('held', 4, { state: 'held' }))
      await post(store, sendOf('alone'), sendOf('first of robot', { route: 'webhook', lane: 'w', order: 1 }))
      await post(store, sendOf('robot', { route: 'webhook', lane: 'w', order: 2 }))
      await post(store, sendOf('other', { account: 'second', lane: 'o', order: 1 }))
      await post(store, sendOf('others', { account: 'second', lane: 'o', order: 2 }))
      const behind = async (limit: number) => (await store.outbox.behind('default', limit)).map(({ id }) => id)
      expect(await behind(9)).toEqual(['second', 'third'])
      expect(await behind(1)).toEqual(['second'])
      await store.outbox.write({ settle: [line('second', 2, { state: 'refused' })] })
      expect(await behind(9)).toEqual(['third'])
    },
  },
  {
    name: 'store: the delivery ahead is the head of the lane',
    async check(store) {
      const line = (id: string, order: number, more: Partial<Delivery> = {}) =>
        sendOf(id, { lane: 'l', order, ...more })
      await post(store, line('third', 3), line('second', 2), line('first', 1), sendOf('alone'))
      const ahead = async (delivery: Delivery) => (await store.outbox.ahead(delivery))?.id
      expect([await ahead(line('third', 3)), await ahead(line('first', 1))]).toEqual(['first', undefined])
      expect(await ahead(sendOf('alone'))).toBeUndefined()
      await store.outbox.write({ settle: [line('first', 1, { state: 'delivered' })] })
      expect([await ahead(line('third', 3)), await ahead(line('second', 2))]).toEqual(['second', undefined])
    },
  },
  {
    name: 'store: unhold keeps the lease of a delivery',
    async check(store) {
      await post(store, sendOf('s1', { state: 'held' }))
      expect(await taken(store)).toEqual(['s1'])
      expect(await store.outbox.unhold('default', t0)).toBe(1)
      expect(await taken(store)).toEqual([])
      expect(await store.outbox.renew(refsOf('app', ['s1']), t0 + leaseMs)).toEqual(refsOf('app', ['s1']))
    },
  },
  {
    name: 'store: dead deliveries are listed, newest first, until they are settled',
    async check(store, opened) {
      const dead = (id: string, createdAt: number) =>
        sendOf(id, { state: 'refused', dead: true, createdAt, finishedAt: createdAt })
      await openAs(store, turnOf('m1'))
      const ofTurn = replyOf(turnOf('m1'), { state: 'unknown', dead: true, createdAt: t0 + 2, finishedAt: t0 + 2 })
      await store.outbox.write({ add: [dead('s1', t0 + 1), dead('s3', t0 + 3), ofTurn, sendOf('s4')] })
      const second = await opened.reopen()
      expect(await second.outbox.dead(9)).toEqual([dead('s3', t0 + 3), ofTurn, dead('s1', t0 + 1)])
      expect((await second.outbox.dead(1)).map(({ id }) => id)).toEqual(['s3'])
      await second.outbox.write({ settle: [sendOf('s3'), { ...ofTurn, state: 'dropped', dead: false }] })
      expect((await second.outbox.dead(9)).map(({ id }) => id)).toEqual(['s1'])
      expect((await taken(second)).includes('s3')).toBe(true)
    },
  },
  {
    name: 'store: unhold keeps a message of any characters unchanged',
    async check(store, opened) {
      const content = `' " \\ \u0000 \u2028 x\ud83dy 👩‍👩‍👧‍👦 {"state":"held"}`
      const card = {
        a: 1e21,
        b: -1.5e-7,
        c: 12_345_678_901_234_567_000,
        d: [null, true, {}],
        'state.x': '',
        '': content,
      }
      const to = { kind: 'tag', ids: ['销售'] } as const
      const body = {
        kind: 'messages',
        to,
        messages: [
          { kind: 'text', content },
          { kind: 'card', card },
        ],
      } as const
      await post(store, sendOf('s1', { state: 'held', body }))
      await store.outbox.unhold('default', t0 + 1)
      expect(await (await opened.reopen()).outbox.find('s1')).toEqual(sendOf('s1', { body, dueAt: t0 + 1 }))
    },
  },
]
