import { expect } from 'bun:test'
import type { Store } from '../../src/domain/ports.ts'
import { formatStreamId } from '../../src/domain/routing.ts'
import type { Behaviour } from './conformance.ts'
import { amend, askedTurn, jobOf, keyOf, openAs, refsOf, replyOf, loadFor, t0, turnOf, write } from './given.ts'

const texts: Readonly<Record<string, string>> = {
  empty: '',
  chinese: '企业微信：你好，世界',
  emoji: '👩‍👩‍👧‍👦🏳️‍🌈 𝒳',
  marks: 'e\u0301 \u200f\u202eabc\u202c \ufeff',
  control: 'a\u0000b\u0001\u001f\u007f\u0085\u2028\u2029\r\n\t',
  'lone halves': 'x\ud83dy\udc00z',
  quotes: `' " \\ \` -- ; DROP TABLE turn; $1 ?1 :x {"a":1} \\u0000`,
}

const ids = [
  "o'neil",
  'a"b',
  'a b',
  'a/b?c=d&e#f',
  '你好',
  '😀',
  '%_*',
  'A',
  'a',
  'a:response_url',
  '-',
  'x'.repeat(128),
  '1',
  '01',
  '1.0',
]

async function readAll(store: Store) {
  const outbox = store.outbox
  return {
    turns: await Promise.all(['m1', 'm2', 'm3'].map(msgid => store.find(turnOf(msgid).id))),
    jobs: await Promise.all(['m1', 'm2', 'm3'].map(msgid => outbox.jobsOf(turnOf(msgid).id))),
    deliveries: await Promise.all(['m1', 'm2', 'm3'].map(msgid => outbox.ofTurn(turnOf(msgid).id))),
    summary: await outbox.summary(),
    counts: await store.counts(),
    nextDueAt: await store.nextDueAt(),
    nextWork: await outbox.nextDueAt(['task', 'media', 'response_url'], 0),
  }
}

