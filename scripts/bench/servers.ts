import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const bench = {
  token: 'benchToken0123456789',
  encodingAESKey: 'AQeSyMsD23gA5M0ejnFAHT5uq4M0N2p7a2ixgXrPwIY',
} as const

/** A server under test, on the first core; the load comes from the second. */
export interface Server {
  readonly name: string
  readonly url: string
  /** Resident memory in MB, and how much CPU time it has used in seconds. */
  usage(): { rssMb: number; cpuSeconds: number }
  stop(): Promise<void>
}

const serverCore = '0'
export const loadCore = '1'
const here = import.meta.dir

export function pinned(core: string, command: readonly string[]): string[] {
  return Bun.which('taskset') === null ? [...command] : ['taskset', '-c', core, ...command]
}

export function freePort(): number {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { port } = probe
  probe.stop(true)
  return port
}

/** Returns the body it got: what the machine can do at all. */
export const startEcho = () => start('bare Bun.serve echo', [process.execPath, join(here, 'echo.ts')])

/** Our own HTTP, codec and replies, and nothing kept: what durability costs is the difference. */
export const startWithoutStore = () => start('same handler, no store', [process.execPath, join(here, 'no-store.ts')])

/** What a plugin inside a gateway does: Node, node:http, the official codec, a Map. */
export const startPeer = () => start('node:http + @wecom/crypto', ['node', join(here, 'peer.mjs')])

/** The compiled daemon, durable, with its limits raised and no gateway to reach. */
export async function startDaemon(): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-bench-'))
  const port = freePort()
  const config = join(folder, 'wecomd.json5')
  writeFileSync(config, JSON.stringify(daemonConfig(folder, port)), { mode: 0o600 })
  const server = await start('wecomd (durable)', [join(here, '../../dist/wecomd'), 'run', '--config', config], port)
  return {
    ...server,
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export function daemonConfig(folder: string, port: number): object {
  return {
    channels: { wecom: { bot: { ...bench } } },
    server: { host: '127.0.0.1', port },
    admin: { port: 0 },
    gateway: { url: 'ws://127.0.0.1:9' },
    stateDir: join(folder, 'state'),
    limits: { openTurns: 1_000_000_000, perUserPerMinute: 1_000_000_000 },
    log: { level: 'error' },
  }
}

async function start(name: string, command: readonly string[], port = freePort()): Promise<Server> {
  const child = Bun.spawn(pinned(serverCore, command), {
    env: { ...process.env, PORT: String(port), BENCH_TOKEN: bench.token, BENCH_KEY: bench.encodingAESKey },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const url = `http://127.0.0.1:${port}/wecom/bot`
  await untilAnswered(url)
  return {
    name,
    url,
    usage: () => usageOf(child.pid),
    async stop() {
      child.kill()
      await child.exited
    },
  }
}

export async function untilAnswered(url: string): Promise<void> {
  for (let attempt = 0; attempt < 2_000; attempt++) {
    const answered = await fetch(url).then(
      () => true,
      () => false,
    )
    if (answered) return
    await Bun.sleep(1)
  }
  throw new Error(`nothing listens at ${url}`)
}

export function usageOf(pid: number): { rssMb: number; cpuSeconds: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const times = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  const ticks = Number(times[11] ?? 0) + Number(times[12] ?? 0)
  return { rssMb: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024, cpuSeconds: ticks / 100 }
}
