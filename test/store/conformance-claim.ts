import { expect } from 'bun:test'
import type { Delivery, Route } from '../../src/domain/delivery.ts'
import type { Change, Claimed, Store, WayOut } from '../../src/domain/ports.ts'
import type { Behaviour } from './conformance.ts'
import { askOf, openAs, part, replyOf, t0, turnOf, write } from './given.ts'

const leaseMs = 30_000
const nothing = (): Change => ({ save: [] })

interface Claim {
  readonly now?: number
  readonly limit?: number
  readonly change?: (claimed: Claimed) => Change
}

async function claim(store: Store, asked: Claim = {}): Promise<readonly Claimed[]> {
  const { now = t0, limit = 10, change = nothing } = asked
  return await store.outbox.claim({ now, untilMs: now + leaseMs, limit }, change)
}

/** What a claim got: the names behind their turn's id, or whole ids that do not begin with it. */
async function claimed(store: Store, asked: Claim = {}): Promise<readonly string[]> {
  return (await claim(store, asked)).map(({ delivery: { id }, turn }) => {
    const before = part(turn, '')
    return id.startsWith(before) ? id.slice(before.length) : id
  })
}

/** What a worker of `routes` got: the last parts of the ids. */
async function taken(store: Store, routes: readonly WayOut[], now = t0, limit = 10): Promise<readonly string[]> {
  const got = await store.outbox.take(routes, { now, untilMs: now + leaseMs, limit })
  return got.map(({ id }) => id.slice(id.lastIndexOf(':') + 1))
}

/** Opens a turn with asks of these names, each in a lane of its own unless it says otherwise. */
async function openWith(store: Store, asks: Readonly<Record<string, Partial<Delivery>>>) {
  const turn = turnOf('m1')
  const add = Object.entries(asks).map(([name, more]) =>
    askOf(turn, { id: part(turn, name), lane: `lane of ${name}`, ...more }),
  )
  return { turn: await openAs(store, turn, add), add }
}

function beginSending({ delivery, turn }: Claimed): Change {
  const question = `${turn.question ?? ''}+${delivery.id}`
  return { save: [{ ...turn, state: 'asking', question }], settle: [{ ...delivery, state: 'sending' }] }
}

function failAtTwo({ delivery, turn }: Claimed): Change {
  if (delivery.id === part(turn, 'two')) throw new Error('no')
  return { save: [{ ...turn, question: 'q' }], drop: [part(turn, 'one')] }
}

