import { expect, test } from 'bun:test'
import { listTests } from '../../scripts/test/groups.ts'
import { needsOf } from '../../scripts/test/needs.ts'
import { root } from '../source.ts'

const expected: readonly (readonly [file: string, needs: readonly string[]])[] = [
  ['test/core/fallback/ladder.test.ts', []],
  ['test/store/sqlite.test.ts', []],
  ['test/wecom/token.test.ts', []],
  ['test/gateway/history.test.ts', []],
  ['test/scenarios/bot.test.ts', []],
  ['test/simulation.test.ts', []],
  ['test/scenarios/duplicates.test.ts', ['binary']],
  ['test/kill/random.test.ts', ['binary']],
  ['test/openclaw/bot.test.ts', ['openclaw']],
  ['test/kill/points.test.ts', ['binary', 'openclaw']],
  ['test/page/demo.test.ts', ['binary', 'chromium']],
  ['test/cli/completion.test.ts', ['zsh']],
]

for (const [file, needs] of expected) {
  test(`needs: ${file} needs ${needs.join(' and ') || 'nothing but Bun'}`, async () => {
    expect<readonly string[]>([...(await needsOf(root, [file]))].toSorted()).toEqual(needs)
  })
}

test('needs: several files need what any of them does, and the suite needs everything', async () => {
  const files = ['test/core/fallback/ladder.test.ts', 'test/kill/random.test.ts']
  expect([...(await needsOf(root, files))]).toEqual(['binary'])
  expect([...(await needsOf(root, await listTests(root)))].toSorted()).toEqual([
    'binary',
    'chromium',
    'openclaw',
    'zsh',
  ])
})
