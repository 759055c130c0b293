/** What came of some tests. */
export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export const nothing: Tally = { passed: 0, failed: 0, skipped: 0 }

export function add(one: Tally, other: Tally): Tally {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  }
}

/** Reads what `bun test` printed. A run that ends badly without a failed test counts as one failure. */
export function tallyOf(printed: string, exitCode: number): Tally {
  const count = (word: string) =>
    Number([...printed.matchAll(new RegExp(`^ *(\\d+) ${word}s?$`, 'gm'))].at(-1)?.[1] ?? 0)
  const failed = count('fail') + count('error')
  return { passed: count('pass'), failed: failed === 0 && exitCode !== 0 ? 1 : failed, skipped: count('skip') }
}

/** The names of the tests that `bun test` skipped. */
export function skippedIn(printed: string): readonly string[] {
  // Bun prints them twice, where they stand and at the end.
  return [...new Set(Array.from(printed.matchAll(/^\(skip\) (.+)$/gm), ([, name = '']) => name))]
}

/** The last line of every run: `N passed, N failed`, and what was skipped if anything was. */
export function closingLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`
}
