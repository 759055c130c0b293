import { generateKeyPairSync } from 'node:crypto'
import type { BridgeContext } from '../../src/bridge/context.ts'
import { AppBreaker } from '../../src/bridge/deliver/breaker.ts'
import { LiveAnswers } from '../../src/bridge/ask/live.ts'
import { DynamicAgents } from '../../src/bridge/ask/dynamic-agents.ts'
import { createReceive } from '../../src/bridge/callback/receive.ts'
import { acceptSend, type SendRequest } from '../../src/bridge/operator/send.ts'
import { startBridge, type BridgeWork } from '../../src/bridge/start.ts'
import type { Delivery } from '../../src/domain/delivery.ts'
import type { Receive } from '../../src/domain/message.ts'
import type { Store } from '../../src/domain/ports.ts'
import type { Spool } from '../../src/domain/spool.ts'
import { createTranslator } from '../../src/core/notices/notices.ts'
import { createChatAgent } from '../../src/gateway/chat/chat-agent.ts'
import { Connection } from '../../src/gateway/link/socket.ts'
import { Handshake } from '../../src/gateway/link/handshake.ts'
import { ReloadGate } from '../../src/gateway/chat/reload-gate.ts'
import { type CancellableClock, cancellableClock } from '../../src/playground/alarms.ts'
import { backoffMs } from '../../src/scheduler/backoff.ts'
import { Scheduler } from '../../src/scheduler/scheduler.ts'
import { createSqliteStore } from '../../src/store/sqlite/store.ts'
import { orderAt } from '../../src/core/fallback/plan.ts'
import { nextDeadline } from '../../src/core/streaming/deadlines.ts'
import type { Log, OpenSocket, Random } from '../../src/world.ts'
import { noAdmin } from '../gateway/no-admin.ts'
import { refusedApp, type SimulatedApp } from './app.ts'
import type { SimulatedGateway } from './gateway.ts'
import type { Line } from './line.ts'
import { crashablePlatform } from './crashable-platform.ts'
import { crashable, crashableStore, watchStore } from './crashable-store.ts'
import type { SimulatedPlatform } from './platform.ts'
import type { Scene } from './scene.ts'
import { silentMeter } from '../silent-meter.ts'

export const account = 'default'
export const welcomeText = 'welcome!'
const drainMs = 10_000
const openToAll = {
  policy: { policy: 'open', allowFrom: [], applies: 'commands' },
  setting: 'channels.wecom.bot.dm',
} as const
const { privateKey } = generateKeyPairSync('ed25519')
const device = { id: 'device', publicKey: 'key', key: privateKey }
const silent = () => {}
/** A spool without files: the simulation has no media. */
const emptySpool: Spool = {
  keep: async () => {},
  create: () => Promise.reject(new Error('the simulation has no spool')),
  remove: async () => {},
  usage: () => ({ bytes: 0, quotaBytes: 0 }),
  open: () => Promise.reject(new Error('there is no file')),
  borrow: () => Promise.reject(new Error('there is no file')),
  sweep: async () => 0,
}
const paired = { isPaired: () => true, remember: silent, forget: silent }

/** The systems that the daemon talks to, and the events that it reports to the run. */
export interface Environment {
  readonly gateway: SimulatedGateway
  readonly platform: SimulatedPlatform
  readonly app: SimulatedApp
  /** A turn was stored for the first time. */
  opened(turnId: string): void
  /** A store call starts. It is in progress until the returned function is called. */
  started(): () => void
  died(): void
}

/** Accepts a send request, as the private listener does. */
export type Send = (request: SendRequest) => Promise<Delivery>

/**
 * When a process crashes: at its step number `at`, or at the `at`-th of `steps`. Each call to the store or
 * to another system has at least two steps.
 */
export interface CrashPlan {
  readonly at: number
  readonly steps?: readonly string[]
}

/** More steps than this at one moment of the clock are an endless loop. */
const maxStepsAtOnce = 20_000

