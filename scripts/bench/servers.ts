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

/** Keeps every message durably and does nothing else: the yardstick of our own handler. */
export async function startDurable(): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-bench-'))
  const command = [process.execPath, join(here, 'durable.ts')]
  return withoutFolder(await start('durable', command, { env: { BENCH_FOLDER: folder } }), folder)
}

/** Takes every message at once, on the core of the load. */
export const startWecom = () => start('wecom', [process.execPath, join(here, 'wecom.ts')], { core: loadCore })

/** The echo agent, which answers every message with 20 deltas. */
export const startGateway = () => start('gateway', [process.execPath, join(here, 'gateway.ts')], { core: loadCore })

const ownBinary = join(here, '../../dist/wecomd')

/** The servers that `--binary PATH` names (several times, to compare them), else the compiled daemon of this checkout. */
export function daemonsOf(binaries: readonly string[] = [], config?: object): readonly (() => Promise<Server>)[] {
  if (binaries.length === 0) return [() => startDaemon('wecomd', [ownBinary], config)]
  return binaries.map(binary => () => startDaemon(binary, [binary], config))
}

/** A daemon, durable, with its limits raised, and without a gateway unless `config` has one. */
export async function startDaemon(name: string, program: readonly string[], config: object = {}): Promise<Server> {
  return await startConfigured(name, program, freePort(), config)
}

/** The same with an app at a WeCom of ours; its URL is where messages are sent by. */
export async function startSender(apiBaseUrl: string): Promise<Server> {
  const app = { corpId: 'wwbench0000000001', corpSecret: 'bench-secret', agentId: 1_000_002 }
  const admin = { port: freePort(), token: bench.adminToken }
  const channels = { wecom: { bot: secretsOfBot, agent: app, network: { apiBaseUrl } } }
  const server = await startConfigured('wecomd', [ownBinary], freePort(), { channels, admin })
  return { ...server, url: `http://127.0.0.1:${admin.port}/api/send` }
}

/** The same, with leave to fetch media from a host of ours. */
export async function startFetcher(mediaHost: string): Promise<Server & { folder: string }> {
  const channels = { wecom: { bot: { ...secretsOfBot, joinWindowMs: 0 }, network: { apiBaseUrl: mediaHost } } }
  return await startConfigured('wecomd', [ownBinary], freePort(), { channels })
}

async function startConfigured(
  name: string,
  program: readonly string[],
  port: number,
  config: object,
): Promise<Server & { folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-bench-'))
  const file = join(folder, 'wecomd.json5')
  writeFileSync(file, JSON.stringify({ ...daemonConfig(folder, port), ...config }), { mode: 0o600 })
  return withoutFolder(await start(name, [...program, 'run', '--config', file], { port }), folder)
}

/** Removes the server's folder when it stops. */
function withoutFolder(server: Server, folder: string): Server & { folder: string } {
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

interface StartOptions {
  readonly port?: number
  readonly core?: string
  readonly env?: Readonly<Record<string, string>>
}

async function start(name: string, command: readonly string[], options: StartOptions = {}): Promise<Server> {
  const { port = freePort(), core = serverCore, env = {} } = options
  const keys = { PORT: String(port), BENCH_TOKEN: bench.token, BENCH_KEY: bench.encodingAESKey }
  const child = Bun.spawn(pinned(core, command), {
    env: { ...process.env, ...keys, ...env },
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
