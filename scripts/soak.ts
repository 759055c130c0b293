/**
 * `bun run soak NAME [--runs N] [--seed S] [file …]` plays the long lists of docs/reliability.md: `kills`, `simulation`,
 * `mutants`, `load` or `day`. It stops after some minutes; the same command then continues. It exits with 0 when all was played
 * without a failure, 1 when something failed, 2 when it was called wrongly, 3 when there is more to play.
 */
import { join, normalize } from 'node:path'
import { parseArgs } from 'node:util'
import { headCommit } from './commit.ts'
import { type Soak, soaks } from './soak/pieces.ts'
import { loadProgress, type Plan, type Progress, saveProgress } from './soak/progress.ts'

const root = normalize(join(import.meta.dir, '..'))
/** No piece begins later: with the longest one it is still less than ten minutes. */
const beginsWithinSeconds = 400

function isWhole(text: string | undefined): boolean {
  return text === undefined || /^[1-9]\d*$/.test(text)
}

/** The commit, with a `+` when files differ from it. */
function describeCommit(): string {
  const commit = headCommit()?.slice(0, 12)
  if (commit === undefined) return 'unknown'
  const { stdout } = Bun.spawnSync(['git', 'status', '--porcelain', '--untracked-files=no'], { cwd: root })
  return stdout.length === 0 ? commit : `${commit}+`
}

async function play(soak: Soak, plan: Plan, file: string): Promise<{ progress: Progress; hasMore: boolean }> {
  const pieces = await soak.piecesOf(root, plan)
  let progress = loadProgress(file, plan)
  if (progress.piecesDone >= pieces.length)
    progress = { ...progress, piecesDone: 0, runsDone: 0, seconds: 0, failures: [] }
  if (progress.piecesDone > 0) console.log(`continues after ${progress.piecesDone} of ${pieces.length} pieces`)
  const begunAt = performance.now()
  for (const piece of pieces.slice(progress.piecesDone)) {
    const startedAt = performance.now()
    if (startedAt - begunAt > beginsWithinSeconds * 1_000) break
    const failures = await piece.play()
    for (const { what, again } of failures) console.log(`FAILED: ${what}\n  again: ${again}`)
    progress = {
      plan,
      piecesDone: progress.piecesDone + 1,
      runsDone: progress.runsDone + piece.runs,
      seconds: progress.seconds + (performance.now() - startedAt) / 1_000,
      failures: [...progress.failures, ...failures],
    }
    saveProgress(file, progress)
    console.log(`${progress.piecesDone} of ${pieces.length} pieces, ${progress.failures.length} failures`)
  }
  return { progress, hasMore: progress.piecesDone < pieces.length }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { runs: { type: 'string' }, seed: { type: 'string' } },
  })
  const [name = '', ...files] = positionals
  const soak = Object.hasOwn(soaks, name) ? soaks[name] : undefined
  if (soak === undefined || !isWhole(values.runs) || !isWhole(values.seed) || (files.length > 0 && name !== 'load')) {
    console.error(`usage: bun run soak ${Object.keys(soaks).join('|')} [--runs N] [--seed S] [file of load …]`)
    return 2
  }
  const plan: Plan = {
    name,
    commit: describeCommit(),
    runs: Number(values.runs ?? soak.runs),
    seed: Number(values.seed ?? 1),
    files,
  }
  const { progress, hasMore } = await play(soak, plan, join(root, `dist/soak/${name}.json`))
  const { runsDone, seconds, failures } = progress
  for (const { what, again } of failures) console.log(`FAILED: ${what}\n  again: ${again}`)
  console.log(
    `${name}: ${runsDone} runs, ${failures.length} failures, seed ${plan.seed}, commit ${plan.commit}, ${Math.round(seconds)} s`,
  )
  if (hasMore) console.log('there is more: the same command continues')
  if (failures.length > 0) return 1
  return hasMore ? 3 : 0
}

process.exitCode = await main()
