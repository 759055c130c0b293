import { expect } from 'bun:test'
import type { Store } from '../../src/domain/ports.ts'
import { type Turn, withoutPending } from '../../src/domain/turn.ts'
import { nextDeadline } from '../../src/core/streaming/deadlines.ts'
import { seeded } from '../crypto/seeded.ts'
import type { Behaviour } from './conformance.ts'
import { amend, askedTurn, jobOf, keyOf, openAs, replyOf, shownAt, t0, turnOf } from './given.ts'

function traced(turn: Turn, kind: string): Turn {
  return { ...turn, trace: [...turn.trace, { at: t0, kind }] }
}

function kindsOf(turn: Turn | undefined): readonly string[] {
  return turn?.trace.map(event => event.kind).toSorted() ?? []
}

async function expectFailure(work: Promise<unknown>): Promise<void> {
  expect(await work.then(() => 'no failure').catch(error => error)).toMatchObject({ code: 'store_failed' })
}

/** Changes: compared by version, all or nothing; deadlines and counts follow them. */
export const changeTests: readonly Behaviour[] = [
  {
    name: 'store: every save adds a version; a step without a change saves none',
    async check(store) {
      const opened = await openAs(store, turnOf('m1'))
      const saved = await store.update(opened.id, turn => ({ save: [traced(turn, 'asked')] }))
      expect(saved).toEqual({ ...traced(opened, 'asked'), version: 2 })
      expect(await store.update(opened.id, () => undefined)).toEqual(saved)
      expect(await store.find(opened.id)).toEqual(saved)
    },
  },
  {
    name: 'store: updating a missing turn does not call the step',
    async check(store) {
      let steps = 0
      const step = () => void steps++
      expect(await store.update('missing', step)).toBeUndefined()
      expect(steps).toBe(0)
    },
  },
  {
    name: 'store: a stale save is rejected, and nothing of its change is written',
    async check(store) {
      const [mine, other] = [await openAs(store, turnOf('m1')), await openAs(store, turnOf('m2'))]
      const newest = await amend(store, other.id, { state: 'asking', question: 'newest' })
      const before = await store.counts()
      const stale = { ...other, ...shownAt(t0) }
      const change = (turn: Turn) => ({ save: [traced(turn, 'lost'), stale], add: [replyOf(turn), jobOf(turn)] })
      await expectFailure(store.update(mine.id, change))
      expect(await store.find(mine.id)).toEqual(mine)
      expect(await store.find(other.id)).toEqual(newest)
      expect(await store.outbox.ofTurn(mine.id)).toEqual([])
      expect(await store.outbox.jobsOf(mine.id)).toEqual([])
      expect(await store.counts()).toEqual(before)
    },
  },
  {
    name: 'store: a save fails if a new turn exists or an old one is missing',
    async check(store) {
      const [mine, other] = [await openAs(store, turnOf('m1')), await openAs(store, turnOf('m2'))]
      await expectFailure(store.update(mine.id, () => ({ save: [{ ...other, version: 0 }] })))
      await expectFailure(store.update(mine.id, () => ({ save: [turnOf('m3', { version: 4 })] })))
      expect(await store.find(other.id)).toEqual(other)
      expect(await store.find(turnOf('m3').id)).toBeUndefined()
    },
  },
  {
    name: 'store: an opening that throws is rolled back alone',
    async check(store) {
      const failing = (turn: Turn) =>
        store.open(keyOf(turn), () => {
          throw new Error('no')
        })
      const work = [
        openAs(store, turnOf('m1'), [replyOf(turnOf('m1'))]),
        failing(turnOf('m2')),
        openAs(store, turnOf('m3'), [replyOf(turnOf('m3'))]),
        store.see('default', 'e1', t0),
      ]
      const outcomes = await Promise.allSettled(work)
      expect(outcomes.map(one => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
      expect(await store.find(turnOf('m2').id)).toBeUndefined()
      expect((await store.find(turnOf('m3').id))?.version).toBe(1)
      expect(await store.outbox.find(replyOf(turnOf('m1')).id)).toBeDefined()
      expect(await store.see('default', 'e1', t0)).toBe(false)
      expect((await store.counts()).states.waiting).toBe(2)
    },
  },
  {
    name: 'store: an opening that does not save its turn is rolled back',
    async check(store) {
      const [turn, other] = [turnOf('m1'), turnOf('m2')]
      const opening = store.open(keyOf(turn), () => ({ save: [other], add: [replyOf(other)] }))
      expect(await opening.then(() => 'opened').catch(() => 'failed')).toBe('failed')
      expect(await store.find(other.id)).toBeUndefined()
      expect(await store.outbox.find(replyOf(other).id)).toBeUndefined()
    },
  },
  {
    name: 'store: a step that throws is rolled back alone',
    async check(store) {
      const turns = await Promise.all(['m1', 'm2', 'm3'].map(msgid => openAs(store, turnOf(msgid))))
      const outcomes = await Promise.allSettled(
        turns.map(({ id, msgid }) =>
          store.update(id, turn => {
            if (msgid === 'm2') throw new Error('no')
            return { save: [traced(turn, 'asked')], add: [replyOf(turn)] }
          }),
        ),
      )
      expect(outcomes.map(one => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      const versions = await Promise.all(turns.map(async ({ id }) => (await store.find(id))?.version))
      expect(versions).toEqual([2, 1, 2])
      expect(await store.outbox.ofTurn(turnOf('m2').id)).toEqual([])
    },
  },
  {
    name: 'store: a change that fails halfway is rolled back',
    async check(store) {
      const turn = await openAs(store, askedTurn('m1'), [replyOf(askedTurn('m1'))])
      const stale = turnOf('m3', { version: 7 })
      const work = store.update(turn.id, stored => ({
        save: [{ ...withoutPending(stored), ...shownAt(t0) }, turnOf('m2'), stale],
        add: [jobOf(turn)],
        settle: [replyOf(turn, { state: 'dropped' })],
      }))
      await expectFailure(work)
      const orphan = replyOf(turnOf('missing'))
      const settle = [replyOf(turn, { state: 'dropped' })]
      await expectFailure(store.update(turn.id, stored => ({ save: [withoutPending(stored)], settle, add: [orphan] })))
      expect(await store.find(turn.id)).toEqual(turn)
      expect(await store.find(turnOf('m2').id)).toBeUndefined()
      expect(await store.outbox.ofTurn(turn.id)).toEqual([replyOf(turn)])
      expect(await store.outbox.jobsOf(turn.id)).toEqual([])
      expect(await store.outbox.claim(['task'], { now: t0, untilMs: t0 + 1, limit: 9 })).toEqual([turn])
    },
  },
  {
    name: 'store: parallel updates of one turn all take effect',
    async check(store) {
      const { id } = await openAs(store, turnOf('m1'))
      const kinds = Array.from({ length: 50 }, (_, n) => `event ${n}`)
      await Promise.all(kinds.map(kind => store.update(id, turn => ({ save: [traced(turn, kind)] }))))
      const turn = await store.find(id)
      expect(kindsOf(turn)).toEqual([...kinds, 'received'].toSorted())
      expect(turn?.version).toBe(51)
    },
  },
  {
    name: 'store: merging a waiting turn never loses a parallel update of it',
    async check(store) {
      await openAs(store, askedTurn('m0'))
      const swallow = (msgid: string) =>
        store.open(keyOf(turnOf(msgid)), ({ waiting }) => {
          const text = `${waiting?.text ?? 'lost'}, ${msgid}`
          const joined = askedTurn(msgid, { text })
          const ended = { state: 'ended', end: 'merged', endedAt: t0 } as const
          return { save: [joined, ...(waiting ? [{ ...withoutPending(waiting), ...ended }] : [])] }
        })
      const touch = (msgid: string) => store.update(turnOf(msgid).id, turn => ({ save: [traced(turn, 'touched')] }))
      await Promise.all([swallow('m1'), touch('m0'), swallow('m2'), touch('m1'), touch('m0'), swallow('m3')])
      const turns = await Promise.all(['m0', 'm1', 'm2', 'm3'].map(msgid => store.find(turnOf(msgid).id)))
      expect(turns.map(turn => turn?.state)).toEqual(['ended', 'ended', 'ended', 'waiting'])
      expect(turns.at(-1)?.text).toBe('text of m0, m1, m2, m3')
      expect(kindsOf(turns[0])).toEqual(['received', 'touched', 'touched'])
      expect(await store.outbox.claim(['task'], { now: t0, untilMs: t0 + 1, limit: 9 })).toEqual(
        turns.slice(-1).flatMap(turn => turn ?? []),
      )
    },
  },
  {
    name: "store: a turn's deadline follows its state",
    async check(store) {
      const early = await openAs(store, turnOf('m1'))
      const late = await openAs(store, turnOf('m2', { receivedAt: t0 + 1_000 }))
      const dueIds = async (now: number, limit = 10) => (await store.due(now, limit)).map(turn => turn.msgid)
      expect(await store.nextDueAt()).toBe(early.handoverAt)
      expect(await dueIds(early.handoverAt - 1)).toEqual([])
      expect(await dueIds(early.handoverAt)).toEqual(['m1'])
      expect(await dueIds(late.handoverAt)).toEqual(['m1', 'm2'])
      expect(await dueIds(late.handoverAt, 1)).toEqual(['m1'])
      const { id } = early
      const deadlines: (number | undefined)[] = []
      for (const more of [
        { state: 'asking', question: 'q' },
        { ...shownAt(t0), state: 'closing' },
        shownAt(t0),
      ] as const) {
        const turn = await amend(store, id, more)
        deadlines.push(turn && nextDeadline(turn))
        expect(await store.nextDueAt()).toBe(Math.min(deadlines.at(-1) ?? Infinity, late.handoverAt))
      }
      expect(new Set(deadlines).size).toBe(3)
      expect(await dueIds(Infinity)).toEqual(['m2'])
    },
  },
  {
    name: 'store: counts stay correct after failed changes and a crash',
    async check(store, opened) {
      const random = seeded(20_260)
      for (let round = 0; round < 40; round++) {
        const batch = Array.from({ length: 8 }, () => changeAtRandom(store, random.below))
        await Promise.allSettled(batch)
        expect(await store.counts()).toEqual(await countAnew(store))
      }
      const counts = await store.counts()
      expect(counts.open).toBeGreaterThan(0)
      expect(await (await opened.reopen()).counts()).toEqual(counts)
    },
  },
]

const states = ['waiting', 'asking', 'streaming', 'closing', 'shown', 'moved', 'ended'] as const
const many = 60

/** Opens one of sixty turns or changes its state. Every fourth operation fails after it has written. */
async function changeAtRandom(store: Store, below: (limit: number) => number): Promise<void> {
  const turn = turnOf(`m${below(many)}`)
  const state = states[below(states.length)] ?? 'waiting'
  const more = below(2) === 0 ? { ...shownAt(t0), state } : { state }
  const poison = below(4) === 0 ? [turnOf('poison', { version: 7 })] : []
  await store.open(keyOf(turn), () => ({ save: [{ ...turn, ...more }, ...poison] }))
  await store.update(turn.id, stored => ({ save: [{ ...stored, ...more }, ...poison] }))
}

function isOpen({ state, endedAt }: Turn): boolean {
  return state !== 'shown' && state !== 'ended' && !(state === 'moved' && endedAt !== undefined)
}

async function countAnew(store: Store) {
  const all = await Promise.all(Array.from({ length: many }, (_, n) => store.find(turnOf(`m${n}`).id)))
  const turns = all.flatMap(turn => turn ?? [])
  const tally = states.map(state => [state, turns.filter(turn => turn.state === state).length])
  const unclaimed = turns.filter(turn => turn.question === undefined && turn.end === undefined).length
  return { states: Object.fromEntries(tally), open: turns.filter(isOpen).length, unclaimed }
}
