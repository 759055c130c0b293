import { join } from 'node:path'
import type { Load } from './connections.ts'
import { loadCore, pinned, type Server } from './servers.ts'

/** What one server did under one load. */
export interface Measured {
  readonly name: string
  readonly load: Load
  readonly rssMb: number
  readonly cpuSeconds: number
}

export const loadOptions = {
  seconds: { type: 'string', default: '30' },
  rounds: { type: 'string', default: '1' },
  binary: { type: 'string', multiple: true },
} as const

/**
 * Measures every server once per round, one after the other, and returns the medians of each. On a shared machine only
 * the ratios within one run mean something, and a server that is measured in turns meets the same neighbours as the rest.
 */
export async function measureInTurns(
  starts: readonly (() => Promise<Server>)[],
  rounds: number,
  measure: (server: Server) => Promise<Measured>,
): Promise<readonly Measured[]> {
  const all: Measured[][] = starts.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, start] of starts.entries()) {
      const server = await start()
      all[index]?.push(await measure(server))
      await server.stop()
    }
  }
  return all.map(mediansOf)
}

function mediansOf(rounds: readonly Measured[]): Measured {
  const of = (pick: (measured: Measured) => number) => median(rounds.map(pick))
  return {
    name: rounds[0]?.name ?? '',
    rssMb: of(({ rssMb }) => rssMb),
    cpuSeconds: of(({ cpuSeconds, load }) => cpuSeconds / load.requests),
    load: {
      requests: 1,
      failures: rounds.reduce((sum, { load }) => sum + load.failures, 0),
      perSecond: of(({ load }) => load.perSecond),
      p50: of(({ load }) => load.p50),
      p99: of(({ load }) => load.p99),
    },
  }
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

/** Runs the load in a process and on a core of its own. */
export async function runLoad(server: Server, options: Readonly<Record<string, number>>): Promise<Load> {
  const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
  const command = [process.execPath, join(import.meta.dir, 'load.ts'), `--url=${server.url}`, ...flags]
  const child = Bun.spawn(pinned(loadCore, command), { stdio: ['ignore', 'pipe', 'inherit'] })
  return JSON.parse(await new Response(child.stdout).text())
}

/** The same load twice: briefly, until the compiler is warm, and then measured. */
export async function measureLoad(server: Server, options: Readonly<Record<string, number>>): Promise<Measured> {
  await runLoad(server, { ...options, seconds: 2 })
  const before = server.usage()
  const load = await runLoad(server, options)
  const after = server.usage()
  return { name: server.name, load, rssMb: after.rssMb, cpuSeconds: after.cpuSeconds - before.cpuSeconds }
}

export function printHead(columns: readonly string[]): void {
  printRow(columns)
  printRow(columns.map(() => '---'))
}

export function printRow(cells: readonly (string | number)[]): void {
  console.log(`| ${cells.join(' | ')} |`)
}

/** The columns of every load: rate, times, failures, memory, CPU. */
export const loadColumns = ['p50 ms', 'p99 ms', 'failures', 'RSS MB', 'CPU µs/req'] as const

export function loadCells({ load, rssMb, cpuSeconds }: Measured): readonly (string | number)[] {
  const cpu = ((cpuSeconds / load.requests) * 1e6).toFixed(0)
  return [load.p50.toFixed(2), load.p99.toFixed(2), load.failures, rssMb.toFixed(0), cpu]
}

export function ratio(load: Load, to: Load | undefined): string {
  return to === undefined ? '' : (load.perSecond / to.perSecond).toFixed(2)
}
