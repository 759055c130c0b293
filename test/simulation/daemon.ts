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
import { nextDeadline } from '../../src/core/streaming/advance.ts'
import type { Log, OpenSocket, Random } from '../../src/world.ts'
import { noAdmin } from '../gateway/no-admin.ts'
import { refusedApp, type SimulatedApp } from './app.ts'
import type { SimulatedGateway } from './gateway.ts'
import type { Line } from './line.ts'
import { mortalPlatform } from './mortal-platform.ts'
import { mortal, mortalStore, watchStore } from './mortal-store.ts'
import type { SimulatedPlatform } from './platform.ts'
import type { Scene } from './scene.ts'

export const account = 'default'
export const welcomeText = 'welcome!'
const drainMs = 10_000
const everybody = {
  policy: { policy: 'open', allowFrom: [], applies: 'commands' },
  setting: 'channels.wecom.bot.dm',
} as const
const { privateKey } = generateKeyPairSync('ed25519')
const device = { id: 'device', publicKey: 'key', key: privateKey }
const silent = () => {}
/** Nothing is sent as a file here. */
const emptySpool: Spool = {
  keep: async () => {},
  create: () => Promise.reject(new Error('nothing is kept here')),
  remove: async () => {},
  open: () => Promise.reject(new Error('there is no file')),
  borrow: () => Promise.reject(new Error('there is no file')),
  sweep: async () => 0,
}
const paired = { isPaired: () => true, remember: silent, forget: silent }

/** Who lives beside the daemon, and who wants to know what it does. */
export interface Neighbours {
  readonly gateway: SimulatedGateway
  readonly platform: SimulatedPlatform
  readonly app: SimulatedApp
  /** A message was committed for the first time. */
  opened(turnId: string): void
  /** The engine is busy until the function that this returns is called. */
  started(): () => void
  died(): void
}

/** As the private listener takes something to be sent first. */
export type Send = (request: SendRequest) => Promise<Delivery>

/** When a process dies: at its step `at`, or the `at`-th time that it comes to one of `steps`. Every await is a step. */
export interface Doom {
  readonly at: number
  readonly steps?: readonly string[]
}

/** More steps than this without time passing are a circle. */
const mostStepsAtOnce = 20_000

/** One life of the daemon's process: the real core on a database that outlives it. */
export class Daemon {
  readonly receive: Receive
  readonly send: Send
  readonly bornAt: number
  /** Deliveries that this life has taken up. */
  readonly claimed = new Set<string>()
  isAlive = true
  /** It has read what it must know before it may work. */
  isReady = false
  linkUpAt: number | undefined
  private readonly scene: Scene
  private readonly neighbours: Neighbours
  private readonly clock: CancellableClock
  private readonly scheduler: Scheduler
  private readonly connection: Connection
  private readonly work: BridgeWork
  private readonly lines: Line[] = []
  private doom: Doom | undefined
  private steps = 0
  private stepsAtOnce = 0
  private lastStepAt = 0
  private lastOrder = 0

