import { expect, test } from 'bun:test'
import { add, closingLine, skippedIn, tallyOf } from '../../scripts/test/tally.ts'

const printed = `test/a.test.ts:
(pass) a: is well
(skip) page > b: needs a browser
(fail) c: is ill

 12 pass
 1 skip
 2 fail
 30 expect() calls
Ran 15 tests across 3 files. [1.00s]
`

test('tally: what bun test printed is counted', () => {
  expect(tallyOf(printed, 1)).toEqual({ passed: 12, failed: 2, skipped: 1 })
  expect(skippedIn(printed)).toEqual(['page > b: needs a browser'])
})

test('tally: an error outside a test is a failure', () => {
  expect(tallyOf(' 0 pass\n 1 fail\n 1 error\n', 1)).toEqual({ passed: 0, failed: 2, skipped: 0 })
})

test('tally: a run that ends badly without saying why is one failure', () => {
  expect(tallyOf(' 3 pass\n 0 fail\n', 139)).toEqual({ passed: 3, failed: 1, skipped: 0 })
})

test('tally: the closing line names what was skipped only if something was', () => {
  const one = { passed: 2, failed: 0, skipped: 0 }
  expect(closingLine(one)).toBe('2 passed, 0 failed')
  expect(closingLine(add(one, { passed: 1, failed: 1, skipped: 3 }))).toBe('3 passed, 1 failed, 3 skipped')
})
