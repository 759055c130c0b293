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
} from './rounds.ts'
import { daemonsOf } from './servers.ts'

/** Refreshes per second at 64 connections, over 1,000 open bubbles. The ratio is to the first `--binary`. */
export async function runRefreshes(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: loadOptions })
  const measured = await measureInTurns(daemonsOf(values.binary), Number(values.rounds), server =>
    measureLoad(server, { connections: 64, bubbles: 1_000, seconds: Number(values.seconds) }),
  )
  printHead(['server', 'refreshes/s', 'to first', ...loadColumns])
  for (const row of measured) {
    const { name, load } = row
    printRow([name, load.perSecond.toFixed(0), ratio(load, measured[0]?.load), ...loadCells(row)])
  }
}
