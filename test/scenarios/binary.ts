import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseObject } from '../../src/domain/json.ts'
import { root } from '../source.ts'

const listensWithinMs = 30_000

/** One line of the daemon's log. */
export interface LogLine {
  readonly level: string
  readonly area: string
  readonly msg: string
  readonly [field: string]: unknown
}

/** The compiled daemon as a child process: killed and started again on the same config, so on the same state. */
export interface Binary {
  readonly privateUrl: string
  /** The process that runs now. */
  readonly pid: number
  /** What all lives of the daemon have logged. */
  readonly log: readonly LogLine[]
  /** What they wrote that is not a line of the log: complaints at start, stack traces. */
  readonly noise: readonly string[]
  /** Starts the process; it may be killed before it listens. */
  spawn(): void
  /** Resolves when this life listens; rejects when it ended before. */
  listening(): Promise<void>
  start(): Promise<void>
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number>
  /** Asks the private listener with the admin token of the config. */
  api(path: string): Promise<unknown>
  /** Kills what still runs. */
  close(): Promise<void>
}

/** Compiles `dist/wecomd` unless it is there and newer than its sources; resolves to its path. */
export async function buildBinary(): Promise<string> {
  const binary = join(root, 'dist/wecomd')
  const builtAt = statSync(binary, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const sources = await Array.fromAsync(new Bun.Glob('src/**/*').scan({ cwd: root }))
  const inputs = [...sources, 'package.json', 'scripts/build.ts'].map(path => statSync(join(root, path)).mtimeMs)
  if (inputs.every(changedAt => changedAt < builtAt)) return binary
  const build = Bun.spawn([process.execPath, join(root, 'scripts/build.ts')], { stdout: 'ignore', stderr: 'pipe' })
  const [complaints, code] = await Promise.all([build.stderr.text(), build.exited])
  if (code !== 0) throw new Error(`bun run build failed\n${complaints}`)
  return binary
}

/**
 * Prepares the daemon in `folder`; `admin` are the port and the token that its config gives the private listener, `program`
 * what runs it, the compiled file unless told otherwise.
 */
export async function prepareBinary(
  folder: string,
  config: string,
  admin: { readonly port: number; readonly token: string },
  program?: readonly string[],
): Promise<Binary> {
  const file = join(folder, 'wecomd.json5')
  writeFileSync(file, config, { mode: 0o600 })
  const command = [...(program ?? [await buildBinary()]), 'run', '--config', file]
  return new Daemon(command, folder, `http://127.0.0.1:${admin.port}`, admin.token)
}

type Child = Bun.Subprocess<'ignore', 'pipe', 'pipe'>

/** One process of the daemon, and its first line that says that it listens. */
interface Life {
  readonly child: Child
  readonly listens: PromiseWithResolvers<void>
  /** Resolves when the process is gone and all that it wrote was read. */
  readonly over: Promise<number>
}

class Daemon implements Binary {
  readonly log: LogLine[] = []
  readonly noise: string[] = []
  private life: Life | undefined
  private readonly keeper = new Keeper()

  constructor(
    private readonly command: readonly string[],
    private readonly folder: string,
    readonly privateUrl: string,
    private readonly token: string,
  ) {}

  get pid(): number {
    if (this.life === undefined) throw new Error('the daemon does not run')
    return this.life.child.pid
  }

  spawn(): void {
    if (this.life !== undefined) throw new Error('the daemon already runs')
    const { PATH = '', HOME = '' } = process.env
    const env = { PATH, HOME: HOME || this.folder, STATE_DIRECTORY: join(this.folder, 'state') }
    const child = Bun.spawn([...this.command], {
      cwd: this.folder,
      env,
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    this.keeper.watch(child.pid)
    const listens = Promise.withResolvers<void>()
    listens.promise.catch(() => {}) // a life that is killed early has nobody waiting for it
    this.life = { child, listens, over: this.follow(child, listens) }
  }

  private async follow(child: Child, listens: PromiseWithResolvers<void>): Promise<number> {
    const hear = (line: string) => {
      const entry = parseObject(line)
      // Every line that the daemon's log writes has these fields (world.ts, formatJson).
      if (entry !== undefined) this.log.push(entry as unknown as LogLine)
      else this.noise.push(line)
      if (entry?.['msg'] === 'listening') listens.resolve()
    }
    const complain = (line: string) => void this.noise.push(line)
    const [code] = await Promise.all([child.exited, readLines(child.stdout, hear), readLines(child.stderr, complain)])
    listens.reject(new Error(`the daemon ended with ${code} before it listened\n${this.noise.slice(-20).join('\n')}`))
    return code
  }

  async listening(): Promise<void> {
    if (this.life === undefined) throw new Error('the daemon does not run')
    const { promise, reject } = this.life.listens
    const timer = setTimeout(
      () => reject(new Error(`the daemon does not listen after ${listensWithinMs} ms`)),
      listensWithinMs,
    )
    await promise.finally(() => clearTimeout(timer))
  }

  async start(): Promise<void> {
    this.spawn()
    await this.listening()
  }

  async kill(): Promise<void> {
    await this.end('SIGKILL')
  }

  stop(): Promise<number> {
    return this.end('SIGTERM')
  }

  private async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number> {
    const { life } = this
    if (life === undefined) return 0
    life.child.kill(signal)
    const code = await life.over
    this.keeper.forget()
    this.life = undefined
    return code
  }

  async api(path: string): Promise<unknown> {
    const headers = { authorization: `Bearer ${this.token}` }
    const response = await fetch(`${this.privateUrl}${path}`, { headers, keepalive: false })
    return response.json()
  }

  async close(): Promise<void> {
    await this.kill()
    await this.keeper.close()
  }
}

/** A shell that kills the daemon when the pipe from here breaks: nothing outlives a test that was itself killed. */
class Keeper {
  private readonly shell = Bun.spawn(
    ['sh', '-c', 'pid=; while read -r line; do pid=$line; done; [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null; exit 0'],
    { stdin: 'pipe', stdout: 'ignore', stderr: 'ignore' },
  )

  watch(pid: number): void {
    this.write(`${pid}\n`)
  }

  forget(): void {
    this.write('\n')
  }

  async close(): Promise<void> {
    await this.shell.stdin.end()
    await this.shell.exited
  }

  private write(line: string): void {
    void this.shell.stdin.write(line)
    void this.shell.stdin.flush()
  }
}

async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  }
  if (rest !== '') onLine(rest)
}
