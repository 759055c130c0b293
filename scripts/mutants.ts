/**
 * `bun scripts/mutants.ts [--no-baseline] [number …]` plants known defects, one at a time, into a copy of the sources and
 * shows that the tests catch each. It exits with 1 when one survives, or when the place of a defect is missing.
 * A test that fails without a defect catches nothing, so all are run without one first: `--no-baseline` leaves that to
 * the caller.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, normalize } from 'node:path'
import { type Edit, type Mutant, mutants, simulation } from './mutants-list.ts'

const root = normalize(join(import.meta.dir, '..'))
/** Enough runs for every defect of the list, few enough to wait for. */
const simulatedRuns = 300

interface Outcome {
  readonly caughtBy: string | undefined
  /** Of a test that failed and caught nothing: most likely the defect does not compile. */
  readonly complaint?: string
  readonly output: string
}

/** A copy of what the tests need, with what is installed shared. */
function copyTree(): string {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-mutants-'))
  for (const name of ['src', 'test', 'package.json', 'tsconfig.json', 'bunfig.toml']) {
    cpSync(join(root, name), join(folder, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

/** Makes the edits of a mutant; what it returns takes them back. */
function plant(folder: string, edits: readonly Edit[]): () => void {
  const before = new Map<string, string>()
  for (const { file, from, to } of edits) {
    const path = join(folder, file)
    const text = readFileSync(path, 'utf8')
    before.set(path, before.get(path) ?? text)
    const places = text.split(from).length - 1
    if (places !== 1) throw new Error(`${file}: expected once, found ${places} times:\n${from}`)
    writeFileSync(
      path,
      text.replace(from, () => to),
    )
  }
  return () => {
    for (const [path, text] of before) writeFileSync(path, text)
  }
}

/** Runs one test file. One that could not even start catches nothing: only a broken law or expectation counts. */
async function runTest(folder: string, file: string): Promise<Outcome> {
  const child = Bun.spawn([process.execPath, 'test', `./${file}`], {
    cwd: folder,
    env: { ...process.env, SIM_RUNS: String(simulatedRuns), SIM_BROKEN: '1' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  const output = out + err
  if (code === 0) return { caughtBy: undefined, output }
  const law = /^(?:error: )?seed \d+: (.+)$/m.exec(output)?.[1]
  const expectation = /^\(fail\) (.+?)(?: \[[\d.]+m?s\])?$/m.exec(output)?.[1]
  const caughtBy = file === simulation ? law : expectation
  const complaint = /^.*\w*[Ee]rror: .+$/m.exec(output)?.[0] ?? output.slice(-200)
  return caughtBy === undefined ? { caughtBy, complaint, output } : { caughtBy, output }
}

/** What came of a mutant: the first of its tests that caught it, or that it survived. */
async function tryMutant(folder: string, mutant: Mutant): Promise<{ isCaught: boolean; result: string }> {
  const complaints: string[] = []
  const restore = plant(folder, mutant.edits)
  try {
    for (const test of mutant.tests) {
      const { caughtBy, complaint } = await runTest(folder, test)
      if (caughtBy !== undefined) return { isCaught: true, result: `${test}: ${caughtBy.slice(0, 100)}` }
      if (complaint !== undefined) complaints.push(`, but ${test} failed otherwise: ${complaint}`)
    }
    return { isCaught: false, result: `SURVIVED${complaints.join('')}` }
  } finally {
    restore()
  }
}

async function main(): Promise<number> {
  const args = process.argv.slice(2)
  const chosen = args.filter(arg => arg !== '--no-baseline').map(Number)
  const folder = copyTree()
  try {
    const baseline = args.includes('--no-baseline') ? [] : mutants.flatMap(mutant => mutant.tests)
    for (const test of new Set(baseline)) {
      const { caughtBy, output } = await runTest(folder, test)
      if (caughtBy !== undefined) throw new Error(`${test} fails without a defect: ${caughtBy}\n${output}`)
    }
    let survivors = 0
    for (const [index, mutant] of mutants.entries()) {
      if (chosen.length > 0 && !chosen.includes(index + 1)) continue
      const { isCaught, result } = await tryMutant(folder, mutant)
      if (!isCaught) survivors++
      console.log(`${String(index + 1).padStart(2)}  ${mutant.name.padEnd(38)} ${result}`)
    }
    console.log(survivors === 0 ? 'every defect was caught' : `${survivors} survived`)
    return survivors === 0 ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

process.exitCode = await main()
