import { expect, test } from 'bun:test'
import { parseArguments } from '../../scripts/test/arguments.ts'

const cases: readonly (readonly [
  line: string,
  filters: readonly string[],
  flags: readonly string[],
  isUnit?: boolean,
])[] = [
  ['', [], []],
  ['--unit', [], [], true],
  ['test/core ./test/wecom/token.test.ts', ['test/core', 'test/wecom/token.test.ts'], []],
  ['-t token test/wecom', ['test/wecom'], ['-t', 'token']],
  ['--rerun-each=3 --timeout 9 frame', ['frame'], ['--rerun-each=3', '--timeout', '9']],
]

for (const [line, filters, flags, isUnit = false] of cases) {
  test(`arguments: "${line}" is read`, () => {
    expect(parseArguments(line.split(' ').filter(Boolean))).toEqual({ filters, flags, isUnit })
  })
}