/** One process of the daemon: the real bridge, gateway client and store, on a database that survives it. */
export class Daemon {
  readonly receive: Receive
  readonly send: Send
  readonly startedAt: number
  /** Ids of the work that this process has claimed. */
  readonly claimed = new Set<string>()
  isAlive = true
  /** The stored holds are loaded. Callbacks before that get no answer. */
  isReady = false
  linkUpAt: number | undefined
  private readonly scene: Scene
  private readonly environment: Environment
  private readonly clock: CancellableClock
  private readonly scheduler: Scheduler
  private readonly connection: Connection
  private readonly work: BridgeWork
  private readonly lines: Line[] = []
  private crashPlan: CrashPlan | undefined
  private steps = 0
  private stepsAtOnce = 0
  private lastStepAt = 0
  private lastOrder = 0

  constructor(scene: Scene, environment: Environment, crashPlan: CrashPlan | undefined) {
    this.scene = scene
    this.environment = environment
    this.crashPlan = crashPlan
    this.startedAt = scene.clock.steady.now()
    this.clock = cancellableClock(scene.clock.ofProcess())
    const log = this.openLog()
    this.scheduler = new Scheduler(this.clock, log)
    this.connection = this.openConnection(log)
    const context = this.openContext(log)
    this.work = startBridge(context, this.scheduler, { contentDays: 7, rowDays: 30 })
    this.receive = crashable('the reply', step => this.pass(step), createReceive(context))
    this.send = crashable(
      'an order',
      step => this.pass(step),
      request => this.accept(context, request),
    )
    this.connection.subscribe({ followsSession: () => false, event: () => {}, status: () => this.onLinkStatus() })
    void this.start(context.breaker)
  }

  private async start(breaker: AppBreaker): Promise<void> {
    try {
      await breaker.load([account])
    } catch (error) {
      this.scene.note(`daemon: cannot start: ${String(error)}`)
      return this.die()
    }
    this.isReady = true
    this.connection.start()
    this.scheduler.start()
  }

  private async accept(context: BridgeContext, request: SendRequest): Promise<Delivery> {
    const delivery = await acceptSend(
      context,
      { defaultAccount: account, webhooks: [], allowBroadcast: false },
      request,
    )
    return delivery
  }

  /** Cancels the planned crash. */
  disarm(): void {
    this.crashPlan = undefined
  }

  now(): number {
    return this.clock.now()
  }

  /** SIGTERM. */
  async stop(): Promise<void> {
    const { scene } = this
    const startedAt = scene.clock.steady.now()
    await this.work.drain(drainMs)
    const tookMs = scene.clock.steady.now() - startedAt
    if (tookMs > drainMs + 1_000) scene.broken(`a stop took ${tookMs} ms`)
    await this.scheduler.stop()
    this.connection.stop()
    this.scheduler.close()
    if (this.isAlive) this.die()
  }

  private pass(step: string): boolean {
    if (!this.isAlive) return false
    this.checkLoop()
    const { crashPlan } = this
    if (crashPlan === undefined || crashPlan.steps?.includes(step) === false || ++this.steps !== crashPlan.at)
      return this.isAlive
    this.scene.note(`daemon: crash ${step}`)
    this.scene.count('crash')
    if (crashPlan.steps !== undefined) this.scene.count('crash around a message')
    if (this.scene.db.leased().length > 0) this.scene.count('crash with work in progress')
    this.die()
    return false
  }

  private checkLoop(): void {
    const now = this.scene.clock.steady.now()
    this.stepsAtOnce = now === this.lastStepAt ? this.stepsAtOnce + 1 : 0
    this.lastStepAt = now
    if (this.stepsAtOnce < maxStepsAtOnce) return
    this.scene.broken('the daemon is in an endless loop')
    this.end()
  }

  /** Ends the process. No other one is started. */
  end(): void {
    this.isAlive = false
    this.clock.cancelAll()
    for (const line of this.lines) line.abandon()
  }

  private die(): void {
    this.end()
    this.environment.died()
  }

