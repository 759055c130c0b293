import { expect } from 'bun:test'
import type { Store, SweepLimits } from '../../src/domain/ports.ts'
import { type Turn, withoutPending } from '../../src/domain/turn.ts'
import { formatStreamId } from '../../src/domain/routing.ts'
import type { Behaviour } from './conformance.ts'
import { day, jobOf, keyOf, minute, openAs, part, replyOf, sendOf, shownAt, loadFor, t0, turnOf } from './given.ts'

const secret = '只给你看的话'
const attachments = [{ kind: 'file', mediaId: 'm', fileName: secret, state: 'kept', file: 'f' }] as const
const clickable = { task_id: 'card_1', card_type: 'text_notice' }
const card = { state: 'sent', card: clickable, around: secret, words: secret, inWords: secret } as const
const full = {
  card,
  text: secret,
  preface: secret,
  attachments,
  responseUrl: 'https://example.com/?response_code=secret',
}

/** A finished turn, `days` old, with content in every field that a sweep erases. */
function oldTurn(msgid: string, days: number, more: Partial<Turn> = {}): Turn {
  const at = t0 - days * day
  const contents = { ...full, question: secret, answer: secret, closedWith: secret }
  return turnOf(msgid, { ...shownAt(at), ...contents, receivedAt: at, shownBytes: 3, ...more })
}

/** Sweeps until nothing is left, as the retention source does. */
async function sweepAll(store: Store, limits: SweepLimits) {
  const total = { erased: 0, removed: 0 }
  for (let rounds = 0; rounds < 1_000; rounds++) {
    const { erased, removed } = await store.sweep(limits)
    if (erased + removed === 0) return total
    total.erased += erased
    total.removed += removed
  }
  throw new Error('sweeping never ends')
}

const retention = { now: t0, contentBefore: t0 - 7 * day, rowBefore: t0 - 30 * day }

/** Messages for app and robots, with content in every field that a sweep erases. */
const messages = {
  kind: 'messages',
  to: { kind: 'user', ids: ['zhangsan'] },
  messages: [
    { kind: 'text', content: secret },
    { kind: 'media', media: 'file', fileName: `${secret}.md`, bytes: 9, source: { kind: 'text', content: secret } },
  ],
} as const

const fetch = {
  kind: 'fetch',
  attachment: { kind: 'file', url: full.responseUrl, fileName: secret },
  file: 'f',
} as const

async function holdsSecret(store: Store, turn: Turn): Promise<boolean> {
  const all = [await store.find(turn.id), await store.outbox.ofTurn(turn.id), await store.outbox.jobsOf(turn.id)]
  return JSON.stringify(all).includes(secret) || JSON.stringify(all).includes('response_code')
}

