import { FakeClock } from '../fake-clock.ts'
import { SimulatedApp } from './app.ts'
import { AppEndLaws } from './app-end-laws.ts'
import { Daemon, type CrashPlan } from './daemon.ts'
import { type Dice, rollDice } from './dice.ts'
import { EndLaws } from './end-laws.ts'
import { planRun } from './faults.ts'
import { FaultyDatabase } from './faulty-database.ts'
import { SimulatedGateway } from './gateway.ts'
import { SimulatedPlatform } from './platform.ts'
import { Replies } from './replies.ts'
import type { Happening, Scene, Settings } from './scene.ts'
import { Scripts } from './scripts.ts'
import { SimulatedTenant } from './tenant.ts'

const epoch = 1_750_000_000_000
/** How long a run continues without faults at most: longer than every deadline of a turn. */
const mostQuietMs = 200 * 60_000
/** How often the run checks whether it is over. */
const stepMs = 10_000
/** After a restart, the leased work of the dead process must be claimed within this time. */
const recoveryMs = 8_000

export interface Verdict {
  /** The first law that was broken. Undefined if none was. */
  readonly broken: string | undefined
  readonly counts: ReadonlyMap<Happening, number>
  readonly trace: readonly string[]
  readonly simulatedMs: number
}

/** Plays one run. Everything in it follows from `seed`. `isTraced` keeps a trace. */
export async function playRun(seed: number, isTraced = false): Promise<Verdict> {
  return await new Run(rollDice(seed), isTraced).play()
}

class Run {
  private readonly counts = new Map<Happening, number>()
  private readonly trace: string[] = []
  private readonly dice: Dice
  private readonly isTraced: boolean
  private readonly clock: FakeClock
  private readonly scene: Scene
  private readonly gateway: SimulatedGateway
  private readonly platform: SimulatedPlatform
  private readonly app: SimulatedApp
  private readonly scripts: Scripts
  private readonly tenant: SimulatedTenant
  private readonly replies: Replies
  private daemon: Daemon | undefined
  private law: string | undefined
  private busyCalls = 0
  private quietSince = epoch
  private crashesLeft: number
  private commitsFailUntil = 0
  private hasFaults = true
  private clockWasSet = false
  private opened = 0

  constructor(dice: Dice, tells: boolean) {
    this.dice = dice
    this.isTraced = tells
    this.clock = new FakeClock(epoch, () => this.rest())
    this.scene = this.openScene()
    this.replies = new Replies(dice)
    this.gateway = new SimulatedGateway(this.scene, this.replies)
    this.platform = new SimulatedPlatform(this.scene)
    this.app = new SimulatedApp(this.scene, () => this.daemon?.startedAt ?? 0)
    this.scripts = new Scripts(this.scene, () => this.sender())
    this.tenant = new SimulatedTenant(this.scene, () => this.receiver(), this.replies)
    this.crashesLeft = dice.chance(0.5) ? dice.between(1, 3) : 0
  }

  async play(): Promise<Verdict> {
    const { clock, scene, tenant, gateway } = this
    const stray = (error: unknown) => scene.broken(`unhandled rejection: ${String(error)}`)
    process.on('unhandledRejection', stray)
    try {
      this.start()
      const lengthMs = planRun(scene, {
        tenant,
        gateway,
        app: this.app,
        scripts: this.scripts,
        daemon: () => this.daemon,
        failCommits: ms => this.failCommits(ms),
        setClock: byMs => this.setClock(byMs),
      })
      await this.passUntil(() => clock.steady.now() >= epoch + lengthMs)
      this.endFaults()
      const limit = clock.steady.now() + mostQuietMs
      await this.passUntil(() => this.isDone() || clock.steady.now() > limit)
      if (this.law === undefined) new EndLaws(scene, this.world()).check()
      if (this.law === undefined) new AppEndLaws(scene, this.world()).check()
    } finally {
      process.off('unhandledRejection', stray)
      this.daemon?.end()
      scene.db.close()
    }
    return { broken: this.law, counts: this.counts, trace: this.trace, simulatedMs: clock.steady.now() - epoch }
  }

  private world() {
    const { gateway, platform, app, scripts, tenant, replies } = this
    return { gateway, platform, app, scripts, tenant, replies }
  }

  private openScene(): Scene {
    const { clock, dice } = this
    const db = new FaultyDatabase()
    db.commitFails = () => this.commitFails()
    return {
      clock,
      dice,
      db,
      settings: chooseSettings(dice),
      note: text => {
        if (this.isTraced) this.trace.push(`${((clock.steady.now() - epoch) / 1_000).toFixed(3).padStart(9)} ${text}`)
      },
      count: what => void this.counts.set(what, (this.counts.get(what) ?? 0) + 1),
      broken: law => {
        this.law ??= law
        this.scene.note(`BROKEN: ${law}`)
      },
      quietSince: () => this.quietSince,
      clockWasSet: () => this.clockWasSet,
      processNow: () => this.daemon?.now() ?? clock.now(),
      after: (ms, ring) => void clock.steady.alarm(clock.steady.now() + ms, ring),
    }
  }

