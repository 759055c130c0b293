import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { daemonConfig, freePort, untilAnswered, usageOf } from './servers.ts'

const rounds = 15

/** From the start of the compiled binary to its first answer, and what it holds in memory when idle. */
export async function runStart(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-bench-'))
  const port = freePort()
  const config = join(folder, 'wecomd.json5')
  writeFileSync(config, JSON.stringify(daemonConfig(folder, port)), { mode: 0o600 })
  const times: number[] = []
  const memory: number[] = []
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now()
    const child = Bun.spawn([join(import.meta.dir, '../../dist/wecomd'), 'run', '--config', config], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    await untilAnswered(`http://127.0.0.1:${port}/wecom/bot`)
    times.push(performance.now() - startedAt)
    await Bun.sleep(1_000)
    memory.push(usageOf(child.pid).rssMb)
    child.kill()
    await child.exited
  }
  rmSync(folder, { recursive: true, force: true })
  console.log(`start to first answer: median ${median(times).toFixed(1)} ms of ${rounds}`)
  console.log(`idle after 1 s: median ${median(memory).toFixed(0)} MB resident`)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
