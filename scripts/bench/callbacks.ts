import { parseArgs } from 'node:util'
import {
  loadCells,
  loadColumns,
  loadOptions,
  measureInTurns,
  measureLoad,
  printHead,
  printRow,
  ratio,
  runLoad,
} from './rounds.ts'
import { daemonsOf, type Server, startDurable, startEcho, startPeer, startWithoutStore } from './servers.ts'

/**
 * Durable callbacks per second of the compiled binary, compared with a bare echo, the same handler without a store, what
 * a plugin in a gateway does, and the smallest durable handler. With `--memory` resident memory instead.
 */
export async function runCallbacks(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...loadOptions,
      connections: { type: 'string', multiple: true, default: ['1', '64', '512'] },
      memory: { type: 'boolean' },
    },
  })
  const daemons = daemonsOf(values.binary)
  if (values.memory) return await runMemory([startDurable, ...daemons])
  printHead(['connections', 'server', 'callbacks/s', 'to durable', 'to peer', ...loadColumns])
  for (const connections of values.connections.map(Number)) {
    const starts = [startEcho, startWithoutStore, startPeer, startDurable, ...daemons]
    const measured = await measureInTurns(starts, Number(values.rounds), server =>
      measureLoad(server, { connections, seconds: Number(values.seconds) }),
    )
    const [, , peer, durable] = measured
    for (const row of measured) {
      const { name, load } = row
      const ratios = [ratio(load, durable?.load), ratio(load, peer?.load)]
      printRow([connections, name, load.perSecond.toFixed(0), ...ratios, ...loadCells(row)])
    }
  }
}

const memoryRequests = 60_000

/** Resident memory when idle and after each of two times 60,000 callbacks. */
async function runMemory(starts: readonly (() => Promise<Server>)[]): Promise<void> {
  printHead(['server', 'idle MB', 'after 60,000', 'after 10 s', 'after 120,000', 'after 10 s'])
  for (const start of starts) {
    const server = await start()
    await Bun.sleep(1_000)
    const cells = [server.usage().rssMb]
    for (let time = 0; time < 2; time++) {
      await runLoad(server, { connections: 64, requests: memoryRequests })
      cells.push(server.usage().rssMb)
      await Bun.sleep(10_000)
      cells.push(server.usage().rssMb)
    }
    await server.stop()
    printRow([server.name, ...cells.map(cell => cell.toFixed(0))])
  }
}