  /** Starts a process on the database of the previous one. */
  private start(): void {
    const held = this.scene.db.leased()
    const crashPlan = this.crashesLeft-- > 0 && this.hasFaults ? planCrash(this.scene) : undefined
    const environment = {
      gateway: this.gateway,
      platform: this.platform,
      app: this.app,
      opened: (turnId: string) => this.recordOrder(turnId),
      started: () => this.startCall(),
      died: () => this.restart(),
    }
    this.disturb()
    this.daemon = new Daemon(this.scene, environment, crashPlan)
    this.scene.note('daemon: started')
    if (held.length > 0) this.checkRecovery(this.daemon, held)
  }

  private restart(): void {
    const downMs = this.dice.chance(0.9) ? this.dice.between(50, 5_000) : this.dice.between(5_000, 180_000)
    this.scene.after(downMs, () => this.start())
  }

  private receiver() {
    return this.daemon?.isAlive === true && this.daemon.isReady ? this.daemon.receive : undefined
  }

  private sender() {
    return this.daemon?.isAlive === true && this.daemon.isReady ? this.daemon.send : undefined
  }

  /** Law: a restart claims the work of the dead process at once, not when its leases run out. */
  private checkRecovery(daemon: Daemon, held: readonly string[]): void {
    const { clock, db, settings, after, broken } = this.scene
    if (!daemon.isAlive || settings.maxRuns < 10) return
    const since = Math.max(daemon.linkUpAt ?? Infinity, this.quietSince)
    if (clock.steady.now() < since + recoveryMs) return after(500, () => this.checkRecovery(daemon, held))
    const left = held.filter(id => !daemon.claimed.has(id) && db.isDue(id, this.scene.processNow()))
    if (left.length > 0) broken(`${left.join()} was not claimed after the restart`)
  }

  private recordOrder(turnId: string): void {
    const message = this.tenant.find(turnId)
    if (message === undefined || message.place !== undefined) return this.scene.broken(`${turnId} was opened twice`)
    message.place = ++this.opened
    this.scene.note(`daemon: ${turnId} is on disk`)
  }

  private startCall(): () => void {
    this.busyCalls++
    return () => void this.busyCalls--
  }

  private async rest(): Promise<void> {
    do await new Promise<void>(resolve => setImmediate(resolve))
    while (this.busyCalls > 0)
  }

  private commitFails(): boolean {
    const fails = this.clock.steady.now() < this.commitsFailUntil && this.dice.chance(0.8)
    if (fails) this.scene.count('commit failed')
    if (fails) this.disturb()
    return fails
  }

  private failCommits(ms: number): void {
    this.commitsFailUntil = this.clock.steady.now() + ms
    this.scene.note(`store: commits fail for ${ms} ms`)
  }

  private setClock(byMs: number): void {
    this.clock.step(byMs)
    this.clockWasSet = true
    this.disturb()
    this.scene.count(byMs > 0 ? 'clock set forward' : 'clock set back')
    this.scene.note(`clock: set by ${byMs} ms`)
  }

  private disturb(): void {
    this.quietSince = this.clock.steady.now()
  }

  /** From here on there are no faults, so that the run can come to its end. */
  private endFaults(): void {
    this.hasFaults = false
    this.commitsFailUntil = 0
    this.daemon?.disarm()
    this.gateway.slowMs = 0
    this.gateway.start()
    this.scene.note('no faults from here on')
  }

  private isDone(): boolean {
    return this.tenant.polling === 0 && this.daemon?.isAlive === true && !this.scene.db.hasWork()
  }

  private async passUntil(isOver: () => boolean): Promise<void> {
    while (this.law === undefined && !isOver()) await this.clock.advanceTo(this.clock.steady.now() + stepMs)
  }
}

/** The steps at which a crash is most dangerous for a message. */
const stepsAroundMessages = [
  'after begin',
  'after a message is sent',
  'after a message',
  'after an upload',
  'before write',
]

function planCrash({ dice, settings }: Scene): CrashPlan {
  const isAimed = settings.replyFormat !== undefined && dice.chance(0.5)
  if (isAimed) return { at: dice.between(1, 6), steps: [dice.pick(['before begin', ...stepsAroundMessages])] }
  return { at: dice.between(1, dice.pick([40, 150, 600])) }
}

function chooseSettings(dice: Dice): Settings {
  const isShort = dice.chance(0.8)
  const hasApp = dice.chance(0.5)
  return {
    windowMs: isShort ? 60_000 : 360_000,
    handoverMs: isShort ? 15_000 : 30_000,
    openTurns: dice.chance(0.97) ? 2_000 : 3,
    perUserPerMinute: dice.chance(0.95) ? 20 : 2,
    maxRuns: dice.chance(0.9) ? 64 : dice.between(1, 2),
    runTimeoutMs: dice.chance(0.5) ? 180_000 : 600_000,
    placeholder: dice.chance(0.7) ? '<think></think>' : '…',
    language: dice.chance(0.5) ? 'zh-CN' : 'en',
    ...(hasApp && { replyFormat: dice.pick(['auto', 'text', 'markdown']) }),
    askWithinMs: dice.chance(0.5) ? 600_000 : 7_200_000,
    deliverWithinMs: hasApp && dice.chance(0.2) ? 180_000 : 86_400_000,
  }
}
