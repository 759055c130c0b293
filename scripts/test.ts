/**
 * `bun run test [file or flag …]` prepares what the tests need, runs them, and ends with the line `N passed, N failed`.
 * `--unit` runs the tier that needs nothing but Bun. It needs the network at most once: what it fetches is kept.
 */
import { existsSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { join, normalize } from 'node:path'
import { parseArguments } from './test/arguments.ts'
import { arrange, type Group, type Lane, listTests, suite, unitTier } from './test/groups.ts'
import { needsOf } from './test/needs.ts'
import { prepare } from './test/prepare.ts'
import { add, closingLine, nothing, skippedIn, type Tally, tallyOf } from './test/tally.ts'

const root = normalize(join(import.meta.dir, '..'))
const isCi = process.env.CI === 'true'
const { isUnit, filters, flags } = parseArguments(process.argv.slice(2))

/** Whole daemons, a browser and a real gateway share two cores. `setDefaultTimeout` holds for one file only. */
const timeoutMs = 60_000

const seconds: (readonly [name: string, seconds: number])[] = []
const skipped: string[] = []

/** Runs one group in a process of its own, with its output on ours. */
async function runGroup(group: Group, env: Readonly<Record<string, string>>): Promise<Tally> {
  const startedAt = performance.now()
  const sharing = group.workers === 1 ? [] : [`--parallel=${group.workers}`, '--parallel-delay=0']
  const files = group.files.map(file => `./${file}`)
  // With `-t NAME` most groups have nothing to run.
  const always = ['test', `--timeout=${timeoutMs}`, '--pass-with-no-tests']
  const child = Bun.spawn([process.execPath, ...always, ...sharing, ...flags, ...files], {
    cwd: root,
    env: { ...process.env, ...env },
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'pipe',
  })
  if (group.isPatient) setPriority(child.pid, Math.min(getPriority() + 10, 19))
  let printed = ''
  const decoder = new TextDecoder()
  for await (const chunk of child.stderr) {
    process.stderr.write(chunk)
    printed += decoder.decode(chunk, { stream: true })
  }
  const tally = tallyOf(printed, await child.exited)
  seconds.push([group.name, (performance.now() - startedAt) / 1_000])
  skipped.push(...skippedIn(printed))
  return tally
}

async function runLane(lane: Lane, env: Readonly<Record<string, string>>): Promise<Tally> {
  let tally = nothing
  for (const group of lane) tally = add(tally, await runGroup(group, env))
  return tally
}

/** The files that the caller chose as one group, or all that the tier has. */
function plan(files: readonly string[]): readonly Lane[] {
  if (filters.length === 0) return arrange(isUnit ? unitTier : suite, files)
  const chosen = files.filter(file => filters.some(filter => file.includes(filter)))
  return [[{ name: filters.join(' '), files: chosen, workers: 1, isPatient: false }]]
}

async function main(): Promise<Tally> {
  const lanes = plan(await listTests(root))
  const files = lanes.flat().flatMap(group => group.files)
  if (files.length === 0) throw new Error(`no test file matches ${filters.join(' ')}`)
  const { env, failures } = await prepare(root, await needsOf(root, files), isCi)
  for (const failure of failures) console.log(`FAILED: ${failure}`)
  const tier = isUnit ? { WECOMD_TEST_TIER: 'unit' } : {}
  const tallies = await Promise.all(lanes.map(lane => runLane(lane, { ...env, ...tier })))
  return tallies.reduce(add, { ...nothing, failed: failures.length })
}

if (!existsSync(join(root, 'node_modules')))
  throw new Error('the dependencies are not installed: run `bun install` first')
const tally = await main()
if (skipped.length > 0) console.log(`skipped:\n${skipped.map(name => `  ${name}\n`).join('')}`)
console.log(`seconds:\n${seconds.map(([name, took]) => `${took.toFixed(1).padStart(8)}  ${name}\n`).join('')}`)
console.log(closingLine(tally))
process.exitCode = tally.failed === 0 && tally.passed > 0 ? 0 : 1
