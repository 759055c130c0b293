import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AccountDesk, Desk } from './bridge/desk.ts'
import { tellJourney } from './bridge/journey.ts'
import { LiveAnswers } from './bridge/live.ts'
import { createReceive } from './bridge/receive.ts'
import { scheduleWork, type Work } from './bridge/work.ts'
import type { Config } from './config/config.ts'
import type { Store } from './domain/ports.ts'
import { WecomdError } from './errors.ts'
import { speaker } from './fallback/notice.ts'
import { createChatAgent } from './gateway/chat-agent.ts'
import { Connection } from './gateway/connection.ts'
import { loadDevice } from './gateway/device.ts'
import { Handshake, type PairingMemory } from './gateway/handshake.ts'
import { startAdminListener } from './http/admin.ts'
import { Observations } from './http/observations.ts'
import { type Listener, type Mount, startPublicListener } from './http/public.ts'
import { backoffMs } from './scheduler/backoff.ts'
import { Scheduler } from './scheduler/scheduler.ts'
import { botPaths, reportStatus } from './status.ts'
import { openSqliteStore } from './store/sqlite/store.ts'
import { nextDeadline } from './streaming/turn.ts'
import { createBotEndpoint } from './wecom/endpoint.ts'
import { createResponsePoster } from './wecom/response-url.ts'
import type { World } from './world.ts'

/** How long a stop waits for running answers; callbacks are answered all the while. */
const drainMs = 10_000
/** After that, how long it waits for requests under way: a stranger who never ends his sentence must not hold it up. */
const lastWordMs = 1_000

export interface AppOptions {
  readonly config: Config
  readonly stateDir: string
  readonly version: string
}

export interface App {
  readonly publicUrl: string
  readonly privateUrl: string
  /** Drains for at most ten seconds, closes the listeners last, loses nothing. */
  stop(): Promise<void>
}

/** Builds the daemon and starts it; when it resolves, callbacks are taken. Throws a WecomdError when it cannot start. */
export async function startApp(options: AppOptions, world: World): Promise<App> {
  const { config, stateDir } = options
  prepareFolder(stateDir)
  const scheduler = new Scheduler(world.clock, world.log.area('scheduler'))
  const store = openStore(options, world)
  const listeners: Listener[] = []
  try {
    const connection = openConnection(options, world, scheduler)
    const observations = new Observations()
    const desk = openDesk(options, world, { scheduler, store, connection, observations })
    const work = scheduleWork(desk, scheduler, config.retention)
    const life = { startedAt: world.clock.now(), isStopping: false }
    listeners.push(openAdmin(options, world, desk, observations, life))
    listeners.push(startPublicListener(config.server, mountsOf(config, desk, work, observations, world)))
    connection.start()
    scheduler.start()
    const [privateUrl, publicUrl] = listeners.map(listener => listener.url) as [string, string] // both were pushed above
    world.log.info('listening', { public: publicUrl, private: privateUrl, state: stateDir })
    return {
      publicUrl,
      privateUrl,
      async stop() {
        life.isStopping = true
        await work.drain(drainMs)
        const cancel = scheduler.at(world.clock.now() + lastWordMs, () => listeners.forEach(one => one.abort()))
        await closeListeners(listeners)
        cancel()
        await scheduler.stop()
        connection.stop()
        scheduler.close()
        await store.close()
      },
    }
  } catch (error) {
    await closeListeners(listeners)
    await store.close()
    throw error
  }
}

async function closeListeners(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map(listener => listener.stop()))
}

/** What the bridge works with. */
function openDesk(
  { config }: AppOptions,
  world: World,
  made: { scheduler: Scheduler; store: Store; connection: Connection; observations: Observations },
): Desk {
  const { clock, random, log, fetch } = world
  const { scheduler, store, connection, observations } = made
  const { timeoutMs, apiBaseUrl, mediaHosts, egressProxyUrl, caFile } = config.network
  return {
    store,
    agent: createChatAgent(connection, { clock, timers: scheduler, log: log.area('gateway') }),
    platform: {
      postResponse: createResponsePoster({
        fetch,
        timeoutMs,
        apiBaseUrl,
        moreHosts: mediaHosts,
        ...(egressProxyUrl !== undefined && { proxy: egressProxyUrl }),
        ...(caFile !== undefined && { ca: readFileSync(caFile, 'utf8') }),
      }),
    },
    live: new LiveAnswers(),
    accounts: deskAccounts(config),
    clock,
    random,
    timers: scheduler,
    log: log.area('bridge'),
    meter: observations,
    limits: { ...config.limits, maxRuns: config.gateway.maxRuns, runTimeoutMs: config.gateway.runTimeoutMs },
    wake: () => scheduler.wake(),
  }
}