/** Data is read back unchanged, also after a crash. */
export const endureTests: readonly Behaviour[] = [
  {
    name: 'store: a crash loses nothing that was acknowledged',
    async check(store, opened) {
      const [m1, m2] = [askedTurn('m1'), askedTurn('m2')]
      await Promise.all([openAs(store, m1, [replyOf(m1), jobOf(m1)]), openAs(store, m2, [jobOf(m2)])])
      await amend(store, m2.id, { state: 'streaming', question: 'q', answer: '半个答案' })
      await write(store, m1, { settle: [replyOf(m1, { state: 'held', dueAt: t0 + 7 })] })
      await store.see('default', 'e1', t0)
      const before = await readAll(store)
      const second = await opened.reopen()
      expect(await readAll(second)).toEqual(before)
      expect(await second.see('default', 'e1', t0)).toBe(false)
      expect((await second.open(keyOf(m1), () => ({ save: [m1] }))).seen).toBe(true)
      const { order } = await openAs(second, turnOf('m3', { order: (await loadFor(second, turnOf('m3'))).nextOrder }))
      const third = await opened.reopen()
      expect(await readAll(third)).toEqual(await readAll(second))
      expect((await loadFor(third, turnOf('m4'))).nextOrder).toBeGreaterThan(order)
    },
  },
  {
    name: 'store: a crash frees the leases of the process that died',
    async check(store, opened) {
      const turn = askedTurn('m1')
      await openAs(store, turn, [replyOf(turn), jobOf(turn)])
      const lease = { now: t0, untilMs: t0 + 30_000, limit: 9 }
      const kinds = ['task', 'media', 'response_url'] as const
      const work = async (from: Store) => (await from.outbox.claim(kinds, lease)).map(({ id }) => id)
      const got = [turn.id, jobOf(turn).id, replyOf(turn).id]
      expect(await work(store)).toEqual(got)
      expect(await work(store)).toEqual([])
      const second = await opened.reopen()
      const refs = kinds.flatMap((kind, n) => refsOf(kind, got.slice(n, n + 1)))
      expect(await second.outbox.renew(refs, t0 + 60_000)).toEqual([])
      expect(await work(second)).toEqual(got)
    },
  },
  {
    name: 'store: text of any characters is read back unchanged',
    async check(store, opened) {
      for (const [name, text] of Object.entries(texts)) {
        const turn = turnOf(name, { text, question: text, answer: text, closedWith: text, preface: text })
        const body = { kind: 'markdown', url: 'https://example.com/?a=b&c', content: text } as const
        await openAs(store, turn, [replyOf(turn, { body })])
      }
      const second = await opened.reopen()
      for (const [name, text] of Object.entries(texts)) {
        const turn = await second.find(turnOf(name).id)
        const { question, answer, closedWith, preface } = turn ?? turnOf('lost')
        expect([turn?.text, question, answer, closedWith, preface]).toEqual([text, text, text, text, text])
        const [reply] = await second.outbox.ofTurn(turnOf(name).id)
        expect(reply?.body).toMatchObject({ content: text })
      }
    },
  },
  {
    name: 'store: a text of 1 MiB is read back unchanged',
    async check(store, opened) {
      const text = '好a😀\n'.repeat(2 ** 20 / 9)
      const turn = turnOf('m1', { answer: text })
      const body = { kind: 'remainder', content: text } as const
      await openAs(store, turn, [replyOf(turn, { body })])
      await amend(store, turn.id, { answer: `${text}!` })
      const second = await opened.reopen()
      expect((await second.find(turn.id))?.answer === `${text}!`).toBe(true)
      expect((await second.outbox.find(replyOf(turn).id))?.body).toEqual(body)
    },
  },
  {
    name: 'store: ids may have any characters and stay distinct',
    async check(store) {
      const conversationOf = (id: string) => ({ account: 'default', kind: 'group', id }) as const
      const streamOf = (id: string) => formatStreamId(ids.indexOf(id) + 1, id)
      const turnAs = (id: string) =>
        askedTurn(id, { id, streamId: streamOf(id), sender: 's', conversation: conversationOf(id) })
      for (const id of ids) await openAs(store, turnAs(id), [replyOf(turnAs(id)), jobOf(turnAs(id))])
      for (const id of ids) {
        expect((await store.find(id))?.msgid).toBe(id)
        expect((await store.findByStream(streamOf(id)))?.msgid).toBe(id)
        expect((await store.outbox.find(replyOf(turnAs(id)).id))?.turn).toBe(id)
        expect(await store.outbox.ofTurn(id)).toHaveLength(1)
        expect(await store.outbox.jobsOf(id)).toEqual([jobOf(turnAs(id))])
        const next = turnOf('next', { sender: 's', conversation: conversationOf(id) })
        expect((await loadFor(store, next)).waiting?.id).toBe(id)
        expect(await store.see('default', id, t0)).toBe(true)
      }
      const lease = { now: t0, untilMs: t0 + 1, limit: 99 }
      expect(new Set((await store.outbox.claim(['task'], lease)).map(({ id }) => id))).toEqual(new Set(ids))
      const kinds = ['media', 'response_url'] as const
      const got = (await store.outbox.claim(kinds, lease)).map(({ turn = '' }) => turn)
      expect(got.toSorted()).toEqual([...ids, ...ids].toSorted())
    },
  },
  {
    name: 'store: a probe resolves while open; after closing every call fails',
    async check(store) {
      expect(await store.probe()).toBeUndefined()
      const last = openAs(store, turnOf('m1'))
      await store.close()
      expect((await last).version).toBe(1)
      const calls = [store.probe(), store.find('m1'), openAs(store, turnOf('m2')), store.outbox.summary()]
      const codes = (await Promise.allSettled(calls)).map(one => (one.status === 'rejected' ? one.reason.code : 'done'))
      expect(codes).toEqual(calls.map(() => 'store_failed'))
      await store.close()
    },
  },
]
