import { join, normalize } from 'node:path'

const root = normalize(join(import.meta.dir, '..'))
const digits = 8

/** The id of the commit that is checked out; undefined outside git. */
export function headCommit(): string | undefined {
  if (Bun.which('git') === null) return undefined
  const commit = Bun.spawnSync(['git', 'rev-parse', 'HEAD'], { cwd: root, stderr: 'ignore' })
  return commit.exitCode === 0 ? commit.stdout.toString().trim() : undefined
}

/** A seed below a million that a commit has for ever; 1 without a commit. */
export function seedOf(commit: string | undefined): number {
  return commit === undefined ? 1 : Number.parseInt(commit.slice(0, digits), 16) % 1_000_000
}

/** `count` different numbers from 1 to `of` that a commit chooses; without a commit the first. */
export function numbersOf(commit: string | undefined, count: number, of: number): readonly number[] {
  const left = Array.from({ length: of }, (_, index) => index + 1)
  if (commit === undefined) return left.slice(0, count)
  const chosen = Array.from({ length: Math.min(count, of, commit.length / digits) }, (_, turn) => {
    const dice = Number.parseInt(commit.slice(turn * digits, (turn + 1) * digits), 16)
    return left.splice(dice % left.length, 1)[0] ?? 1
  })
  return chosen.toSorted((a, b) => a - b)
}