function openAdmin(
  { config, stateDir, version }: AppOptions,
  world: World,
  desk: Desk,
  observations: Observations,
  life: { readonly startedAt: number; readonly isStopping: boolean },
): Listener {
  const { store, agent } = desk
  const status = () => reportStatus({ version, node: world.host, config, store, agent, observations, ...life })
  return startAdminListener(config.admin, adminToken(config, stateDir, world), {
    ready: async () => readiness(await status()),
    status,
    metrics: async () => observations.render(await gaugesOf(desk)),
    trace: id => tellJourney(store, [...desk.accounts.keys()], id),
  })
}

function prepareFolder(stateDir: string): void {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new WecomdError('state_folder', `the state folder ${stateDir} cannot be made`, {
      hint: 'make it writable for this user, or set stateDir',
      cause,
    })
  }
}

function openStore({ config, stateDir }: AppOptions, world: World): Store {
  const { url } = config.store
  const name = url.slice('sqlite:'.length)
  const file = name === ':memory:' || name.startsWith('/') ? name : join(stateDir, name)
  return openSqliteStore({ file, pid: world.pid, dueAtOf: nextDeadline })
}

function openConnection({ config, stateDir, version }: AppOptions, world: World, timers: Scheduler): Connection {
  const { url, token, password, deviceToken, caFile } = config.gateway
  const credentials = { ...(token && { token }), ...(password && { password }), ...(deviceToken && { deviceToken }) }
  const device = loadDevice(join(stateDir, 'device.pem'))
  const pairing = pairingFile(join(stateDir, 'device.paired'), `${url} ${device.id}`)
  const handshake = new Handshake(credentials, device, version, pairing)
  const ca = caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }
  const { clock, random, openSocket, log } = world
  return new Connection(
    { url, handshake, backoffMs, ...ca },
    { clock, timers, random, openSocket, log: log.area('gateway') },
  )
}

/** Pairing is of one device with one gateway: the file names both. */
function pairingFile(file: string, pair: string): PairingMemory {
  return {
    isPaired: () => existsSync(file) && readFileSync(file, 'utf8').trim() === pair,
    remember: () => writeFileSync(file, `${pair}\n`, { mode: 0o600 }),
    forget: () => rmSync(file, { force: true }),
  }
}

function adminToken(config: Config, stateDir: string, world: World): string {
  if (config.admin.token !== undefined) return config.admin.token
  const file = join(stateDir, 'admin-token')
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  const token = Buffer.from(world.random.bytes(24)).toString('base64url')
  writeFileSync(file, `${token}\n`, { mode: 0o600 })
  chmodSync(file, 0o600)
  return token
}

function deskAccounts(config: Config): Map<string, AccountDesk> {
  const say = speaker(config.language)
  const desks = new Map<string, AccountDesk>()
  for (const { id, bot } of config.accounts) {
    if (bot === undefined) continue
    desks.set(id, {
      id,
      agentId: config.gateway.agentId,
      say,
      placeholder: bot.streamPlaceholderContent,
      windowMs: bot.stream.windowMs,
      handoverMs: bot.stream.handoverMs,
      ...(bot.welcomeText !== undefined && { welcomeText: bot.welcomeText }),
    })
  }
  return desks
}

/** The callback URLs of every account that is switched on. */
function mountsOf(config: Config, desk: Desk, work: Work, observations: Observations, world: World): Mount[] {
  const receive = createReceive(desk, work)
  const log = world.log.area('wecom')
  return config.accounts.flatMap(({ id, enabled, bot }) => {
    if (!enabled || bot === undefined) return []
    const { token, encodingAESKey, receiveId, aibotid, names } = bot
    const endpoint = createBotEndpoint(
      {
        id,
        token,
        encodingAESKey,
        receiveId,
        ...(aibotid !== undefined && { aibotid }),
        ...(names.length > 0 && { botNames: names }),
      },
      {
        receive,
        clock: world.clock,
        random: world.random,
        log,
        observe: event =>
          event.kind === 'callback' ? observations.callback(event) : observations.signatureFailure(event),
      },
    )
    return [{ paths: botPaths(config, id), handle: request => endpoint.handle(request) }]
  })
}

function readiness(status: Awaited<ReturnType<typeof reportStatus>>) {
  return { ready: status.ready, components: status.components }
}

async function gaugesOf(desk: Desk) {
  const [turns, outbox] = await Promise.all([desk.store.counts(), desk.store.outbox.summary()])
  return {
    turns: turns.states,
    outbox: outbox.states,
    dead: outbox.dead,
    gatewayUp: desk.agent.status().state === 'up',
  }
}
