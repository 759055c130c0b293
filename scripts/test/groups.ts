/** Test files that one `bun test` runs, so that a crash takes along only these. */
export interface Group {
  readonly name: string
  readonly files: readonly string[]
  /** How many processes share the files. */
  readonly workers: number
  /** It gives way to the others. */
  readonly isPatient: boolean
}

/** Groups that run one after the other, beside the other lanes. */
export type Lane = readonly Group[]

type Plan = readonly (readonly string[])[]

/**
 * The beginnings of the paths of each group, as lanes that run at the same time. A file belongs to the longest that fits, so
 * `test/` takes what has no group of its own. The first lane is the longest: a real gateway wants a core for itself. The
 * second mostly waits, the third does nothing else. The fourth computes, and gives way to all.
 */
export const suite: Plan = [
  ['test/openclaw/', 'test/kill/points'],
  ['test/scenarios/', 'test/gateway/', 'test/playground/', 'test/page/', 'test/kill/'],
  ['test/openclaw/failures'],
  ['test/core/', 'test/simulation', 'test/mutants', 'test/', 'test/wecom/', 'test/cli/'],
]

/** Groups that mostly wait, with how many processes share their files. */
const workers: Readonly<Record<string, number>> = { 'test/scenarios/': 4 }

/** Groups that compute and have nobody waiting for them. */
const patient: readonly string[] = ['test/core/', 'test/simulation', 'test/mutants', 'test/cli/']

/** The tests that need neither a build nor a browser, a gateway or a whole daemon. */
export const unitTier: Plan = [
  ['test/core/', 'test/config/', 'test/domain/', 'test/crypto/', 'test/scripts/'],
  ['test/store/', 'test/wecom/', 'test/scheduler/', 'test/app/'],
  ['test/architecture', 'test/tidy'],
]

/** All test files of the repository, sorted. */
export async function listTests(root: string): Promise<readonly string[]> {
  return (await Array.fromAsync(new Bun.Glob('test/**/*.test.ts').scan({ cwd: root }))).toSorted()
}

/** Puts the files where the plan wants them; leaves out those that it has no place for, and groups without files. */
export function arrange(plan: Plan, files: readonly string[]): readonly Lane[] {
  const names = plan.flat()
  const groupOf = (file: string) =>
    names
      .filter(name => file.startsWith(name))
      .toSorted((a, b) => a.length - b.length)
      .at(-1)
  const inGroup = (name: string): Group => ({
    name,
    files: files.filter(file => groupOf(file) === name),
    workers: workers[name] ?? 1,
    isPatient: plan === suite && patient.includes(name),
  })
  return plan.map(lane => lane.map(inGroup).filter(group => group.files.length > 0))
}
