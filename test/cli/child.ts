import { join } from 'node:path'
import { parseObject } from '../../src/domain/json.ts'
import { until } from '../scenarios/until.ts'
import { root } from '../source.ts'

export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

const command = [process.execPath, join(root, 'src/main.ts')]

/** Environment of a child: nothing of ours but where programs are. */
function envOf(more: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH: process.env.PATH ?? '', ...more }
}

/** Runs `wecomd <args>` to its end; `input` is its standard input. */
export async function wecomd(
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
  input?: string | Uint8Array<ArrayBuffer>,
): Promise<Ended> {
  const child = Bun.spawn([...command, ...args], {
    cwd,
    env: envOf(env),
    stdin: input === undefined ? 'ignore' : new Blob([input]),
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: 30_000,
  })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { code, out, err }
}

/** A daemon that goes on until it is stopped. */
export interface Running {
  readonly pid: number
  readonly publicUrl: string
  readonly privateUrl: string
  /** What it has logged so far. */
  readonly log: readonly Readonly<Record<string, unknown>>[]
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number>
  close(): Promise<void>
}

/** Starts `wecomd run --config FILE`; resolves when it listens. */
export async function startDaemon(file: string, cwd: string, env: Record<string, string> = {}): Promise<Running> {
  const child = Bun.spawn([...command, 'run', '--config', file], {
    cwd,
    env: envOf(env),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  let text = ''
  void (async () => {
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) text += chunk
  })()
  const entries = () =>
    text
      .split('\n')
      .slice(0, -1)
      .map(line => parseObject(line))
      .filter(entry => entry !== undefined)
  const line = await until('the daemon to listen', () => {
    if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}`)
    return entries().find(entry => entry['msg'] === 'listening')
  })
  return {
    pid: child.pid,
    publicUrl: String(line['public']),
    privateUrl: String(line['private']),
    get log() {
      return entries()
    },
    stop() {
      child.kill('SIGTERM')
      return child.exited
    },
    async close() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}
