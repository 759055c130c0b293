/**
 * `bun run test [file or flag …]`: prepares what the tests need, runs them, and ends with the line `N passed, N failed`.
 * Needs Bun and the network at most once: what it fetches is kept.
 */
import { existsSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { installOpenClaw } from './openclaw.ts'

const root = normalize(join(import.meta.dir, '..'))
const skipsOpenClaw = process.env.WECOMD_SKIP_OPENCLAW === '1'

/**
 * Stages, their lanes, and the groups of files in a lane. Lanes of one stage run at the same time, there being two cores;
 * what kills at random moments runs alone. A crash takes its own group along only. A file belongs to the longest that fits.
 */
const stages = [
  [['test/'], ['test/mutants', 'test/simulation']],
  [['test/openclaw/', 'test/page/'], ['test/scenarios/']],
  [['test/kill/']],
]
const groups = stages.flat(2)

/** Whole daemons, a browser and a real gateway share two cores. `setDefaultTimeout` holds for one file only. */
const timeoutMs = 60_000

interface Tally {
  readonly passed: number
  readonly failed: number
}

/** Runs a command with its output on ours; resolves to its exit code. */
async function run(command: readonly string[]): Promise<number> {
  return await Bun.spawn([...command], { cwd: root, stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' }).exited
}

function findChromium(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  return names.map(name => Bun.which(name)).find(path => path !== null) ?? undefined
}

/** The page test drives the system's Chromium; where we may, we install it. */
async function ensureChromium(): Promise<void> {
  if (findChromium() !== undefined) return
  const mayInstall = process.getuid?.() === 0 && Bun.which('apt-get') !== null
  if (mayInstall && (await run(['apt-get', 'update', '-qq'])) === 0) {
    await run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'chromium'])
  }
  if (findChromium() !== undefined) return
  console.log('Chromium is missing: the test of the page will fail. Install it, e.g. `apt-get install chromium`.')
}

/** Resolves to whether the tests with the real gateway can run. */
async function ensureOpenClaw(): Promise<boolean> {
  if (skipsOpenClaw) {
    console.log('skipped by WECOMD_SKIP_OPENCLAW=1: the tests with the real OpenClaw gateway')
    return true
  }
  try {
    const { folder } = await installOpenClaw()
    console.log(`OpenClaw is installed in ${folder}`)
    return true
  } catch (error) {
    console.log(`FAILED: OpenClaw cannot be installed, so its tests cannot run\n${String(error)}`)
    return false
  }
}

/** Passes what the tests print on to ours and counts it; a run that fails without a failed test counts as one failure. */
async function runTests(args: readonly string[], env: Record<string, string>): Promise<Tally> {
  const child = Bun.spawn([process.execPath, 'test', `--timeout=${timeoutMs}`, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'pipe',
  })
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of child.stderr) {
    process.stderr.write(chunk)
    text += decoder.decode(chunk, { stream: true })
  }
  const code = await child.exited
  const count = (word: string) => Number([...text.matchAll(new RegExp(`^ *(\\d+) ${word}s?$`, 'gm'))].at(-1)?.[1] ?? 0)
  const failed = count('fail') + count('error')
  return { passed: count('pass'), failed: failed === 0 && code !== 0 ? 1 : failed }
}

type CommandLine = readonly string[]

function groupOf(file: string): string | undefined {
  const fitting = groups.filter(group => file.startsWith(group))
  return fitting.toSorted((a, b) => a.length - b.length).at(-1)
}

/** The command lines of `bun test` as stages of lanes: one when the caller chose, else one per group that has files. */
async function plan(args: CommandLine): Promise<readonly (readonly (readonly CommandLine[])[])[]> {
  if (args.some(arg => !arg.startsWith('-'))) return [[[args]]]
  const found = await Array.fromAsync(new Bun.Glob('test/**/*.test.ts').scan({ cwd: root }))
  const files = found.toSorted()
  const lineOf = (group: string): CommandLine[] => {
    const chosen = files.filter(file => groupOf(file) === group)
    return chosen.length === 0 ? [] : [[...args, ...chosen.map(file => `./${file}`)]]
  }
  return stages.map(lanes => lanes.map(lane => lane.flatMap(lineOf)))
}

/** One after the other. */
async function runLane(lines: readonly CommandLine[], env: Record<string, string>): Promise<Tally> {
  let tally: Tally = { passed: 0, failed: 0 }
  for (const line of lines) tally = add(tally, await runTests(line, env))
  return tally
}

function add(one: Tally, other: Tally): Tally {
  return { passed: one.passed + other.passed, failed: one.failed + other.failed }
}

async function main(): Promise<Tally> {
  if ((await run([process.execPath, join(root, 'scripts/build.ts')])) !== 0) return { passed: 0, failed: 1 }
  await ensureChromium()
  const hasOpenClaw = await ensureOpenClaw()
  let tally: Tally = { passed: 0, failed: hasOpenClaw ? 0 : 1 }
  const env = hasOpenClaw ? {} : { WECOMD_SKIP_OPENCLAW: '1' }
  for (const lanes of await plan(process.argv.slice(2))) {
    const tallies = await Promise.all(lanes.map(lane => runLane(lane, env)))
    tally = tallies.reduce(add, tally)
  }
  return tally
}

if (!existsSync(join(root, 'node_modules')))
  throw new Error('the dependencies are not installed: run `bun install` first')
const { passed, failed } = await main()
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