  constructor(scene: Scene, neighbours: Neighbours, doom: Doom | undefined) {
    this.scene = scene
    this.neighbours = neighbours
    this.doom = doom
    this.bornAt = scene.clock.steady.now()
    this.clock = cancellableClock(scene.clock)
    const log = this.openLog()
    this.scheduler = new Scheduler(this.clock, log)
    this.connection = this.openConnection(log)
    const desk = this.openDesk(log)
    this.work = startBridge(desk, this.scheduler, { contentDays: 7, rowDays: 30 })
    this.receive = mortal('the reply', step => this.pass(step), createReceive(desk))
    this.send = mortal(
      'an order',
      step => this.pass(step),
      request => this.accept(desk, request),
    )
    this.connection.subscribe({ followsSession: () => false, event: () => {}, status: () => this.seeLink() })
    void this.start(desk.breaker)
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

  private async accept(desk: BridgeContext, request: SendRequest): Promise<Delivery> {
    const delivery = await acceptSend(desk, { defaultAccount: account, webhooks: [], allowBroadcast: false }, request)
    return delivery
  }

  /** It will not crash any more. */
  spare(): void {
    this.doom = undefined
  }

  /** As on SIGTERM. */
  async stop(): Promise<void> {
    const { scene } = this
    const startedAt = scene.clock.steady.now()
    const wallAt = scene.clock.now()
    await this.work.drain(drainMs)
    const tookMs = scene.clock.steady.now() - startedAt
    // Waits go by the wall clock: one that is set back makes them longer.
    const isFair = scene.clock.now() - wallAt === tookMs
    if (isFair && tookMs > drainMs + 1_000) scene.broken(`a stop took ${tookMs} ms`)
    await this.scheduler.stop()
    this.connection.stop()
    this.scheduler.close()
    if (this.isAlive) this.die()
  }

  private pass(step: string): boolean {
    if (!this.isAlive) return false
    this.checkCircle()
    const { doom } = this
    if (doom === undefined || doom.steps?.includes(step) === false || ++this.steps !== doom.at) return this.isAlive
    this.scene.note(`daemon: crash ${step}`)
    this.scene.count('crash')
    if (doom.steps !== undefined) this.scene.count('crash around a message')
    if (this.scene.db.leased().length > 0) this.scene.count('crash with work under way')
    this.die()
    return false
  }

  private checkCircle(): void {
    const now = this.scene.clock.steady.now()
    this.stepsAtOnce = now === this.lastStepAt ? this.stepsAtOnce + 1 : 0
    this.lastStepAt = now
    if (this.stepsAtOnce < mostStepsAtOnce) return
    this.scene.broken('the daemon runs in circles')
    this.end()
  }

  /** Ends it without a successor. */
  end(): void {
    this.isAlive = false
    this.clock.cancelAll()
    for (const line of this.lines) line.abandon()
  }

  private die(): void {
    this.end()
    this.neighbours.died()
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
      const line = this.neighbours.gateway.connect({
        message: text => this.pass('before a frame is read') && events.message(text),
        close: (code, reason) => this.isAlive && events.close(code, reason),
      })
      this.lines.push(line)
      const send = (text: string) => {
        if (!this.pass('before a frame is sent')) return
        line.toServer(() => void this.neighbours.gateway.hear(line, text))
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

  private openDesk(log: Log): BridgeContext {
    const { scene, clock, scheduler, connection, neighbours } = this
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
      platform: mortalPlatform(neighbours, pass),
      spool: emptySpool,
      breaker: new AppBreaker(store.keyValue),
      dynamicAgents: new DynamicAgents(store.keyValue, noAdmin, clock, log),
      live: new LiveAnswers(),
      accounts: new Map([
        [
          account,
          {
            id: account,
            policies: { bot: everybody, app: everybody },
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
      meter: { turnEnded: silent, firstText: silent, answered: silent, attempt: silent, feedback: silent },
      timezone: 'Asia/Shanghai',
      limits: { ...limits, outbox: 1_000 },
      nextOrder: () => {
        this.lastOrder = Math.max(this.lastOrder + 1, orderAt(clock.now()))
        return this.lastOrder
      },
      administratorsIn: () => [],
      passedCommands: [],
      route: () => ({ agentId: 'main', rule: 'default' }),
      wake: () => scheduler.wake(),
    }
  }

  private openStore(): Store {
    const { neighbours } = this
    const store = createSqliteStore(this.scene.db, { pid: 1, dueAtOf: nextDeadline })
    const watched = watchStore(store, {
      opened: turnId => neighbours.opened(turnId),
      claimed: id => void this.claimed.add(id),
    })
    return mortalStore(
      watched,
      step => this.pass(step),
      () => neighbours.started(),
    )
  }

  private random(): Random {
    const { dice } = this.scene
    return { bytes: count => dice.bytes(count), fraction: () => dice.below(1_000) / 1_000 }
  }

  private seeLink(): void {
    this.linkUpAt = this.connection.status.state === 'up' ? this.scene.clock.steady.now() : undefined
  }
}
