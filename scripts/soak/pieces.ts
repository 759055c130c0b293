import { playAll } from '../../test/simulation/play.ts'
import { playShift } from './day/shift.ts'
import { mutants } from '../mutants-list.ts'
import { listTests } from '../test/groups.ts'
import type { Failure, Plan } from './progress.ts'

/** A part of a soak that takes a few minutes at most. */
export interface Piece {
  readonly runs: number
  play(): Promise<readonly Failure[]>
}

/** The soaks: how many runs they have unless told otherwise, and their pieces. */
export interface Soak {
  readonly runs: number
  piecesOf(root: string, plan: Plan): Promise<readonly Piece[]>
}

export const soaks: Readonly<Record<string, Soak>> = {
  kills: { runs: 200, piecesOf: async (root, plan) => killPieces(root, plan) },
  simulation: { runs: 10_000, piecesOf: async (_, plan) => simulationPieces(plan) },
  mutants: { runs: mutants.length, piecesOf: async (root, plan) => mutantPieces(root, plan) },
  load: { runs: 1, piecesOf: loadPieces },
  day: { runs: 3, piecesOf: async (_, plan) => dayPieces(plan) },
}

/** Cuts `total` into parts of at most `most`, each with what came before it. */
function cut(total: number, most: number): readonly { readonly before: number; readonly count: number }[] {
  const parts = Array.from({ length: Math.ceil(total / most) }, (_, index) => index * most)
  return parts.map(before => ({ before, count: Math.min(most, total - before) }))
}

/** Runs a command of Bun with its output on ours; resolves to whether it ended well. */
async function succeeds(root: string, args: readonly string[], env: Record<string, string> = {}): Promise<boolean> {
  const child = Bun.spawn([process.execPath, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'inherit',
  })
  return (await child.exited) === 0
}

const killFiles = ['test/kill/random.test.ts', 'test/kill/sending-random.test.ts']

/** Twenty random kills of every kind; each piece has the seed that follows on the one before. */
function killPieces(root: string, { runs, seed }: Plan): readonly Piece[] {
  return cut(runs, 20).map(({ count }, index) => ({
    runs: count,
    async play() {
      const env = { WECOMD_KILLS: String(count), WECOMD_KILL_SEED: String(seed + index) }
      if (await succeeds(root, ['scripts/test.ts', ...killFiles], env)) return []
      const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`)
      const again = `${settings.join(' ')} bun run test ${killFiles.join(' ')}`
      return [{ what: `the kills of seed ${seed + index}`, again }]
    },
  }))
}

/** Shifts of eight hours. */
function dayPieces({ runs, seed }: Plan): readonly Piece[] {
  return Array.from({ length: runs }, (_, index) => ({
    runs: 1,
    async play() {
      const { complaints } = await playShift(seed + index)
      return complaints.map(what => ({ what, again: `bun run soak day --runs 1 --seed ${seed + index}` }))
    },
  }))
}

function simulationPieces({ runs, seed }: Plan): readonly Piece[] {
  return cut(runs, 500).map(({ before, count }) => ({
    runs: count,
    async play() {
      const reports = await playAll(seed + before, count)
      return reports.flatMap(({ broken }) =>
        broken.map(one => ({
          what: `seed ${one.seed}: ${one.law}`,
          again: `SIM_SEED=${one.seed} bun run test test/simulation.test.ts`,
        })),
      )
    },
  }))
}

/** The first piece shows that the tests pass without a defect, each other one plants one. */
function mutantPieces(root: string, { runs }: Plan): readonly Piece[] {
  const planted = mutants.slice(0, runs).map(({ name }, index) => ({
    runs: 1,
    async play() {
      const again = ['scripts/mutants.ts', '--no-baseline', String(index + 1)]
      if (await succeeds(root, again)) return []
      return [{ what: `defect ${index + 1} (${name}) survived`, again: `bun ${again.join(' ')}` }]
    },
  }))
  const baseline = {
    runs: 0,
    async play() {
      if (await succeeds(root, ['scripts/mutants.ts', '0'])) return []
      return [{ what: 'the tests fail without a defect', again: 'bun scripts/mutants.ts 0' }]
    },
  }
  return [baseline, ...planted]
}

/** The test files one by one, `runs` times, while something else wants both cores. */
async function loadPieces(root: string, { runs, files }: Plan): Promise<readonly Piece[]> {
  const all = await listTests(root)
  const chosen = files.length === 0 ? all : all.filter(file => files.some(part => file.includes(part)))
  return Array.from({ length: runs }, () => chosen)
    .flat()
    .map(file => ({
      runs: 1,
      play: () =>
        underLoad(async () => {
          if (await succeeds(root, ['scripts/test.ts', file])) return []
          return [{ what: `${file} under load`, again: `bun run soak load ${file}` }]
        }),
    }))
}

/** Ends by itself after the longest piece, should nobody be left to end it. */
const busyLoop = 'const end = performance.now() + 600_000; while (performance.now() < end);'

/** Keeps two cores busy while `work` runs. */
async function underLoad<T>(work: () => Promise<T>): Promise<T> {
  const loops = [1, 2].map(() => Bun.spawn([process.execPath, '-e', busyLoop]))
  try {
    return await work()
  } finally {
    for (const loop of loops) loop.kill('SIGKILL')
    await Promise.all(loops.map(loop => loop.exited))
  }
}
