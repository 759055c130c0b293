import { check } from './cli/check.ts'
import { config } from './cli/config.ts'
import { dead } from './cli/dead.ts'
import { demo } from './cli/demo.ts'
import { explain } from './cli/explain.ts'
import type { CliIo } from './cli/io.ts'
import { run } from './cli/run.ts'
import { send } from './cli/send.ts'
import { status } from './cli/status.ts'
import { trace } from './cli/trace.ts'
import { exitCodes } from './cli/usage.ts'
import { version } from './cli/version.ts'
import { WecomdError } from './errors.ts'
import { build } from './version.ts'
import { createLog, realClock, realWorld } from './world.ts'

type Command = (args: readonly string[], io: CliIo) => Promise<number>

const commands: Readonly<Record<string, readonly [Command, string]>> = {
  run: [run, 'the daemon'],
  demo: [demo, 'everything on one machine, with a simulated WeCom in the browser'],
  check: [check, 'checks the config file without going online'],
  config: [config, 'schema | example | get KEY'],
  status: [status, 'what the running daemon does'],
  send: [send, 'sends a message to users, departments, tags, groups or a group robot'],
  dead: [dead, 'list | retry ID | drop ID: deliveries that gave up'],
  explain: [explain, 'what would happen to a message, and which rule decides'],
  trace: [trace, 'the whole journey of one message'],
  version: [version, 'version, commit, Bun version, target'],
}

const io: CliIo = {
  out: line => void process.stdout.write(`${line}\n`),
  err: line => void process.stderr.write(`${line}\n`),
  env: process.env,
  cwd: process.cwd(),
  isTty: process.stdout.isTTY,
  program: build.commit === 'source' ? [process.execPath, Bun.main] : [process.execPath],
  openWorld(log) {
    // The way to WeCom is `network.egressProxyUrl` alone, and the gateway is never reached through a proxy.
    for (const name of Object.keys(process.env)) if (/_proxy$/i.test(name)) delete process.env[name]
    return realWorld(createLog(line => void process.stdout.write(`${line}\n`), realClock.now, log))
  },
  readInput: () => Bun.stdin.bytes(),
  untilStopped: hangup =>
    new Promise(resolve => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
      if (hangup === undefined) process.once('SIGHUP', resolve)
      else process.on('SIGHUP', hangup)
    }),
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    printUsage(name === undefined ? io.err : io.out)
    return name === undefined ? exitCodes.usage : exitCodes.ok
  }
  const known = name === '--version' ? 'version' : name
  const command = Object.hasOwn(commands, known) ? commands[known] : undefined
  if (command !== undefined) return command[0](rest, io)
  io.err(`wecomd: unknown command "${name}"`)
  printUsage(io.err)
  return exitCodes.usage
}

function printUsage(print: (line: string) => void): void {
  print('usage: wecomd <command> [--config FILE] [--json]')
  print('')
  for (const [name, [, does]] of Object.entries(commands)) print(`  ${name.padEnd(8)} ${does}`)
}

function exitCodeOf(error: unknown): number {
  if (!(error instanceof WecomdError)) return exitCodes.failed
  switch (error.code) {
    case 'usage':
      return exitCodes.usage
    case 'config':
    case 'bad_key':
      return exitCodes.config
    case 'daemon_unreachable':
      return exitCodes.unreachable
    case 'state_folder':
    case 'port_in_use':
    case 'store_locked':
    case 'store_schema':
      return exitCodes.cannotStart
    default:
      return exitCodes.failed
  }
}

/** Those that were stopped end at once, whoever reads their log. */
const stopped = ['run', 'demo']

/** Ends the process when all that was printed has left it: a pipe takes 64 KiB at once, and its reader may take its time. */
async function exit(code: number): Promise<never> {
  if (stopped.includes(process.argv[2] ?? '')) process.exit(code)
  const drain = (stream: NodeJS.WriteStream) =>
    new Promise<boolean>(resolve => {
      stream.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EPIPE')).end(() => resolve(true))
    })
  const arrived = await Promise.all([process.stdout, process.stderr].map(drain))
  process.exit(code === exitCodes.ok && arrived.includes(false) ? exitCodes.failed : code)
}

try {
  await exit(await main(process.argv.slice(2)))
} catch (error) {
  io.err(`wecomd: ${error instanceof Error ? error.message : String(error)}`)
  if (error instanceof WecomdError && error.hint !== undefined) io.err(`  ${error.hint}`)
  if (!(error instanceof WecomdError) && error instanceof Error) io.err(error.stack ?? '')
  await exit(exitCodeOf(error))
}