/** Claims and leases. */
export const claimTests: readonly Behaviour[] = [
  {
    name: 'store: a claim gets the questions that are due, with the turn, up to its limit and the earliest first',
    async check(store) {
      const { turn } = await openWith(store, {
        later: { dueAt: t0 + 1 },
        now: { dueAt: t0 },
        early: { dueAt: t0 - 1 },
        elsewhere: { route: 'response_url', dueAt: t0 },
      })
      const [first, ...others] = await claim(store, { limit: 1 })
      const early = { id: part(turn, 'early'), lane: 'lane of early', dueAt: t0 - 1 }
      expect(first).toEqual({ delivery: askOf(turn, early), turn })
      expect(others).toEqual([])
      expect(await claimed(store)).toEqual(['now'])
      expect(await claimed(store, { now: t0 + 1 })).toEqual(['later'])
    },
  },
  {
    name: 'store: what goes to WeCom is taken by its routes, as it is stored, up to a limit and the earliest first',
    async check(store) {
      const { turn } = await openWith(store, {
        ask: {},
        later: { route: 'app', dueAt: t0 + 1 },
        home: { route: 'response_url' },
        early: { route: 'app', dueAt: t0 - 1 },
        now: { route: 'app' },
        robot: { route: 'webhook' },
      })
      const lease = { now: t0, untilMs: t0 + leaseMs, limit: 1 }
      expect(await store.outbox.take(['app'], lease)).toEqual(
        [await store.outbox.find(part(turn, 'early'))].flatMap(one => one ?? []),
      )
      expect(await taken(store, ['app', 'appchat'])).toEqual(['now'])
      expect(await taken(store, ['app'])).toEqual([])
      expect((await taken(store, ['response_url', 'app', 'webhook'], t0 + 1)).toSorted()).toEqual([
        'home',
        'later',
        'robot',
      ])
      await store.outbox.release(['later', 'home'].map(name => part(turn, name)))
      expect(await taken(store, ['response_url', 'app'], t0 + 1, 1)).toHaveLength(1)
      expect(await claimed(store)).toEqual(['ask'])
    },
  },
  {
    name: 'store: workers that take at the same time never get the same delivery, and only heads of lanes',
    async check(store) {
      const names = Array.from({ length: 12 }, (_, n) => `d${n}`)
      const add = names.map((name, n) => [name, { route: 'app', lane: `lane ${n % 6}`, order: n }] as const)
      await openWith(store, Object.fromEntries(add))
      const got = await Promise.all([2, 2, 9].map(limit => taken(store, ['app'], t0, limit)))
      expect(got.map(one => one.length)).toEqual([2, 2, 2])
      expect(got.flat().toSorted()).toEqual(names.slice(0, 6).toSorted())
    },
  },
  {
    name: 'store: only the head of a lane is claimed, whichever was added first',
    async check(store) {
      const { turn, add } = await openWith(store, {
        third: { lane: 'a', order: 30, dueAt: t0 - 5 },
        first: { lane: 'a', order: 10 },
        second: { lane: 'a', order: 20 },
        other: { lane: 'b', order: 99 },
      })
      const settle = (name: string, more: Partial<Delivery>) =>
        write(store, turn, { settle: add.filter(one => one.id === part(turn, name)).map(one => ({ ...one, ...more })) })
      expect((await claimed(store)).toSorted()).toEqual(['first', 'other'])
      expect(await claimed(store)).toEqual([])
      await settle('first', { state: 'delivered' })
      expect(await claimed(store)).toEqual(['second'])
      await write(store, turn, { drop: [part(turn, 'second')] })
      expect(await claimed(store)).toEqual(['third'])
    },
  },
  {
    name: 'store: a head that is held or not yet due keeps its lane back',
    async check(store) {
      await openWith(store, {
        held: { lane: 'a', order: 1, state: 'held', dueAt: t0 + 5 },
        behind: { lane: 'a', order: 2 },
        slow: { lane: 'b', order: 1, dueAt: t0 + 5, route: 'response_url' },
        waits: { lane: 'b', order: 2 },
      })
      expect(await claimed(store)).toEqual([])
      expect(await claimed(store, { now: t0 + 5 })).toEqual(['held'])
    },
  },
  {
    name: 'store: a leased delivery is claimable again when its lease is over',
    async check(store) {
      await openWith(store, { one: {} })
      expect(await claimed(store)).toEqual(['one'])
      expect(await claimed(store, { now: t0 + leaseMs - 1 })).toEqual([])
      expect(await claimed(store, { now: t0 + leaseMs })).toEqual(['one'])
    },
  },
  {
    name: 'store: claims at the same time never get the same delivery',
    async check(store) {
      const names = Array.from({ length: 40 }, (_, n) => `d${n}`)
      await openWith(store, Object.fromEntries(names.map(name => [name, {}])))
      const claims = await Promise.all(Array.from({ length: 6 }, () => claimed(store, { limit: 7 })))
      expect(claims.map(got => got.length).toSorted((a, b) => a - b)).toEqual([5, 7, 7, 7, 7, 7])
      expect(claims.flat().toSorted()).toEqual(names.toSorted())
    },
  },
  {
    name: 'store: the change of a claim is committed with it, and the claim shows it',
    async check(store, opened) {
      const { turn } = await openWith(store, { one: {}, two: {} })
      const got = await claim(store, { change: beginSending })
      expect(got.map(one => one.delivery.state)).toEqual(['sending', 'sending'])
      expect(got.map(one => one.turn.version)).toEqual([2, 3])
      const question = `+${part(turn, 'one')}+${part(turn, 'two')}`
      expect((await store.find(turn.id))?.question).toBe(question)
      expect((await store.outbox.find(part(turn, 'one')))?.state).toBe('sending')
      expect((await (await opened.reopen()).find(turn.id))?.question).toBe(question)
    },
  },
  {
    name: 'store: a claim whose change throws leases nothing and writes nothing',
    async check(store) {
      const { turn } = await openWith(store, { one: {}, two: {} })
      expect(await claim(store, { change: failAtTwo }).catch(() => 'failed')).toBe('failed')
      expect(await store.find(turn.id)).toEqual(turn)
      expect(await claimed(store)).toEqual(['one', 'two'])
    },
  },
  {
    name: 'store: a delivery that is queued again gives its lease back, one that is sending keeps it',
    async check(store) {
      const { turn, add } = await openWith(store, { again: {}, going: {} })
      await claim(store)
      const settle = [
        { ...askOf(turn), ...add[0], state: 'queued', dueAt: t0 + 5 },
        { ...askOf(turn), ...add[1], state: 'sending', dueAt: t0 + 5 },
      ] as const
      await write(store, turn, { settle })
      expect(await claimed(store, { now: t0 + 4 })).toEqual([])
      expect(await claimed(store, { now: t0 + 5 })).toEqual(['again'])
    },
  },
  {
    name: 'store: renewing keeps what is ours and names it',
    async check(store) {
      const { turn } = await openWith(store, { kept: {}, done: {}, released: {}, waiting: { dueAt: t0 + 1 } })
      await claim(store)
      await write(store, turn, { drop: [part(turn, 'done')] })
      await store.outbox.release([part(turn, 'released')])
      const names = ['kept', 'done', 'released', 'waiting', 'nobody']
      const asked = [...names.map(name => part(turn, name)), 'nobody']
      expect(await store.outbox.renew(asked, t0 + 2 * leaseMs)).toEqual([part(turn, 'kept')])
      expect(await store.outbox.renew([], t0 + 2 * leaseMs)).toEqual([])
      expect((await claimed(store, { now: t0 + leaseMs })).toSorted()).toEqual(['released', 'waiting'])
      expect(await claimed(store, { now: t0 + 2 * leaseMs })).toContain('kept')
    },
  },
  {
    name: 'store: what is released can be claimed at once',
    async check(store) {
      const { turn } = await openWith(store, { one: {}, two: {} })
      await claim(store, { change: ({ delivery }) => ({ save: [], settle: [{ ...delivery, state: 'sending' }] }) })
      await store.outbox.release([part(turn, 'one'), part(turn, 'nobody'), 'nobody'])
      expect(await claimed(store)).toEqual(['one'])
      await store.outbox.release([])
    },
  },
  {
    name: 'store: the next due time is the first after a moment, of the routes asked for and not yet done',
    async check(store) {
      const { turn } = await openWith(store, {
        past: { dueAt: t0 - 10 },
        soon: { dueAt: t0 + 10 },
        late: { dueAt: t0 + 20 },
        done: { dueAt: t0 + 1, state: 'delivered' },
      })
      await write(store, turn, { add: [replyOf(turn, { dueAt: t0 + 5 })] })
      const next = (routes: readonly Route[], after: number) => store.outbox.nextDueAt(routes, after)
      expect(await next(['gateway'], t0)).toBe(t0 + 10)
      expect(await next(['gateway'], t0 + 10)).toBe(t0 + 20)
      expect(await next(['gateway'], t0 + 20)).toBeUndefined()
      expect(await next(['gateway'], t0 - 11)).toBe(t0 - 10)
      expect(await next(['response_url', 'gateway'], t0)).toBe(t0 + 5)
      expect(await next([], t0)).toBeUndefined()
    },
  },
]
