import { runCallbacks } from './bench/callbacks.ts'
import { runMedia } from './bench/media.ts'
import { runRefreshes } from './bench/refreshes.ts'
import { runSend } from './bench/send.ts'
import { runStart } from './bench/start.ts'
import { runTurn } from './bench/turn.ts'

const benches: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  callbacks: runCallbacks,
  media: runMedia,
  refreshes: runRefreshes,
  send: runSend,
  start: runStart,
  turn: runTurn,
}

const [name = '', ...args] = process.argv.slice(2)
const bench = benches[name]
if (bench === undefined) {
  console.error(`usage: bun run bench <${Object.keys(benches).join(' | ')}> [--seconds N]`)
  process.exit(2)
}
await bench(args)
