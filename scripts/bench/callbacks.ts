import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Load } from './connections.ts'
import { loadCore, pinned, type Server, startDaemon, startEcho, startPeer, startWithoutStore } from './servers.ts'

/**
 * Durable callbacks per second of the compiled binary beside a bare echo, the same handler without a store, and what a
 * peer does, all in one run: on a shared machine only the ratios mean something.
 */
export async function runCallbacks(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { seconds: { type: 'string', default: '30' } } })
  console.log(
    '| connections | server | callbacks/s | to no store | to peer | p50 ms | p99 ms | failures | RSS MB | CPU µs/req |',
  )
  console.log('|---|---|---|---|---|---|---|---|---|---|')
  for (const connections of [1, 64, 512]) {
    const rows = []
    for (const start of [startEcho, startWithoutStore, startPeer, startDaemon]) {
      rows.push(await measure(await start(), connections, Number(values.seconds)))
    }
    const [, bare, peer] = rows
    for (const row of rows) console.log(formatRow(connections, row, bare?.load, peer?.load))
  }
}

interface Row {
  readonly name: string
  readonly load: Load
  readonly rssMb: number
  readonly cpuSeconds: number
}

async function measure(server: Server, connections: number, seconds: number): Promise<Row> {
  await load(server, connections, 2) // the compiler warms up
  const before = server.usage()
  const measured = await load(server, connections, seconds)
  const after = server.usage()
  await server.stop()
  return { name: server.name, load: measured, rssMb: after.rssMb, cpuSeconds: after.cpuSeconds - before.cpuSeconds }
}

async function load(server: Server, connections: number, seconds: number): Promise<Load> {
  const command = [process.execPath, join(import.meta.dir, 'load.ts'), server.url, String(connections), String(seconds)]
  const child = Bun.spawn(pinned(loadCore, command), { stdio: ['ignore', 'pipe', 'inherit'] })
  return JSON.parse(await new Response(child.stdout).text())
}

function formatRow(connections: number, { name, load, rssMb, cpuSeconds }: Row, bare?: Load, peer?: Load): string {
  const ratio = (to?: Load) => (to === undefined ? '' : (load.perSecond / to.perSecond).toFixed(2))
  const cells = [
    connections,
    name,
    load.perSecond.toFixed(0),
    ratio(bare),
    ratio(peer),
    load.p50.toFixed(2),
    load.p99.toFixed(2),
    load.failures,
    rssMb.toFixed(0),
    ((cpuSeconds / load.requests) * 1e6).toFixed(0),
  ]
  return `| ${cells.join(' | ')} |`
}
