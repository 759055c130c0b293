import { expect, test } from 'bun:test'
import { changedPaths } from '../../src/config/changes.ts'

test('changes: every value that differs is told by its path, lists as a whole', () => {
  const before = { a: { b: 1, c: ['x'], d: 'same' }, e: true }
  const after = { a: { b: 2, c: ['x', 'y'], d: 'same' }, e: true }
  expect(changedPaths(before, after)).toEqual(['a.b', 'a.c'])
  expect(changedPaths(before, before)).toEqual([])
})

test('changes: what came or went is told as a whole', () => {
  const sales = { bot: { token: 'secret' } }
  expect(changedPaths({ accounts: {} }, { accounts: { sales } })).toEqual(['accounts.sales'])
  expect(changedPaths({ accounts: { sales } }, { accounts: {} })).toEqual(['accounts.sales'])
  expect(changedPaths({ schedule: 'a' }, {})).toEqual(['schedule'])
})

test('changes: a value in the place of a section, and the other way, is a change of that place', () => {
  expect(changedPaths({ a: { b: 1 } }, { a: 'b' })).toEqual(['a'])
  expect(changedPaths({ a: [] }, { a: {} })).toEqual(['a'])
})
