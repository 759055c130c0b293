import { expect } from 'bun:test'
import { withoutPending } from '../../src/domain/turn.ts'
import { formatStreamId } from '../../src/domain/routing.ts'
import type { Behaviour } from './conformance.ts'
import { amend, askedTurn, day, keyOf, minute, openAs, shownAt, loadFor, t0, turnOf } from './given.ts'

function group(id: string) {
  return { account: 'default', kind: 'group', id } as const
}

/** Opening turns, and the load that a new message finds. */
export const openTests: readonly Behaviour[] = [
  {
    name: 'store: opening a turn again returns the stored one',
    async check(store) {
      const turn = turnOf('m1', { streamId: formatStreamId(1, 'token') })
      const first = await store.open(keyOf(turn), () => ({ save: [turn] }))
      expect(first).toEqual({ turn: { ...turn, version: 1 }, seen: false })
      const again = await store.open(keyOf(turn), () => {
        throw new Error('a known turn is not opened')
      })
      expect(again).toEqual({ turn: first.turn, seen: true })
      expect(await store.find(turn.id)).toEqual(first.turn)
      expect(await store.findByStream(turn.streamId)).toEqual(first.turn)
    },
  },
  {
    name: 'store: a stream is found by its whole id only',
    async check(store) {
      const openNext = async (msgid: string) => {
        const opened = await store.open(keyOf(turnOf(msgid)), ({ nextOrder }) => ({
          save: [turnOf(msgid, { order: nextOrder, streamId: formatStreamId(nextOrder, `token of ${msgid}`) })],
        }))
        return opened.turn
      }
      const turns = [await openNext('m1'), ...(await Promise.all(['m2', 'm3'].map(openNext)))]
      for (const turn of turns) expect(await store.findByStream(turn.streamId)).toEqual(turn)
      for (const guess of [formatStreamId(1, 'guess'), formatStreamId(99, 'token of m1'), 'st-1', 'st_1', '', '1']) {
        expect(await store.findByStream(guess), guess).toBeUndefined()
      }
    },
  },
  {
    name: 'store: five parallel openings of one id store one turn',
    async check(store) {
      const turns = [1, 2, 3, 4, 5].map(n => turnOf('m1', { streamId: `st_${n}`, text: `copy ${n}` }))
      const opened = await Promise.all(turns.map(turn => store.open(keyOf(turn), () => ({ save: [turn] }))))
      expect(opened.filter(one => !one.seen)).toHaveLength(1)
      expect(new Set(opened.map(one => JSON.stringify(one.turn))).size).toBe(1)
      expect((await store.counts()).open).toBe(1)
    },
  },
  {
    name: 'store: a missing turn or delivery is undefined',
    async check(store) {
      expect(await store.find('missing')).toBeUndefined()
      expect(await store.findByStream('missing')).toBeUndefined()
      expect(await store.nextDueAt()).toBeUndefined()
      expect(await store.outbox.find('missing')).toBeUndefined()
      expect(await store.outbox.ofTurn('missing')).toEqual([])
      expect(await store.outbox.jobsOf('missing')).toEqual([])
    },
  },
  {
    name: 'store: a message joins the waiting turn of its sender and conversation',
    async check(store) {
      const waiting = await openAs(store, askedTurn('m1', { sender: 'zhangsan', conversation: group('1') }))
      await openAs(store, askedTurn('m2', { sender: 'lisi', conversation: group('1') }))
      await openAs(
        store,
        askedTurn('m3', { sender: 'zhangsan', conversation: group('2'), end: 'busy', state: 'ended' }),
      )
      const loadOf = (sender: string, id: string) => loadFor(store, turnOf('m9', { sender, conversation: group(id) }))
      expect((await loadOf('zhangsan', '1')).waiting).toEqual(waiting)
      expect((await loadOf('lisi', '1')).waiting?.msgid).toBe('m2')
      expect((await loadOf('wangwu', '1')).waiting).toBeUndefined()
      expect((await loadOf('zhangsan', '2')).waiting).toBeUndefined()
    },
  },
  {
    name: 'store: a turn can be joined until its question is frozen or it ends',
    async check(store) {
      const next = turnOf('m9')
      await openAs(store, askedTurn('m1'))
      await amend(store, turnOf('m1').id, { state: 'moved', closedWith: 'later' })
      expect((await loadFor(store, next)).waiting?.msgid).toBe('m1')
      await amend(store, turnOf('m1').id, { question: 'frozen' })
      expect((await loadFor(store, next)).waiting).toBeUndefined()
      await openAs(store, askedTurn('m2'))
      await amend(store, turnOf('m2').id, { state: 'ended', end: 'merged', endedAt: t0 })
      expect((await loadFor(store, next)).waiting).toBeUndefined()
    },
  },
  {
    name: 'store: senders are compared without case',
    async check(store) {
      await openAs(store, askedTurn('m1', { sender: 'ZhangSan' }))
      const load = await loadFor(store, turnOf('m9', { sender: 'zHANGsAN' }))
      expect(load.waiting?.sender).toBe('ZhangSan')
      expect(load.sentLastMinute).toBe(1)
      await amend(store, turnOf('m1').id, { state: 'ended', end: 'expired', endedAt: t0, unsaid: true })
      expect((await loadFor(store, turnOf('m9', { sender: 'ZHANGSAN' }))).unsaid?.msgid).toBe('m1')
    },
  },
  {
    name: "store: a sender's newest unreported end is found until it is reported",
    async check(store) {
      const unsaid = { state: 'ended', end: 'expired', endedAt: t0, unsaid: true } as const
      await openAs(store, turnOf('m1', unsaid))
      await openAs(store, turnOf('m2', unsaid))
      await openAs(store, turnOf('m3', { ...unsaid, sender: 'lisi' }))
      await openAs(store, turnOf('m4', { ...unsaid, account: 'other' }))
      expect((await loadFor(store, turnOf('m9'))).unsaid?.msgid).toBe('m2')
      await amend(store, turnOf('m2').id, { unsaid: false })
      expect((await loadFor(store, turnOf('m9'))).unsaid?.msgid).toBe('m1')
      expect((await loadFor(store, turnOf('m9', { sender: 'wangwu' }))).unsaid).toBeUndefined()
    },
  },
  {
    name: 'store: a moved turn counts as open until its run is over',
    async check(store) {
      const states = ['waiting', 'asking', 'streaming', 'closing', 'shown', 'moved', 'ended'] as const
      for (const state of states) await openAs(store, turnOf(`of ${state}`, { state, sender: state }))
      await openAs(store, turnOf('over', { ...shownAt(t0), state: 'moved', sender: 'over' }))
      expect((await loadFor(store, turnOf('m9'))).openTurns).toBe(5)
      const one = { waiting: 1, asking: 1, streaming: 1, closing: 1, shown: 1, ended: 1 }
      expect(await store.counts()).toMatchObject({ open: 5, states: { ...one, moved: 2 } })
    },
  },
  {
    name: 'store: messages of the last minute are counted by sender and account',
    async check(store) {
      const receivedAt = t0 + minute
      const ages = [0, 1, minute - 1, minute, minute + 1]
      for (const age of ages) await openAs(store, turnOf(`${age} ms old`, { receivedAt: receivedAt - age }))
      await openAs(store, turnOf('busy', { receivedAt, state: 'ended', end: 'busy', endedAt: receivedAt }))
      await openAs(store, turnOf('elsewhere', { receivedAt, conversation: group('1') }))
      await openAs(store, turnOf('m1', { receivedAt, sender: 'lisi' }))
      await openAs(store, turnOf('m2', { receivedAt, account: 'other' }))
      expect((await loadFor(store, turnOf('m9', { receivedAt }))).sentLastMinute).toBe(5)
    },
  },
  {
    name: 'store: the order of turns rises with every turn',
    async check(store) {
      const places: number[] = []
      const open = async (msgid: string) => {
        await store.open(keyOf(turnOf(msgid)), ({ nextOrder }) => {
          places.push(nextOrder)
          return { save: [turnOf(msgid, { order: nextOrder })] }
        })
      }
      await open('m1')
      await Promise.all(['m2', 'm3', 'm4'].map(open))
      await open('m5')
      expect(places).toHaveLength(5)
      expect(places).toEqual([...new Set(places)].toSorted((a, b) => a - b))
    },
  },
  {
    name: 'store: an event is new once per account',
    async check(store) {
      const seen = await Promise.all([1, 2, 3, 4, 5].map(n => store.see('default', 'e1', t0 + n)))
      expect(seen.filter(isNew => isNew)).toHaveLength(1)
      expect(await store.see('default', 'e1', t0 + day)).toBe(false)
      expect(await store.see('other', 'e1', t0)).toBe(true)
      expect(await store.see('default', 'E1', t0)).toBe(true)
    },
  },
  {
    name: 'store: a new message sees the pending turns of its conversation in order',
    async check(store) {
      await openAs(store, askedTurn('m1', { order: 1, conversation: group('s') }))
      await openAs(store, askedTurn('m3', { order: 3, sender: 'lisi', conversation: group('s') }))
      await openAs(store, askedTurn('m2', { order: 2, sender: 'wang', conversation: group('s') }))
      await openAs(store, askedTurn('other', { conversation: group('other') }))
      const inLane = async () => {
        let seen: readonly string[] = []
        const look = store.open(keyOf(turnOf('m9', { conversation: group('s') })), load => {
          seen = load.inLane().map(({ msgid }) => msgid)
          throw new Error('only looking')
        })
        await look.catch(() => {})
        return seen
      }
      expect(await inLane()).toEqual(['m1', 'm2', 'm3'])
      await amend(store, turnOf('m1').id, { pending: { state: 'claimed', dueAt: t0 }, question: 'q' })
      expect(await inLane()).toEqual(['m1', 'm2', 'm3'])
      await store.update(turnOf('m2').id, turn => ({ save: [withoutPending(turn)] }))
      expect(await inLane()).toEqual(['m1', 'm3'])
    },
  },
  {
    name: 'store: a message never joins a waiting command',
    async check(store) {
      for (const task of ['reset', 'pass', 'approve'] as const) await openAs(store, askedTurn(task, { task }))
      expect((await loadFor(store, turnOf('m9'))).waiting).toBeUndefined()
      expect((await store.counts()).unclaimed).toBe(0)
      await amend(store, turnOf('reset').id, { task: 'ask' })
      expect((await loadFor(store, turnOf('m9'))).waiting?.msgid).toBe('reset')
    },
  },
]
