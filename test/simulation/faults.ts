import type { Conversation, Surface } from '../../src/domain/message.ts'
import { formatSessionKey } from '../../src/domain/routing.ts'
import type { SimulatedApp } from './app.ts'
import { account, type Daemon } from './daemon.ts'
import type { SimulatedGateway } from './gateway.ts'
import type { Scene } from './scene.ts'
import type { Scripts } from './scripts.ts'
import type { SimulatedTenant } from './tenant.ts'

const minuteMs = 60_000

/** A user who writes, and the conversation. */
interface Writer {
  readonly sender: string
  readonly conversation: Conversation
  readonly surface: Surface
}

export interface Actors {
  readonly gateway: SimulatedGateway
  readonly tenant: SimulatedTenant
  readonly app: SimulatedApp
  readonly scripts: Scripts
  daemon(): Daemon | undefined
  /** Commits fail with a probability of 80 % for `ms`. */
  failCommits(ms: number): void
  setClock(byMs: number): void
}

/** Schedules who writes when, and what goes wrong. Returns the length of the run in ms. */
export function planRun(scene: Scene, actors: Actors): number {
  const { dice } = scene
  const roll = dice.below(100)
  const lengthMs = roll < 75 ? dice.between(1_000, minuteMs) : roll < 98 ? 4 * minuteMs : 65 * minuteMs
  const writers = chooseWriters(scene)
  planMessages(scene, actors.tenant, writers, lengthMs)
  const at = (probability: number, happen: () => void) => {
    if (dice.chance(probability)) scene.after(dice.below(lengthMs), happen)
  }
  planGateway(scene, actors.gateway, writers, at)
  planHost(scene, actors, at)
  if (scene.settings.replyFormat !== undefined) planApp(scene, actors, lengthMs, at)
  return lengthMs
}

type At = (probability: number, happen: () => void) => void

function direct(sender: string, surface: Surface = 'bot'): Writer {
  return { sender, surface, conversation: { account, kind: 'direct', id: sender } }
}

function chooseWriters({ dice, settings }: Scene): readonly [Writer, ...Writer[]] {
  const group: Conversation = { account, kind: 'group', id: dice.pick(['wrGroupA', 'wrgroupa']) }
  const writers: [Writer, ...Writer[]] = [direct('zhangsan')]
  if (dice.chance(0.5)) writers.push(direct('lisi'))
  if (dice.chance(0.4)) {
    for (const sender of ['zhangsan', 'lisi', 'wangwu']) writers.push({ sender, surface: 'bot', conversation: group })
  }
  if (settings.replyFormat !== undefined) writers.push(direct('zhangsan', 'app'), direct('wangwu', 'app'))
  return writers
}

function planMessages(
  scene: Scene,
  tenant: SimulatedTenant,
  writers: readonly [Writer, ...Writer[]],
  lengthMs: number,
): void {
  const { dice } = scene
  const count = dice.between(1, 7)
  let writer = dice.pick(writers)
  let at = dice.below(Math.min(lengthMs, 5_000))
  for (let n = 0; n < count; n++) {
    const { conversation, sender, surface } = writer
    scene.after(at, () => tenant.write(conversation, sender, surface))
    if (dice.chance(0.5)) writer = dice.pick(writers)
    at = dice.chance(0.6) ? Math.min(at + dice.below(3_000), lengthMs) : dice.below(lengthMs)
  }
}

function planGateway(scene: Scene, gateway: SimulatedGateway, writers: readonly [Writer, ...Writer[]], at: At): void {
  const { dice } = scene
  const returnLater = () => {
    const awayMs = dice.chance(0.97) ? dice.between(300, 40_000) : dice.between(61 * minuteMs, 70 * minuteMs)
    scene.after(awayMs, () => gateway.start())
  }
  const sessionKey = () => formatSessionKey('main', dice.pick(writers).conversation)
  at(0.2, () => {
    gateway.kill()
    returnLater()
  })
  at(0.1, () => {
    gateway.kill()
    returnLater()
  })
  at(0.08, () => {
    gateway.stop()
    returnLater()
    scene.after(15_000, () => gateway.start())
  })
  at(0.2, () => gateway.cutConnections())
  at(0.1, () => gateway.cutConnections())
  at(0.04, () => gateway.dropFrames())
  at(0.1, () => {
    gateway.slowMs = dice.between(500, 5_000)
    scene.after(dice.between(1_000, 20_000), () => {
      gateway.slowMs = 0
    })
  })
  for (const name of ['x1', 'x2']) at(0.12, () => gateway.askAsOther(sessionKey(), `«${name}» from a job`))
  at(0.03, () => gateway.abortAsOther(sessionKey()))
}

/** Schedules send requests, users who open the app, and times in which WeCom refuses the app. */
function planApp(scene: Scene, { app, scripts, tenant }: Actors, lengthMs: number, at: At): void {
  const { dice } = scene
  for (let n = dice.below(5); n > 0; n--) scene.after(dice.below(lengthMs), () => scripts.post())
  const burst = dice.chance(app.isHealthy ? 0.15 : 0.01) ? dice.between(32, 45) : 0
  for (let n = 0; n < burst; n++) scene.after(n * 100, () => scripts.post({ kind: 'user', ids: ['zhangsan'] }))
  at(0.25, () => app.hold(dice.chance(0.6) ? dice.between(1_000, minuteMs) : dice.between(minuteMs, 15 * minuteMs)))
  for (const sender of ['zhangsan', 'zhangsan', 'lisi']) at(0.3, () => tenant.enter(sender))
}

function planHost(scene: Scene, actors: Actors, at: At): void {
  const { dice } = scene
  at(0.12, () => {
    if (actors.daemon()?.isAlive !== true) return
    scene.count('graceful stop')
    scene.note('daemon: SIGTERM')
    void actors.daemon()?.stop()
  })
  for (const probability of [0.15, 0.1]) at(probability, () => actors.failCommits(dice.pick([1, 50, 1_000, 8_000])))
  const stepMs = () => (dice.chance(0.9) ? dice.between(1_000, 2 * minuteMs) : dice.between(minuteMs, 60 * minuteMs))
  at(0.1, () => actors.setClock(stepMs()))
  at(0.1, () => actors.setClock(-stepMs()))
}
