import { expect, test } from 'bun:test'
import type { Report } from './simulation/batch.ts'
import { playAll, runBatch } from './simulation/play.ts'
import { playRun } from './simulation/run.ts'
import { type Happening, happenings } from './simulation/scene.ts'

/** `SIM_SEED=7` tells one run; `SIM_RUNS` and `SIM_FIRST` choose how many and from which seed. */
const usual = process.env.CI === 'true' ? '2000' : '500'
const { SIM_SEED: only, SIM_RUNS: runs = usual, SIM_FIRST: first = '1' } = process.env
/** Each kind of event must come this often per thousand runs, or the simulation tests less than it says. */
const leastPerThousand = 1

if (only !== undefined) {
  test(`simulation: the run of seed ${only} keeps every law`, async () => {
    const { trace, broken } = await playRun(Number(only), true)
    console.log(trace.join('\n'))
    expect(broken).toBeUndefined()
  }, 600_000)
} else {
  test('simulation: the same seed gives the same run', async () => {
    const [one, other] = [await playRun(31, true), await playRun(31, true)]
    expect(one.trace.length).toBeGreaterThan(5)
    expect(other.trace).toEqual(one.trace)
  })

  test('simulation: no question is asked twice and no answer is lost', async () => {
    const reports = await playAll(Number(first), Number(runs))
    const played = sum(reports, report => report.runs)
    const broken = reports.flatMap(report => report.broken)
    const counted = happenings.map(what => [what, sum(reports, ({ counts }) => counts[what] ?? 0)] as const)
    const hours = Math.round(sum(reports, report => report.simulatedMs) / 3_600_000)
    console.log(`simulation: ${played} runs, ${hours} hours: ${counted.map(([what, n]) => `${n} ${what}`).join(', ')}`)
    if (broken[0] !== undefined) throw new Error(await tell(broken[0].seed, broken))
    expect(played).toBe(Number(runs))
    expect(rare(counted, Math.floor((played / 1_000) * leastPerThousand))).toEqual([])
  }, 900_000)
}

/** What one broken run went through, and how to see it again. */
async function tell(seed: number, broken: Report['broken']): Promise<string> {
  const trace = await runBatch([seed])
  const others = broken.map(one => `seed ${one.seed}: ${one.law}`).join('\n')
  return `${trace}\n${others}\nagain: SIM_SEED=${seed} bun test test/simulation.test.ts`
}

function rare(counted: readonly (readonly [Happening, number])[], least: number): readonly string[] {
  return counted.filter(([, times]) => times < least).map(([what, times]) => `${what}: ${times}`)
}

function sum(reports: readonly Report[], count: (report: Report) => number): number {
  return reports.reduce((total, report) => total + count(report), 0)
}
