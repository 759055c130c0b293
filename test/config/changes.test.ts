import { expect, test } from 'bun:test'
import { changedPaths } from '../../src/config/changes.ts'

test('changes: each changed value is listed by path, a list as a whole', () => {
  const before = { a: { b: 1, c: ['x'], d: 'same' }, e: true }
  const after = { a: { b: 2, c: ['x', 'y'], d: 'same' }, e: true }
  expect(changedPaths(before, after)).toEqual(['a.b', 'a.c'])
  expect(changedPaths(before, before)).toEqual([])
})

test('changes: an added or removed section is listed as one path', () => {
  const sales = { bot: { token: 'secret' } }
  expect(changedPaths({ accounts: {} }, { accounts: { sales } })).toEqual(['accounts.sales'])
  expect(changedPaths({ accounts: { sales } }, { accounts: {} })).toEqual(['accounts.sales'])
  expect(changedPaths({ schedule: 'a' }, {})).toEqual(['schedule'])
})

test('changes: a section replaced by a value is listed as one path', () => {
  expect(changedPaths({ a: { b: 1 } }, { a: 'b' })).toEqual(['a'])
  expect(changedPaths({ a: [] }, { a: {} })).toEqual(['a'])
})
