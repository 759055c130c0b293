import { expect, test } from 'bun:test'
import { arrange, listTests, suite, unitTier } from '../../scripts/test/groups.ts'
import { needsOf } from '../../scripts/test/needs.ts'
import { root } from '../source.ts'

test('groups: the suite runs every test file once', async () => {
  const files = await listTests(root)
  const arranged = arrange(suite, files)
    .flat(2)
    .flatMap(group => group.files)
  expect(arranged.toSorted()).toEqual([...files])
})

test('groups: a file belongs to the longest beginning that fits', () => {
  const stages = arrange(
    [[['test/', 'test/a/'], ['test/a/b']]],
    ['test/a/b.test.ts', 'test/a/c.test.ts', 'test/d.test.ts'],
  )
  expect(stages).toEqual([
    [
      [
        { name: 'test/', files: ['test/d.test.ts'] },
        { name: 'test/a/', files: ['test/a/c.test.ts'] },
      ],
      [{ name: 'test/a/b', files: ['test/a/b.test.ts'] }],
    ],
  ])
})

test('groups: the unit tier needs no build, no browser and no gateway', async () => {
  const files = arrange(unitTier, await listTests(root))
    .flat(2)
    .flatMap(group => group.files)
  expect(files).toContain('test/core/fallback/ladder.test.ts')
  expect([...(await needsOf(root, files))]).toEqual([])
})
