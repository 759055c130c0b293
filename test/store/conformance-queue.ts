import { expect } from 'bun:test'
import type { Store } from '../../src/domain/ports.ts'
import { type Turn, withoutPending } from '../../src/domain/turn.ts'
import { seeded } from '../crypto/seeded.ts'
import type { Behaviour } from './conformance.ts'
import { askedTurn, keyOf, openAs, t0, turnOf } from './given.ts'
import { aloneTurn, claimed, claimTasks, finish, groupTurn, openAll, queuedAt } from './queues.ts'

/** Opens `msgid` as a message that a waiting turn of its sender is merged into, and that takes over its place. */
async function swallow(store: Store, waiting: Turn, msgid: string, isFirst: boolean): Promise<void> {
  const joined = { ...groupTurn(msgid, waiting.order), sender: waiting.sender }
  const ended = { state: 'ended', end: 'merged', endedAt: t0, mergedInto: joined.id } as const
  const over = { ...withoutPending(waiting), ...ended }
  await store.open(keyOf(joined), () => ({ save: isFirst ? [joined, over] : [over, joined] }))
}

const many = 40
const conversations = 5

function numbered(n: number): Turn {
  return askedTurn(`m${n}`, { sender: `user${n % conversations}`, order: n })
}

/** Opens one of many turns, queues its task or finishes it. Every fourth operation fails after it has written. */
async function changeAtRandom(store: Store, below: (limit: number) => number): Promise<void> {
  const turn = numbered(below(many))
  const poison = below(4) === 0 ? [turnOf('poison', { version: 7 })] : []
  const isQueued = below(2) === 0
  await store.open(keyOf(turn), () => ({ save: [turn, ...poison] }))
  await store.update(turn.id, stored => ({
    save: [isQueued ? { ...stored, ...queuedAt(t0) } : withoutPending(stored), ...poison],
  }))
}

/** The first pending task of each conversation, computed from the turns. */
async function headsOf(store: Store): Promise<readonly string[]> {
  const stored = await Promise.all(Array.from({ length: many }, (_, n) => store.find(numbered(n).id)))
  const pending = stored.flatMap(turn => (turn?.pending ? [turn] : []))
  return pending
    .filter(turn => !pending.some(({ sender, order }) => sender === turn.sender && order < turn.order))
    .map(({ msgid }) => msgid)
    .toSorted()
}

/** The tasks that can be claimed now. Releases them again. */
async function claimable(store: Store): Promise<readonly string[]> {
  const turns = await store.outbox.claim(['task'], { now: t0, untilMs: t0, limit: many })
  return turns.map(({ msgid }) => msgid).toSorted()
}

