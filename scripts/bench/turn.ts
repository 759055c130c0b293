import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { median, printHead, printRow } from './rounds.ts'
import { bench, daemonsOf, loadCore, pinned, type Server, startDaemon, startGateway } from './servers.ts'

const users = 50

/**
 * What one message costs the daemon in CPU, from its callback to its final frame: 20 deltas from the echo agent, a refresh
 * a second, 50 users at a time. A last round runs from the source and writes a CPU profile.
 */
export async function runTurn(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      messages: { type: 'string', default: '500' },
      rounds: { type: 'string', default: '1' },
      binary: { type: 'string', multiple: true },
    },
  })
  const messages = Number(values.messages)
  const gateway = await startGateway()
  const config = {
    gateway: { url: gateway.url.replace(/^http/, 'ws').replace(/\/wecom.*/, ''), token: bench.adminToken },
  }
  const daemons = daemonsOf(values.binary, config)
  const measured: { name: string; costs: Cost[] }[] = daemons.map(() => ({ name: '', costs: [] }))
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [index, start] of daemons.entries()) {
      const server = await start()
      const row = measured[index]
      if (row !== undefined) row.name = server.name
      row?.costs.push(await measure(server, messages))
      await server.stop()
    }
  }
  printHead(['server', 'CPU ms/message', 'refreshes/message'])
  for (const { name, costs } of measured) {
    const of = (pick: (cost: Cost) => number) => median(costs.map(pick)).toFixed(2)
    printRow([name, of(({ cpuMs }) => cpuMs), of(({ refreshes }) => refreshes)])
  }
  await printProfile(config, messages)
  await gateway.stop()
}

interface Cost {
  readonly cpuMs: number
  readonly refreshes: number
}

async function measure(server: Server, messages: number): Promise<Cost> {
  await load(server, users * 2) // the compiler warms up
  const before = server.usage().cpuSeconds
  const { refreshes } = await load(server, messages)
  const cpuMs = ((server.usage().cpuSeconds - before) * 1_000) / messages
  return { cpuMs, refreshes: refreshes / messages }
}

async function load(server: Server, messages: number): Promise<{ refreshes: number }> {
  const script = join(import.meta.dir, 'turn-load.ts')
  const command = [process.execPath, script, server.url, String(messages), String(users)]
  const child = Bun.spawn(pinned(loadCore, command), { stdio: ['ignore', 'pipe', 'inherit'] })
  return JSON.parse(await new Response(child.stdout).text())
}

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { functionName: string; url: string } }[]
  readonly samples: readonly number[]
}

/** The functions that hold the CPU themselves, with their share of all samples that are not idle. */
async function printProfile(config: object, messages: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-profile-'))
  const main = join(import.meta.dir, '../../src/main.ts')
  const program = [process.execPath, '--cpu-prof', `--cpu-prof-dir=${folder}`, main]
  const server = await startDaemon('profiled', program, config)
  await load(server, messages)
  await server.stop()
  const [file = ''] = readdirSync(folder)
  const { nodes, samples }: Profile = JSON.parse(readFileSync(join(folder, file), 'utf8'))
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const counts = new Map<string, number>()
  for (const sample of samples) {
    const name = names.get(sample) ?? ''
    if (!/^\((idle|program|root)\)/.test(name)) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0)
  printHead(['share', 'function'])
  for (const [name, count] of [...counts].toSorted((a, b) => b[1] - a[1]).slice(0, 15)) {
    printRow([`${((count / all) * 100).toFixed(1)} %`, name])
  }
  rmSync(folder, { recursive: true })
}

function nameOf({ functionName, url }: { functionName: string; url: string }): string {
  const place = url.replace(/^.*\/(?=src\/|node_modules\/)/, '')
  return place === '' ? functionName : `${functionName} (${place})`
}
