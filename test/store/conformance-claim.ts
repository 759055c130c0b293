import { expect } from 'bun:test'
import type { Delivery } from '../../src/domain/delivery.ts'
import type { Job } from '../../src/domain/job.ts'
import type { Change, Store, WorkKind } from '../../src/domain/ports.ts'
import type { Behaviour } from './conformance.ts'
import { askedTurn, jobOf, leaseMs, openAs, part, refsOf, replyOf, t0, turnOf, write } from './given.ts'

interface Claim {
  readonly now?: number
  readonly limit?: number
}

/** Claims work of these kinds. Resolves to the last parts of the ids. */
async function claimed(store: Store, kinds: readonly WorkKind[], asked: Claim = {}): Promise<readonly string[]> {
  const { now = t0, limit = 10 } = asked
  const got = await store.outbox.claim(kinds, { now, untilMs: now + leaseMs, limit })
  return got.map(({ id }) => id.slice(id.lastIndexOf(':') + 1))
}

/** Opens a turn with deliveries by the app, by name. Each has its own lane unless `more` says otherwise. */
async function openWith(store: Store, deliveries: Readonly<Record<string, Partial<Delivery>>>) {
  const turn = turnOf('m1')
  const add = Object.entries(deliveries).map(([name, more]) =>
    replyOf(turn, { id: part(turn, name), route: 'app', lane: `lane of ${name}`, ...more }),
  )
  return { turn: await openAs(store, turn, add), add }
}

/** Opens a turn with media jobs of these names. */
async function openWithJobs(store: Store, jobs: Readonly<Record<string, Partial<Job>>>) {
  const turn = turnOf('m1')
  const add = Object.entries(jobs).map(([name, more]) => jobOf(turn, { id: part(turn, name), ...more }))
  return { turn: await openAs(store, turn, add), add }
}

function begun(delivery: Delivery): Change {
  return { save: [], settle: [{ ...delivery, state: 'sending' }] }
}