/** The queues of conversations. */
export const queueTests: readonly Behaviour[] = [
  {
    name: 'store: only the first task of a conversation is claimed',
    async check(store) {
      const third = groupTurn('third', 30, queuedAt(t0 - 5))
      await openAll(store, [third, groupTurn('first', 10), groupTurn('second', 20), aloneTurn('other', { order: 99 })])
      expect((await claimed(store)).toSorted()).toEqual(['first', 'other'])
      expect(await claimed(store)).toEqual([])
      await finish(store, 'second')
      expect(await claimed(store)).toEqual([])
      await finish(store, 'first')
      expect(await claimed(store)).toEqual(['third'])
    },
  },
  {
    name: 'store: a first task that is not due blocks its queue',
    async check(store) {
      await openAll(store, [groupTurn('slow', 1, queuedAt(t0 + 5)), groupTurn('waits', 2)])
      expect(await claimed(store)).toEqual([])
      expect(await store.outbox.nextDueAt(['task'], t0 - 1)).toBe(t0 + 5)
      expect(await claimed(store, { now: t0 + 5 })).toEqual(['slow'])
      await finish(store, 'slow')
      expect(await claimed(store, { now: t0 + 5 })).toEqual(['waits'])
    },
  },
  {
    name: 'store: tasks of every kind share the queue of their conversation',
    async check(store) {
      const tasks = ['reset', 'pass', 'approve', 'ask'] as const
      await openAll(
        store,
        tasks.map((task, n) => groupTurn(task, n + 1, { task })),
      )
      for (const task of tasks) {
        expect(await claimed(store)).toEqual([task])
        await finish(store, task)
      }
    },
  },
  {
    name: 'store: account, kind and id of the conversation separate the queues',
    async check(store) {
      const conversations = [
        { account: 'default', kind: 'direct', id: 'team' },
        { account: 'default', kind: 'group', id: 'team' },
        { account: 'default', kind: 'group', id: 'Team' },
        { account: 'other', kind: 'group', id: 'team' },
      ] as const
      const turns = conversations.map((conversation, n) => askedTurn(`m${n}`, { conversation, order: n }))
      await openAll(store, turns)
      const person = { account: 'default', kind: 'direct', id: 'TEAM' } as const
      await openAs(store, askedTurn('m9', { conversation: person, order: 9 }))
      expect((await claimed(store)).toSorted()).toEqual(['m0', 'm1', 'm2', 'm3'])
    },
  },
  {
    name: 'store: a claim that finishes its task unblocks the next one',
    async check(store) {
      await openAll(store, [groupTurn('first', 1), groupTurn('second', 2)])
      const [first] = await claimTasks(store, { change: turn => ({ save: [withoutPending(turn)] }) })
      expect(first).not.toHaveProperty('pending')
      expect(await claimed(store)).toEqual(['second'])
    },
  },
  {
    name: 'store: a task with an earlier place becomes the head of its queue',
    async check(store) {
      await openAll(store, [groupTurn('second', 2)])
      await openAll(store, [groupTurn('first', 1)])
      expect(await claimed(store)).toEqual(['first'])
    },
  },
  {
    name: 'store: a finished task that is queued again returns to its place',
    async check(store) {
      await openAll(store, [groupTurn('first', 1), groupTurn('second', 2)])
      await finish(store, 'first')
      await store.update(turnOf('first').id, turn => ({ save: [{ ...turn, ...queuedAt(t0) }] }))
      expect(await claimed(store)).toEqual(['first'])
      await finish(store, 'first')
      expect(await claimed(store)).toEqual(['second'])
    },
  },
  {
    name: 'store: a turn takes the place of the turn that is merged into it',
    async check(store, opened) {
      for (const isFirst of [true, false]) {
        const waiting = await openAs(store, groupTurn(`m1 ${isFirst}`, 1))
        await openAs(store, groupTurn(`other ${isFirst}`, 2))
        await swallow(store, waiting, `m3 ${isFirst}`, isFirst)
        expect(await claimed(store)).toEqual([`m3 ${isFirst}`])
        await finish(store, `m3 ${isFirst}`)
        expect(await claimed(store)).toEqual([`other ${isFirst}`])
        await finish(store, `other ${isFirst}`)
      }
      const behind = [await openAs(store, groupTurn('head', 3)), await openAs(store, groupTurn('m4', 4))] as const
      await openAs(store, groupTurn('last', 5))
      await swallow(store, behind[1], 'm6', true)
      const second = await opened.reopen()
      for (const msgid of ['head', 'm6', 'last']) {
        expect(await claimed(second)).toEqual([msgid])
        await finish(second, msgid)
      }
    },
  },
  {
    name: 'store: a crash keeps the order of a queue and releases its leases',
    async check(store, opened) {
      await openAll(store, [groupTurn('third', 3), groupTurn('first', 1), groupTurn('second', 2)])
      const claim = {
        change: (turn: Turn) => ({ save: [{ ...turn, pending: { state: 'claimed', dueAt: t0 } as const }] }),
      }
      expect(await claimed(store, claim)).toEqual(['first'])
      const second = await opened.reopen()
      expect(await claimed(second, claim)).toEqual(['first'])
      await finish(second, 'first')
      expect(await claimed(second)).toEqual(['second'])
      await finish(second, 'second')
      expect(await claimed(await opened.reopen())).toEqual(['third'])
    },
  },
  {
    name: 'store: heads of queues stay correct after failed changes and a crash',
    async check(store, opened) {
      const random = seeded(20_261)
      for (let round = 0; round < 40; round++) {
        const batch = Array.from({ length: 8 }, () => changeAtRandom(store, random.below))
        await Promise.allSettled(batch)
        expect(await claimable(store)).toEqual(await headsOf(store))
      }
      const heads = await headsOf(store)
      expect(heads.length).toBeGreaterThan(1)
      expect(await claimable(await opened.reopen())).toEqual(heads)
    },
  },
]