  private openLog(): Log {
    const { scene } = this
    const log: Log = {
      debug: silent,
      info: silent,
      warn: silent,
      error: (msg, fields) => {
        scene.note(`daemon: ${msg} ${JSON.stringify(fields)}`)
        const isOperators = fields?.['errcode'] === refusedApp
        if (!isOperators && !String(fields?.['error']).includes('the database could not be written')) {
          scene.broken(`${msg}: ${String(fields?.['error'])}`)
        }
      },
      area: () => log,
    }
    return log
  }

  private openConnection(log: Log): Connection {
    const { clock, scheduler } = this
    const handshake = new Handshake(
      { purpose: 'users', hasApprovers: false },
      { token: 'token' },
      device,
      'simulated',
      paired,
    )
    const openSocket: OpenSocket = (_url, _options, events) => {
      const line = this.environment.gateway.connect({
        message: text => this.pass('before a frame is read') && events.message(text),
        close: (code, reason) => this.isAlive && events.close(code, reason),
      })
      this.lines.push(line)
      const send = (text: string) => {
        if (!this.pass('before a frame is sent')) return
        line.toServer(() => void this.environment.gateway.receive(line, text))
        this.pass('after a frame is sent')
      }
      return {
        send,
        close: code => line.close(code ?? 1005),
        terminate: () => line.close(1006),
        bufferedBytes: () => 0,
      }
    }
    const world = { clock, timers: scheduler, random: this.random(), openSocket, log }
    return new Connection({ url: 'ws://gateway', handshake, backoffMs }, world)
  }

  private openContext(log: Log): BridgeContext {
    const { scene, clock, scheduler, connection, environment } = this
    const { windowMs, handoverMs, placeholder, language, replyFormat, ...limits } = scene.settings
    const app = replyFormat && { replyFormat, allowAppChat: false, welcomeText }
    const pass = (step: string) => this.pass(step)
    const translate = createTranslator(language)
    const store = this.openStore()
    return {
      store,
      agent: {
        ...createChatAgent(connection, new ReloadGate(clock, scheduler), {
          clock,
          timers: scheduler,
          log,
          fetch: async () => new Response('', { status: 404 }),
          createFile: emptySpool.create,
        }),
        ...noAdmin,
      },
      platform: crashablePlatform(environment, pass),
      spool: emptySpool,
      breaker: new AppBreaker(store.keyValue),
      dynamicAgents: new DynamicAgents(store.keyValue, noAdmin, clock, log),
      live: new LiveAnswers(),
      accounts: new Map([
        [
          account,
          {
            id: account,
            policies: { bot: openToAll, app: openToAll },
            thoughts: 'fold',
            translate,
            placeholder,
            windowMs,
            handoverMs,
            joinWindowMs: 3_000,
            ...(app && { app }),
          },
        ],
      ]),
      clock,
      random: this.random(),
      timers: scheduler,
      log,
      meter: silentMeter,
      timezone: 'Asia/Shanghai',
      limits: { ...limits, outbox: 1_000 },
      nextOrder: () => {
        this.lastOrder = Math.max(this.lastOrder + 1, orderAt(clock.now()))
        return this.lastOrder
      },
      administratorsIn: () => [],
      passedCommands: [],
      route: () => ({ agentId: 'main', rule: 'default' }),
      nameOf: () => 'someone',
      wake: () => scheduler.wake(),
    }
  }

  private openStore(): Store {
    const { environment } = this
    const store = createSqliteStore(this.scene.db, { pid: 1, dueAtOf: nextDeadline })
    const watched = watchStore(store, {
      opened: turnId => environment.opened(turnId),
      claimed: id => void this.claimed.add(id),
    })
    return crashableStore(
      watched,
      step => this.pass(step),
      () => environment.started(),
    )
  }

  private random(): Random {
    const { dice } = this.scene
    return { bytes: count => dice.bytes(count), fraction: () => dice.below(1_000) / 1_000 }
  }

  private onLinkStatus(): void {
    this.linkUpAt = this.connection.status.state === 'up' ? this.scene.clock.steady.now() : undefined
  }
}