/** Claims and leases of deliveries and jobs. */
export const claimTests: readonly Behaviour[] = [
  {
    name: 'store: due deliveries are claimed by route, earliest first, with a limit',
    async check(store) {
      const { turn } = await openWith(store, {
        later: { dueAt: t0 + 1 },
        home: { route: 'response_url' },
        early: { dueAt: t0 - 1 },
        now: {},
        robot: { route: 'webhook' },
      })
      const early = { id: part(turn, 'early'), route: 'app', lane: 'lane of early', dueAt: t0 - 1 } as const
      const lease = { now: t0, untilMs: t0 + leaseMs, limit: 1 }
      expect(await store.outbox.claim(['app'], lease)).toEqual([replyOf(turn, early)])
      expect(await claimed(store, ['app', 'appchat'])).toEqual(['now'])
      expect(await claimed(store, ['app'])).toEqual([])
      expect(await claimed(store, [])).toEqual([])
      const others = await claimed(store, ['response_url', 'app', 'webhook'], { now: t0 + 1 })
      expect(others.toSorted()).toEqual(['home', 'later', 'robot'])
    },
  },
  {
    name: 'store: one claim gets several kinds of work, with one limit for all',
    async check(store) {
      const turn = askedTurn('m1')
      await openAs(store, turn, [
        replyOf(turn),
        jobOf(turn),
        replyOf(turn, { id: part(turn, 'dm'), route: 'app', lane: 'a' }),
      ])
      const kinds = ['task', 'media', 'approval', 'response_url', 'app'] as const
      const [first, second] = [await claimed(store, kinds, { limit: 1 }), await claimed(store, kinds, { limit: 2 })]
      expect([first.length, second.length]).toEqual([1, 2])
      const rest = await claimed(store, kinds)
      expect([...first, ...second, ...rest].toSorted()).toEqual(['dm', 'm1', 'media', 'response_url'])
      expect(await claimed(store, kinds)).toEqual([])
    },
  },
  {
    name: 'store: parallel claims get different deliveries, only heads of lanes',
    async check(store) {
      const names = Array.from({ length: 12 }, (_, n) => `d${n}`)
      const add = names.map((name, n) => [name, { lane: `lane ${n % 6}`, order: n }] as const)
      await openWith(store, Object.fromEntries(add))
      const got = await Promise.all([2, 2, 9].map(limit => claimed(store, ['app'], { limit })))
      expect(got.map(one => one.length)).toEqual([2, 2, 2])
      expect(got.flat().toSorted()).toEqual(names.slice(0, 6).toSorted())
    },
  },
  {
    name: 'store: parallel claims of many deliveries get each of them once',
    async check(store) {
      const names = Array.from({ length: 40 }, (_, n) => `d${n}`)
      await openWith(store, Object.fromEntries(names.map(name => [name, {}])))
      const claims = await Promise.all(Array.from({ length: 6 }, () => claimed(store, ['app'], { limit: 7 })))
      expect(claims.map(got => got.length).toSorted((a, b) => a - b)).toEqual([5, 7, 7, 7, 7, 7])
      expect(claims.flat().toSorted()).toEqual(names.toSorted())
    },
  },
  {
    name: 'store: only the head of a lane is claimed, in any order of adding',
    async check(store) {
      const { turn, add } = await openWith(store, {
        third: { lane: 'a', order: 30, dueAt: t0 - 5 },
        first: { lane: 'a', order: 10 },
        second: { lane: 'a', order: 20 },
        other: { lane: 'b', order: 99 },
      })
      const settle = (name: string, more: Partial<Delivery>) =>
        write(store, turn, { settle: add.filter(one => one.id === part(turn, name)).map(one => ({ ...one, ...more })) })
      expect((await claimed(store, ['app'])).toSorted()).toEqual(['first', 'other'])
      expect(await claimed(store, ['app'])).toEqual([])
      await settle('first', { state: 'delivered' })
      expect(await claimed(store, ['app'])).toEqual(['second'])
      await settle('second', { state: 'dropped' })
      expect(await claimed(store, ['app'])).toEqual(['third'])
    },
  },
  {
    name: 'store: a head that is held or not due blocks its lane',
    async check(store) {
      await openWith(store, {
        held: { lane: 'a', order: 1, state: 'held', dueAt: t0 + 5 },
        behind: { lane: 'a', order: 2 },
        slow: { lane: 'b', order: 1, dueAt: t0 + 5, route: 'response_url' },
        waits: { lane: 'b', order: 2 },
      })
      expect(await claimed(store, ['app'])).toEqual([])
      expect(await claimed(store, ['app'], { now: t0 + 5 })).toEqual(['held'])
    },
  },
  {
    name: 'store: jobs are claimed by queue, earliest first; without a lane they wait for no other',
    async check(store) {
      const approve = { kind: 'approve', approval: 'a', decision: 'deny' } as const
      const { turn, add } = await openWithJobs(store, {
        later: { dueAt: t0 + 1 },
        now: {},
        early: { dueAt: t0 - 1 },
        done: { state: 'done' },
        failed: { state: 'failed' },
        decision: { queue: 'approval', body: approve },
      })
      const lease = { now: t0, untilMs: t0 + leaseMs, limit: 9 }
      expect(await claimed(store, ['media'], { limit: 1 })).toEqual(['early'])
      expect(await claimed(store, ['media'])).toEqual(['now'])
      expect(await store.outbox.claim(['approval'], lease)).toEqual(
        add.filter(({ id }) => id === part(turn, 'decision')),
      )
      expect(await claimed(store, ['media', 'approval'], { now: t0 + 1 })).toEqual(['later'])
    },
  },
  {
    name: 'store: jobs of one lane are claimed one at a time, lowest order first',
    async check(store, opened) {
      const lane = 'files'
      const { turn, add } = await openWithJobs(store, {
        third: { lane, order: 2, dueAt: t0 - 2 },
        first: { lane, order: 0 },
        second: { lane, order: 1, dueAt: t0 - 1 },
        other: { lane: 'elsewhere', order: 7, dueAt: t0 + 1 },
      })
      const end = async (at: Store, name: string, more: Partial<Job>) => {
        const job = add.find(({ id }) => id === part(turn, name))
        if (job !== undefined) await write(at, turn, { settle: [{ ...job, ...more }] })
      }
      expect(await claimed(store, ['media'])).toEqual(['first'])
      await end(store, 'first', { state: 'queued', dueAt: t0 + 5 })
      expect(await claimed(store, ['media'], { now: t0 + 4 })).toEqual(['other'])
      await end(store, 'first', { state: 'failed' })
      const again = await opened.reopen()
      expect(await claimed(again, ['media'], { limit: 1 })).toEqual(['second'])
      await end(again, 'second', { state: 'done' })
      expect(await claimed(again, ['media'])).toEqual(['third'])
    },
  },
  {
    name: 'store: a delivery or job can be claimed again when its lease expires',
    async check(store) {
      const turn = turnOf('m1')
      await openAs(store, turn, [replyOf(turn), jobOf(turn)])
      for (const [kind, name] of [
        ['response_url', 'response_url'],
        ['media', 'media'],
      ] as const) {
        expect(await claimed(store, [kind])).toEqual([name])
        expect(await claimed(store, [kind], { now: t0 + leaseMs - 1 })).toEqual([])
        expect(await claimed(store, [kind], { now: t0 + leaseMs })).toEqual([name])
      }
    },
  },
  {
    name: 'store: the change of a delivery claim is committed and returned',
    async check(store, opened) {
      const { turn } = await openWith(store, { one: {}, two: {} })
      const lease = { now: t0, untilMs: t0 + leaseMs, limit: 9 }
      const got = await store.outbox.claim(['app'], lease, begun)
      expect(got.map(({ state }) => state)).toEqual(['sending', 'sending'])
      const second = await opened.reopen()
      const states = (await second.outbox.ofTurn(turn.id)).map(({ state }) => state)
      expect(states).toEqual(['sending', 'sending'])
    },
  },
  {
    name: 'store: queueing a delivery releases its lease, sending keeps it',
    async check(store) {
      const { turn, add } = await openWith(store, { again: {}, going: {} })
      await claimed(store, ['app'])
      const states = ['queued', 'sending'] as const
      const settle = add.map((one, n) => ({ ...one, state: states[n] ?? one.state, dueAt: t0 + 5 }))
      await write(store, turn, { settle })
      expect(await claimed(store, ['app'], { now: t0 + 4 })).toEqual([])
      expect(await claimed(store, ['app'], { now: t0 + 5 })).toEqual(['again'])
    },
  },
  {
    name: 'store: queueing a job releases its lease, a finished job stays done',
    async check(store) {
      const { turn, add } = await openWithJobs(store, { again: {}, done: {} })
      await claimed(store, ['media'])
      const states = ['queued', 'done'] as const
      const settle = add.map((one, n) => ({ ...one, state: states[n] ?? one.state, dueAt: t0 + 5 }))
      await write(store, turn, { settle })
      expect(await claimed(store, ['media'], { now: t0 + 4 })).toEqual([])
      expect(await claimed(store, ['media'], { now: t0 + 5 })).toEqual(['again'])
      expect(await claimed(store, ['media'], { now: t0 + 9 * leaseMs })).toEqual(['again'])
    },
  },
  {
    name: 'store: renewing extends and lists the leases that are still held',
    async check(store) {
      const { turn, add } = await openWith(store, { kept: {}, done: {}, released: {}, waiting: { dueAt: t0 + 1 } })
      await write(store, turn, { add: [jobOf(turn)] })
      await claimed(store, ['app', 'media'])
      const [, done] = add
      await write(store, turn, { settle: done ? [{ ...done, state: 'dropped' }] : [] })
      await store.outbox.release(refsOf('app', [part(turn, 'released')]))
      const names = ['kept', 'done', 'released', 'waiting', 'missing']
      const asked = [...refsOf('app', [...names.map(name => part(turn, name)), 'missing'])]
      const jobs = refsOf('media', [part(turn, 'media'), part(turn, 'missing')])
      expect(await store.outbox.renew([...asked, ...jobs], t0 + 2 * leaseMs)).toEqual([
        ...refsOf('app', [part(turn, 'kept')]),
        ...refsOf('media', [part(turn, 'media')]),
      ])
      expect(await store.outbox.renew([], t0 + 2 * leaseMs)).toEqual([])
      const free = await claimed(store, ['app', 'media'], { now: t0 + leaseMs })
      expect(free.toSorted()).toEqual(['released', 'waiting'])
      const later = await claimed(store, ['app', 'media'], { now: t0 + 2 * leaseMs })
      expect(later.toSorted()).toEqual(['kept', 'media', 'released', 'waiting'])
    },
  },
  {
    name: 'store: released work can be claimed at once',
    async check(store) {
      const { turn } = await openWith(store, { one: {}, two: {} })
      await write(store, turn, { add: [jobOf(turn)] })
      await store.outbox.claim(['app'], { now: t0, untilMs: t0 + leaseMs, limit: 9 }, begun)
      await claimed(store, ['media'])
      await store.outbox.release([
        ...refsOf('app', [part(turn, 'one'), part(turn, 'missing'), 'missing']),
        ...refsOf('media', [part(turn, 'media')]),
      ])
      expect(await claimed(store, ['app', 'media'])).toEqual(['one', 'media'])
      await store.outbox.release([])
    },
  },
  {
    name: 'store: the next due time is of unfinished work of the given kinds',
    async check(store) {
      const { turn } = await openWith(store, {
        past: { dueAt: t0 - 10 },
        soon: { dueAt: t0 + 10 },
        late: { dueAt: t0 + 20 },
        done: { dueAt: t0 + 1, state: 'delivered' },
        queuedAfter: { dueAt: t0 + 2, lane: 'lane of soon', order: 2 },
      })
      await write(store, turn, { add: [replyOf(turn, { dueAt: t0 + 5 }), jobOf(turn, { dueAt: t0 + 3 })] })
      const asked = askedTurn('m2', { pending: { state: 'queued', dueAt: t0 + 4 } })
      await openAs(store, asked)
      const next = (kinds: readonly WorkKind[], after: number) => store.outbox.nextDueAt(kinds, after)
      expect(await next(['app'], t0)).toBe(t0 + 10)
      expect(await next(['app'], t0 + 10)).toBe(t0 + 20)
      expect(await next(['app'], t0 + 20)).toBeUndefined()
      expect(await next(['app'], t0 - 11)).toBe(t0 - 10)
      expect(await next(['response_url', 'app'], t0)).toBe(t0 + 5)
      expect(await next(['app', 'media', 'task'], t0)).toBe(t0 + 3)
      expect(await next(['app', 'task'], t0)).toBe(t0 + 4)
      expect(await next(['task'], t0 + 4)).toBeUndefined()
      expect(await next([], t0)).toBeUndefined()
    },
  },
]
