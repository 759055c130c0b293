import { expect, test } from 'bun:test'
import { arrange, listTests, suite, unitTier } from '../../scripts/test/groups.ts'
import { needsOf } from '../../scripts/test/needs.ts'
import { root } from '../source.ts'

test('groups: the suite runs every test file once', async () => {
  const files = await listTests(root)
  const arranged = arrange(suite, files)
    .flat()
    .flatMap(group => group.files)
  expect(arranged.toSorted()).toEqual([...files])
})

test('groups: a file belongs to the longest beginning that fits', () => {
  const files = ['test/a/b.test.ts', 'test/a/c.test.ts', 'test/d.test.ts', 'other.test.ts']
  const lanes = arrange([['test/', 'test/a/', 'test/e/'], ['test/a/b']], files)
  expect(lanes.map(lane => lane.map(group => [group.name, ...group.files]))).toEqual([
    [
      ['test/', 'test/d.test.ts'],
      ['test/a/', 'test/a/c.test.ts'],
    ],
    [['test/a/b', 'test/a/b.test.ts']],
  ])
})

test('groups: the unit tier needs no build, no browser and no gateway', async () => {
  const files = arrange(unitTier, await listTests(root))
    .flat()
    .flatMap(group => group.files)
  expect(files).toContain('test/core/fallback/ladder.test.ts')
  expect([...(await needsOf(root, files))]).toEqual([])
})
