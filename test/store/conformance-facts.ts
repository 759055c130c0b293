import { expect } from 'bun:test'
import type { Behaviour } from './conformance.ts'
import { day, sendOf, t0 } from './given.ts'

/** Events, tokens and key-value entries. */
export const factTests: readonly Behaviour[] = [
  {
    name: 'store: an event stores its deliveries the first time only',
    async check(store, opened) {
      expect(await store.see('default', 'e1', t0, [sendOf('first')])).toBe(true)
      expect(await store.see('default', 'e1', t0, [sendOf('again')])).toBe(false)
      const second = await opened.reopen()
      expect(await second.see('default', 'e1', t0, [sendOf('later')])).toBe(false)
      expect(await second.outbox.find('first')).toEqual(sendOf('first'))
      expect(await second.outbox.find('again')).toBeUndefined()
      expect(await second.outbox.find('later')).toBeUndefined()
    },
  },
  {
    name: 'store: a token survives a crash, and a newer one replaces it',
    async check(store, opened) {
      expect(await store.tokens.load('app one')).toBeUndefined()
      await store.tokens.save('app one', { value: 'first', expiresAt: t0 })
      await store.tokens.save('app one', { value: 'second', expiresAt: t0 + 7_200_000 })
      await store.tokens.save('app two', { value: 'other', expiresAt: t0 })
      const second = await opened.reopen()
      expect(await second.tokens.load('app one')).toEqual({ value: 'second', expiresAt: t0 + 7_200_000 })
      expect(await second.tokens.load('app two')).toEqual({ value: 'other', expiresAt: t0 })
    },
  },
  {
    name: 'store: a key-value entry survives a crash until it is deleted',
    async check(store, opened) {
      expect(await store.keyValue.get('hold')).toBeUndefined()
      await store.keyValue.set('hold', 'since monday')
      await store.keyValue.set('hold', '自周一起 "\\')
      await store.keyValue.set('other', 'stays')
      const second = await opened.reopen()
      expect(await second.keyValue.get('hold')).toBe('自周一起 "\\')
      await second.keyValue.set('hold', '')
      await second.keyValue.set('never', '')
      const third = await opened.reopen()
      expect(await third.keyValue.get('hold')).toBeUndefined()
      expect(await third.keyValue.get('other')).toBe('stays')
    },
  },
  {
    name: 'store: a token is removed a day after it expired, entries stay',
    async check(store) {
      await store.tokens.save('old', { value: 'v', expiresAt: t0 - day - 1 })
      await store.tokens.save('recent', { value: 'v', expiresAt: t0 - day })
      await store.keyValue.set('hold', 'since monday')
      const limits = { now: t0, contentBefore: t0 - 7 * day, rowBefore: t0 - 30 * day }
      expect(await store.sweep(limits)).toEqual({ erased: 0, removed: 1 })
      expect(await store.tokens.load('old')).toBeUndefined()
      expect(await store.tokens.load('recent')).toBeDefined()
      expect(await store.sweep({ ...limits, now: t0 + 365 * day })).toEqual({ erased: 0, removed: 1 })
      expect(await store.keyValue.get('hold')).toBe('since monday')
    },
  },
]
