import { playRun } from './run.ts'
import type { Happening } from './scene.ts'

/** The result of several runs. */
export interface Report {
  readonly runs: number
  readonly simulatedMs: number
  readonly counts: Readonly<Partial<Record<Happening, number>>>
  readonly broken: readonly { readonly seed: number; readonly law: string }[]
}

/** After so many broken runs the rest would only say the same. */
const mostBroken = Number(process.env.SIM_BROKEN ?? 5)

/** Plays the seeds `first`, `first + stride`, … `count` times. */
async function playBatch(first: number, count: number, stride: number): Promise<Report> {
  const counts: Partial<Record<Happening, number>> = {}
  const broken: { seed: number; law: string }[] = []
  let simulatedMs = 0
  let runs = 0
  for (; runs < count && broken.length < mostBroken; runs++) {
    const seed = first + runs * stride
    const verdict = await playRun(seed)
    simulatedMs += verdict.simulatedMs
    for (const [what, times] of verdict.counts) counts[what] = (counts[what] ?? 0) + times
    if (verdict.broken !== undefined) broken.push({ seed, law: verdict.broken })
  }
  return { runs, simulatedMs, counts, broken }
}

/**
 * `bun test/simulation/batch.ts <first> <count> <stride>`: prints a `Report`. `<seed>` alone prints the trace of that
 * run.
 */
if (import.meta.main) {
  const [first = 1, count, stride = 1] = process.argv.slice(2).map(Number)
  if (count === undefined) {
    const { trace, broken } = await playRun(first, true)
    console.log([...trace, broken === undefined ? 'no law was broken' : `broken: ${broken}`].join('\n'))
  } else {
    console.log(JSON.stringify(await playBatch(first, count, stride)))
  }
}
