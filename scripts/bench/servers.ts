import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const bench = {
  token: 'benchToken0123456789',
  encodingAESKey: 'AQeSyMsD23gA5M0ejnFAHT5uq4M0N2p7a2ixgXrPwIY',
  adminToken: 'bench-admin-token',
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

/** Takes every message at once, on the core of the load. */
export const startWecom = () => start('wecom', [process.execPath, join(here, 'wecom.ts')], freePort(), loadCore)

/** The compiled daemon, durable, with its limits raised and no gateway to reach. */
export async function startDaemon(): Promise<Server> {
  return await startBinary('wecomd (durable)', freePort())
}

/** The same with an app at a WeCom of ours; its URL is where messages are sent by. */
export async function startSender(apiBaseUrl: string): Promise<Server> {
  const app = { corpId: 'wwbench0000000001', corpSecret: 'bench-secret', agentId: 1_000_002 }
  const admin = { port: freePort(), token: bench.adminToken }
  const channels = { wecom: { bot: secretsOfBot, agent: app, network: { apiBaseUrl } } }
  const server = await startBinary('wecomd', freePort(), { channels, admin })
  return { ...server, url: `http://127.0.0.1:${admin.port}/api/send` }
}

/** The same, with leave to fetch media from a host of ours. */
export async function startFetcher(mediaHost: string): Promise<Server & { folder: string }> {
  const channels = { wecom: { bot: { ...secretsOfBot, joinWindowMs: 0 }, network: { apiBaseUrl: mediaHost } } }
  return await startBinary('wecomd', freePort(), { channels })
}

async function startBinary(name: string, port: number, config: object = {}): Promise<Server & { folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-bench-'))
  const file = join(folder, 'wecomd.json5')
  writeFileSync(file, JSON.stringify({ ...daemonConfig(folder, port), ...config }), { mode: 0o600 })
  const server = await start(name, [join(here, '../../dist/wecomd'), 'run', '--config', file], port)
  return {
    ...server,
    folder,
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const secretsOfBot = { token: bench.token, encodingAESKey: bench.encodingAESKey }

export function daemonConfig(folder: string, port: number): object {
  return {
    channels: { wecom: { bot: secretsOfBot } },
    server: { host: '127.0.0.1', port },
    admin: { port: 0 },
    gateway: { url: 'ws://127.0.0.1:9' },
    stateDir: join(folder, 'state'),
    limits: { openTurns: 1_000_000_000, perUserPerMinute: 1_000_000_000, outbox: 1_000_000_000 },
    log: { level: 'error' },
  }
}

async function start(name: string, command: readonly string[], port = freePort(), core = serverCore): Promise<Server> {
  const child = Bun.spawn(pinned(core, command), {
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