/** Retention. */
export const sweepTests: readonly Behaviour[] = [
  {
    name: 'store: a sweep erases finished turns, not open turns or dead letters',
    async check(store) {
      const body = { kind: 'markdown', url: full.responseUrl, content: secret } as const
      const turns = {
        finished: oldTurn('finished', 8),
        delivered: oldTurn('delivered', 8),
        young: oldTurn('young', 6),
        running: turnOf('running', { ...full, receivedAt: t0 - 8 * day, state: 'asking', question: secret }),
        unfetched: oldTurn('unfetched', 8, { state: 'closing' }),
        queued: oldTurn('queued', 8),
        fetching: oldTurn('fetching', 8),
        dead: oldTurn('dead', 8),
      }
      const { delivered, queued, fetching, dead } = turns
      const deliveries = [
        replyOf(delivered, { body, state: 'delivered' }),
        replyOf(delivered, { id: part(delivered, 'dm'), body: messages, state: 'delivered' }),
        jobOf(delivered, { body: fetch, state: 'done' }),
        jobOf(fetching, { body: fetch }),
        replyOf(queued, { body }),
        replyOf(dead, { body, state: 'refused', dead: true }),
      ]
      for (const turn of Object.values(turns))
        await openAs(
          store,
          turn,
          deliveries.filter(one => one.turn === turn.id),
        )
      expect(await sweepAll(store, retention)).toEqual({ erased: 2, removed: 0 })
      const kept = await Promise.all(
        Object.values(turns).map(async turn => [turn.msgid, await holdsSecret(store, turn)]),
      )
      const expected = { young: true, running: true, unfetched: true, queued: true, fetching: true, dead: true }
      expect(Object.fromEntries(kept)).toEqual({ finished: false, delivered: false, ...expected })
    },
  },
  {
    name: 'store: a sweep keeps the contents of a turn with a pending task',
    async check(store) {
      const turn = oldTurn('m1', 8, { pending: { state: 'queued', dueAt: t0 } })
      await openAs(store, turn)
      expect((await sweepAll(store, retention)).erased).toBe(0)
      await store.update(turn.id, stored => ({ save: [withoutPending(stored)] }))
      expect((await sweepAll(store, retention)).erased).toBe(1)
    },
  },
  {
    name: 'store: a sweep erases the reasoning with the answer',
    async check(store) {
      await openAs(store, oldTurn('m1', 8, { reasoning: secret }))
      expect((await sweepAll(store, retention)).erased).toBe(1)
      expect(await holdsSecret(store, turnOf('m1'))).toBe(false)
    },
  },
  {
    name: 'store: an erased turn keeps its trace, msgid and card',
    async check(store) {
      const turn = oldTurn('m1', 8, { streamId: formatStreamId(1, 'token') })
      const { trace, state, end, endedAt } = await openAs(store, turn, [replyOf(turn, { state: 'delivered' })])
      await store.sweep(retention)
      expect(await store.find(turn.id)).toMatchObject({ trace: [...trace], state, end, endedAt, text: '', answer: '' })
      expect(await store.findByStream(turn.streamId)).toMatchObject({ id: turn.id, card: { card: clickable } })
      expect((await store.outbox.find(replyOf(turn).id))?.state).toBe('delivered')
      expect((await store.open(keyOf(turn), () => ({ save: [turn] }))).seen).toBe(true)
    },
  },
  {
    name: 'store: a sweep removes old finished turns with their deliveries',
    async check(store) {
      const turns = [oldTurn('old', 31), oldTurn('dead', 31), oldTurn('young', 29)]
      const open = turnOf('open', { receivedAt: t0 - 31 * day, state: 'asking', question: secret })
      const late = oldTurn('late', 31, { endedAt: t0 - 29 * day })
      for (const turn of turns) {
        const dead = turn.msgid === 'dead'
        await openAs(store, turn, [replyOf(turn, { state: 'refused', dead })])
      }
      const closing = oldTurn('closing', 31, { state: 'closing' })
      for (const turn of [open, late, closing]) await openAs(store, turn)
      const { removed } = await sweepAll(store, retention)
      expect(removed).toBe(2)
      const left = await Promise.all([...turns, open, late, closing].map(turn => store.find(turn.id)))
      expect(left.map(turn => turn?.msgid)).toEqual([undefined, undefined, 'young', 'open', 'late', 'closing'])
      expect(await store.outbox.find(replyOf(oldTurn('old', 31)).id)).toBeUndefined()
      expect((await store.outbox.summary()).dead).toBe(0)
      expect((await openAs(store, turnOf('old'))).version).toBe(1)
    },
  },
  {
    name: 'store: a sweep removes old events',
    async check(store) {
      await store.see('default', 'old', t0 - 31 * day)
      await store.see('default', 'young', t0 - 29 * day)
      await sweepAll(store, retention)
      expect(await store.see('default', 'young', t0)).toBe(false)
      expect(await store.see('default', 'old', t0)).toBe(true)
    },
  },
  {
    name: 'store: sweeping many turns in rounds finishes, with correct counts',
    async check(store) {
      const many = Array.from({ length: 1_200 }, (_, n) => oldTurn(`m${n}`, n % 2 === 0 ? 8 : 31))
      await Promise.all(many.map(turn => openAs(store, turn)))
      await openAs(store, turnOf('open'))
      const first = await store.sweep(retention)
      expect(first.erased).toBeGreaterThan(0)
      const rest = await sweepAll(store, retention)
      expect(first.removed + rest.removed).toBe(600)
      expect(first.erased + rest.erased).toBeGreaterThanOrEqual(600)
      const { states, open } = await store.counts()
      expect([states.shown, states.waiting, open]).toEqual([600, 1, 1])
    },
  },
  {
    name: 'store: after a sweep a new turn is still last in the order',
    async check(store) {
      const { order } = await openAs(store, turnOf('open', { order: (await loadFor(store, turnOf('open'))).nextOrder }))
      for (const msgid of ['a', 'b', 'c']) await openAs(store, oldTurn(msgid, 31))
      await sweepAll(store, retention)
      expect((await loadFor(store, turnOf('m9'))).nextOrder).toBeGreaterThan(order)
    },
  },
  {
    name: 'store: a sweep erases finished deliveries without a turn',
    async check(store) {
      const old = { body: messages, createdAt: t0 - 8 * day, finishedAt: t0 - 8 * day }
      const unreached = { invaliduser: ['lisi'] }
      const attempts = [{ at: old.createdAt, route: 'app', part: 1, outcome: 'delivered' }] as const
      const { finishedAt: _, ...open } = old
      const deliveries = {
        partial: sendOf('partial', { ...old, state: 'partial', unreached, attempts, msgid: 'abc' }),
        dropped: sendOf('dropped', { ...open, state: 'dropped' }),
        young: sendOf('young', { ...old, state: 'delivered', finishedAt: t0 - 6 * day }),
        open: sendOf('open', { ...open, state: 'held' }),
        dead: sendOf('dead', { ...old, state: 'unknown', dead: true }),
      }
      await store.outbox.write({ add: Object.values(deliveries) })
      expect(await sweepAll(store, retention)).toEqual({ erased: 2, removed: 0 })
      const nothing = { kind: 'remainder', content: '' } as const
      for (const [id, delivery] of Object.entries(deliveries)) {
        const isErased = id === 'partial' || id === 'dropped'
        expect(await store.outbox.find(id)).toEqual(isErased ? { ...delivery, body: nothing } : delivery)
      }
      expect((await store.outbox.post(deliveries.partial, 9)).seen).toBe(true)
    },
  },
  {
    name: 'store: a sweep removes old deliveries without a turn',
    async check(store) {
      const months = { body: messages, createdAt: t0 - 31 * day, finishedAt: t0 - 31 * day }
      const { finishedAt: _, ...open } = months
      await store.outbox.write({
        add: [
          sendOf('delivered', { ...months, state: 'delivered' }),
          sendOf('dead', { ...months, state: 'refused', dead: true }),
          sendOf('late', { ...months, state: 'delivered', finishedAt: t0 - 29 * day }),
          sendOf('open', { ...open, state: 'queued' }),
        ],
      })
      await openAs(store, turnOf('m1'), [replyOf(turnOf('m1'), { ...months, state: 'delivered' })])
      expect((await sweepAll(store, retention)).removed).toBe(2)
      const ids = ['delivered', 'dead', 'late', 'open', replyOf(turnOf('m1')).id]
      const left = await Promise.all(ids.map(id => store.outbox.find(id)))
      expect(left.flatMap(one => one?.id ?? [])).toEqual(ids.slice(2))
      expect((await store.outbox.summary()).dead).toBe(0)
    },
  },
  {
    name: 'store: sweeping many deliveries without a turn in rounds finishes',
    async check(store) {
      const add = Array.from({ length: 600 }, (_, n) => {
        const at = t0 - (n % 2 === 0 ? 8 : 31) * day
        return sendOf(`s${n}`, { body: messages, state: 'delivered', createdAt: at, finishedAt: at })
      })
      await store.outbox.write({ add })
      const { removed } = await sweepAll(store, retention)
      expect(removed).toBe(300)
      const left = (await Promise.all(add.map(({ id }) => store.outbox.find(id)))).flatMap(one => one ?? [])
      expect(left).toHaveLength(300)
      expect(JSON.stringify(left)).not.toContain(secret)
    },
  },
  {
    name: 'store: a sweep forgets sent messages after an hour',
    async check(store) {
      const members = Array.from({ length: 3_000 }, (_, n) => `user${n}`)
      const sending = { scope: 'default', part: 1, digest: 'd', members, budgets: [], duplicateMs: 240 * minute }
      for (const [id, at] of [
        ['old', t0 - 61 * minute],
        ['young', t0 - 59 * minute],
      ] as const) {
        await store.outbox.post(sendOf(id), 9)
        await store.outbox.begin(sendOf(id), sending, at, () => sendOf(id, { state: 'sending' }))
      }
      expect(await store.outbox.peak('default', [0])).toEqual([2])
      expect((await sweepAll(store, retention)).removed).toBe(3_000)
      expect(await store.outbox.peak('default', [0, t0 - 60 * minute])).toEqual([1, 1])
    },
  },
]
