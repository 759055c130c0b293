/** Test files that one `bun test` runs, so that a crash takes along only these. */
export interface Group {
  readonly name: string
  readonly files: readonly string[]
  /** How many processes share the files, for tests that mostly wait. */
  readonly workers?: number
}

/** Groups that run one after the other. */
export type Lane = readonly Group[]

/** Lanes that run at the same time, since two cores are the least that we count on. */
export type Stage = readonly Lane[]

type Plan = readonly (readonly (readonly string[])[])[]

/**
 * The beginnings of the paths of each group. A file belongs to the longest that fits, so `test/` takes what has no group
 * of its own. In each stage lanes that compute run beside lanes that mostly wait.
 */
export const suite: Plan = [
  [
    ['test/core/', 'test/', 'test/wecom/'],
    ['test/simulation', 'test/mutants', 'test/cli/'],
    ['test/scenarios/', 'test/gateway/', 'test/playground/'],
  ],
  [
    ['test/openclaw/', 'test/kill/points'],
    ['test/page/', 'test/kill/'],
  ],
]

/** Groups that mostly wait, with how many processes share their files. */
const workers: Readonly<Record<string, number>> = { 'test/scenarios/': 4 }

/** The tests that need neither a build nor a browser, a gateway or a whole daemon. */
export const unitTier: Plan = [
  [
    ['test/core/', 'test/config/'],
    ['test/store/', 'test/wecom/', 'test/domain/', 'test/crypto/', 'test/scheduler/', 'test/app/', 'test/scripts/'],
    ['test/architecture', 'test/tidy'],
  ],
]

/** All test files of the repository, sorted. */
export async function listTests(root: string): Promise<readonly string[]> {
  return (await Array.fromAsync(new Bun.Glob('test/**/*.test.ts').scan({ cwd: root }))).toSorted()
}

/** Puts the files where the plan wants them; leaves out those that it has no place for, and groups without files. */
export function arrange(plan: Plan, files: readonly string[]): readonly Stage[] {
  const names = plan.flat(2)
  const groupOf = (file: string) =>
    names
      .filter(name => file.startsWith(name))
      .toSorted((a, b) => a.length - b.length)
      .at(-1)
  const inGroup = (name: string): Group => {
    const own = files.filter(file => groupOf(file) === name)
    return { name, files: own, ...(workers[name] !== undefined && { workers: workers[name] }) }
  }
  return plan.map(lanes => lanes.map(lane => lane.map(inGroup).filter(group => group.files.length > 0)))
}
