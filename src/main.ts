import { dispatch } from './cli/dispatch.ts'
import { exitCodes } from './cli/exit-codes.ts'
import type { CliIo } from './cli/io.ts'
import { build } from './version.ts'
import { createLog, realClock, realWorld } from './world.ts'

const io: CliIo = {
  out: line => void process.stdout.write(`${line}\n`),
  err: line => void process.stderr.write(`${line}\n`),
  env: process.env,
  cwd: process.cwd(),
  isTty: process.stdout.isTTY,
  isErrTty: process.stderr.isTTY,
  program: build.commit === 'source' ? [process.execPath, Bun.main] : [process.execPath],
  openWorld(log) {
    // The way to WeCom is `network.egressProxyUrl` alone, and the gateway is never reached through a proxy.
    for (const name of Object.keys(process.env)) if (/_proxy$/i.test(name)) delete process.env[name]
    return realWorld(createLog(line => void process.stdout.write(`${line}\n`), realClock.wall, log))
  },
  readInput: () => Bun.stdin.bytes(),
  untilStopped: hangup =>
    new Promise(resolve => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
      if (hangup === undefined) process.once('SIGHUP', resolve)
      else process.on('SIGHUP', hangup)
    }),
}

/** Waits until all that was printed has left the process: a pipe takes 64 KiB at once, and its reader may take its time. */
async function drain(code: number): Promise<number> {
  const end = (stream: NodeJS.WriteStream) =>
    new Promise<boolean>(resolve => {
      stream.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EPIPE')).end(() => resolve(true))
    })
  const arrived = await Promise.all([process.stdout, process.stderr].map(end))
  return code === exitCodes.ok && arrived.includes(false) ? exitCodes.failed : code
}

const { code, isLasting } = await dispatch(process.argv.slice(2), io)
process.exit(isLasting ? code : await drain(code))
