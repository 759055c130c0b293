import { expect } from 'bun:test'
import type { Change } from '../../src/domain/ports.ts'
import { type Turn, withoutPending } from '../../src/domain/turn.ts'
import type { Behaviour } from './conformance.ts'
import { amend, leaseMs, openAs, part, refsOf, replyOf, sendOf, t0, turnOf } from './given.ts'
import { aloneTurn, claimed, claimTasks, finish, openAll, queuedAt } from './queues.ts'

function begun(turn: Turn): Change {
  const pending = { state: 'claimed', dueAt: t0 } as const
  return { save: [{ ...turn, state: 'asking', question: `question of ${turn.msgid}`, pending }] }
}

/** Claims and leases of tasks. */
export const taskTests: readonly Behaviour[] = [
  {
    name: 'store: due tasks are claimed, earliest first, with a limit',
    async check(store) {
      const early = aloneTurn('early', queuedAt(t0 - 1))
      await openAll(store, [aloneTurn('later', queuedAt(t0 + 1)), aloneTurn('now'), early, turnOf('none')])
      expect(await claimTasks(store, { limit: 1 })).toEqual([{ ...early, version: 1 }])
      expect(await claimed(store)).toEqual(['now'])
      expect(await claimed(store, { now: t0 + 1 })).toEqual(['later'])
    },
  },
  {
    name: 'store: parallel claims get each task once',
    async check(store) {
      const msgids = Array.from({ length: 40 }, (_, n) => `m${n}`)
      await openAll(
        store,
        msgids.map(msgid => aloneTurn(msgid)),
      )
      const claims = await Promise.all(Array.from({ length: 6 }, () => claimed(store, { limit: 7 })))
      expect(claims.map(got => got.length).toSorted((a, b) => a - b)).toEqual([5, 7, 7, 7, 7, 7])
      expect(claims.flat().toSorted()).toEqual(msgids.toSorted())
    },
  },
  {
    name: 'store: a claimed task can be claimed again when its lease expires',
    async check(store) {
      await openAs(store, aloneTurn('one'))
      expect(await claimed(store, { change: begun })).toEqual(['one'])
      expect(await claimed(store, { now: t0 + leaseMs - 1 })).toEqual([])
      expect(await claimed(store, { now: t0 + leaseMs })).toEqual(['one'])
    },
  },
  {
    name: 'store: the change of a task claim is committed and returned',
    async check(store, opened) {
      await openAll(store, [aloneTurn('one'), aloneTurn('two')])
      const got = await claimTasks(store, { change: begun })
      expect(got.map(({ msgid, version, question }) => [msgid, version, question])).toEqual([
        ['one', 2, 'question of one'],
        ['two', 2, 'question of two'],
      ])
      for (const turn of got) expect(await store.find(turn.id)).toEqual(turn)
      const second = await opened.reopen()
      for (const turn of got) expect(await second.find(turn.id)).toEqual(turn)
    },
  },
  {
    name: 'store: a claim returns its own turn if the change saves another one',
    async check(store) {
      const other = await openAs(store, turnOf('other'))
      const one = await openAs(store, aloneTurn('one'))
      const change = (): Change => ({ save: [{ ...other, answer: 'changed' }] })
      expect(await claimTasks(store, { change })).toEqual([one])
      expect((await store.find(other.id))?.answer).toBe('changed')
    },
  },
  {
    name: 'store: a claim whose change throws leases and writes nothing',
    async check(store) {
      const turns = [await openAs(store, aloneTurn('one')), await openAs(store, aloneTurn('two'))]
      const change = (turn: Turn): Change => {
        if (turn.msgid === 'two') throw new Error('no')
        return { save: [withoutPending(turn)], add: [replyOf(turn)] }
      }
      expect(await claimTasks(store, { change }).catch(() => 'failed')).toBe('failed')
      for (const turn of turns) expect(await store.find(turn.id)).toEqual(turn)
      expect(await store.outbox.ofTurn(turnOf('one').id)).toEqual([])
      expect(await claimed(store)).toEqual(['one', 'two'])
    },
  },
  {
    name: 'store: queueing a task releases its lease, a claimed one keeps it',
    async check(store) {
      await openAll(store, [aloneTurn('again'), aloneTurn('going')])
      await claimTasks(store, { change: begun })
      await amend(store, turnOf('again').id, queuedAt(t0 + 5))
      await amend(store, turnOf('going').id, { pending: { state: 'claimed', dueAt: t0 + 5 } })
      expect(await claimed(store, { now: t0 + 4 })).toEqual([])
      expect(await claimed(store, { now: t0 + 5 })).toEqual(['again'])
    },
  },
  {
    name: 'store: a pending task is due when the last save set it',
    async check(store) {
      const { id } = await openAs(store, aloneTurn('one', { task: 'reset' }))
      await Promise.all([amend(store, id, queuedAt(t0 + 240_000)), amend(store, id, queuedAt(t0 + 7))])
      expect((await store.find(id))?.pending).toEqual({ state: 'queued', dueAt: t0 + 7 })
      expect(await store.outbox.nextDueAt(['task'], t0)).toBe(t0 + 7)
      expect(await claimed(store, { now: t0 + 6 })).toEqual([])
      await finish(store, 'one')
      expect(await store.outbox.nextDueAt(['task'], t0)).toBeUndefined()
      expect(await claimed(store, { now: t0 + 7 })).toEqual([])
    },
  },
  {
    name: 'store: only leased tasks are renewed, released ones can be claimed',
    async check(store) {
      const names = ['kept', 'done', 'released', 'waiting']
      await openAll(
        store,
        names.map(name => aloneTurn(name, name === 'waiting' ? queuedAt(t0 + 1) : {})),
      )
      await claimTasks(store, { change: begun })
      await finish(store, 'done')
      await store.outbox.release(refsOf('task', [turnOf('released').id, 'missing']))
      const asked = refsOf('task', [...names.map(name => turnOf(name).id), 'missing'])
      expect(await store.outbox.renew(asked, t0 + 2 * leaseMs)).toEqual(refsOf('task', [turnOf('kept').id]))
      expect(await claimed(store)).toEqual(['released'])
      expect((await claimed(store, { now: t0 + leaseMs })).toSorted()).toEqual(['released', 'waiting'])
      expect(await claimed(store, { now: t0 + 2 * leaseMs })).toContain('kept')
    },
  },
  {
    name: 'store: equal ids of different kinds have separate leases',
    async check(store) {
      const turn = aloneTurn('m1')
      const twin = aloneTurn('m2', { id: part(turn, 'response_url') })
      await openAll(store, [turn, twin])
      await store.outbox.write({ add: [replyOf(turn), sendOf(turn.id)] })
      const kinds = ['task', 'response_url', 'app'] as const
      const claimAll = async () =>
        (await store.outbox.claim(kinds, { now: t0, untilMs: t0 + leaseMs, limit: 9 })).map(({ id }) => id)
      expect(await claimAll()).toEqual([turn.id, twin.id, twin.id, turn.id])
      const all = [
        ['task', turn.id],
        ['app', turn.id],
        ['response_url', twin.id],
        ['task', twin.id],
      ] as const
      const refs = all.map(([kind, id]) => ({ kind, id }))
      for (const ref of refs) {
        await store.outbox.release([ref])
        const left = refs.filter(other => other !== ref)
        expect(await store.outbox.renew(refs, t0 + leaseMs)).toEqual(left)
        expect(await claimAll()).toEqual([ref.id])
      }
    },
  },
]
