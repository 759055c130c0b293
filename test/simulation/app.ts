import type { Message, Outcome } from '../../src/domain/delivery.ts'
import { limits } from '../../src/domain/limits.ts'
import type { Upload } from '../../src/domain/ports.ts'
import { formatTarget, type Target } from '../../src/domain/target.ts'
import type { Scene } from './scene.ts'
import { SendLaws } from './send-laws.ts'

/** The daemon's request timeout (`network.timeoutMs`). */
const timeoutMs = 15_000
/** The errcode of an app with an untrusted IP. Only the operator can fix it. */
export const refusedApp = 60_020

/** A request to message/send, as the platform sees it. */
export interface Sent {
  readonly delivery: string
  readonly part: number
  readonly to: string
  readonly body: string
  readonly unchecked: boolean
  /** In monotonic time. */
  readonly at: number
  /** The outcome that the daemon gets, if it is still alive. */
  outcome?: Outcome['outcome']
}

type Treatment =
  | 'accepts it'
  | 'refuses it'
  | 'is busy'
  | 'has forgotten the file'
  | 'is not reached'
  | 'loses the request'
  | 'loses the answer'

/** message/send and media/upload of the account's app, and the messages that its users see. */
export class SimulatedApp {
  readonly sent: Sent[] = []
  /** How often each part of a delivery was shown. */
  readonly shown = new Map<string, number>()
  /** Users outside the app's visible range. */
  readonly hidden: readonly string[]
  /** No faults in this run. Only then can many messages be sent within a minute. */
  readonly isHealthy: boolean
  private readonly scene: Scene
  private readonly laws: SendLaws
  /** When an equal message was last shown, by target and message. */
  private readonly lastShownAt = new Map<string, number>()
  private heldUntil = 0
  private uploads = 0

  constructor(scene: Scene, startedAt: () => number) {
    this.scene = scene
    this.laws = new SendLaws(scene, this.sent, startedAt)
    this.isHealthy = scene.dice.chance(0.2)
    const roll = scene.dice.below(10)
    this.hidden = roll < 2 ? ['lisi'] : roll < 4 ? ['wangwu'] : []
  }

  /** WeCom refuses every request of the app for `ms`, as with an untrusted IP. */
  hold(ms: number): void {
    this.heldUntil = this.scene.clock.steady.now() + ms
    this.scene.count('app on hold')
    this.scene.note(`platform: the app is refused for ${ms} ms`)
  }

  send(to: Target, message: Message, unchecked: boolean): Promise<Outcome> {
    const { scene } = this
    const { delivery, part } = this.laws.checkSend(to, message, unchecked) ?? { delivery: '', part: 0 }
    const treatment = this.choose(message)
    const at = scene.clock.steady.now()
    const sent: Sent = { delivery, part, to: formatTarget(to), body: JSON.stringify(message), unchecked, at }
    this.sent.push(sent)
    if (unchecked) scene.count('duplicate check switched off')
    scene.note(`platform: part ${part} of ${delivery} is sent to ${sent.to}, the platform ${treatment}`)
    return this.answer(treatment, () => this.handle(sent, to, treatment)).then(outcome => {
      sent.outcome = outcome.outcome
      this.laws.recordOutcome(outcome, at)
      return outcome
    })
  }

  upload(): Promise<Upload> {
    const { scene } = this
    this.laws.checkProbe()
    const treatment = this.choose(undefined)
    scene.count('file uploaded')
    scene.note(`platform: a file is uploaded, the platform ${treatment}`)
    const at = scene.clock.steady.now()
    const accept = (): Upload => this.refusalFor(treatment) ?? { mediaId: `media-${++this.uploads}` }
    return this.answer<Upload>(treatment, accept).then(uploaded => {
      this.laws.recordOutcome('mediaId' in uploaded ? { outcome: 'delivered', errcode: 0 } : uploaded, at)
      if ('mediaId' in uploaded) return uploaded
      return uploaded.outcome === 'unknown' ? { ...uploaded, outcome: 'retry' } : uploaded
    })
  }

  private choose(message: Message | undefined): Treatment {
    const roll = this.scene.dice.below(100)
    if (roll < 62 || this.isHealthy) return 'accepts it'
    if (roll < 65) return 'refuses it'
    if (roll < 73) return 'is busy'
    if (roll < 78) return 'is not reached'
    if (roll < 84 && message?.kind === 'media') return 'has forgotten the file'
    return roll < 90 ? 'loses the request' : 'loses the answer'
  }

  /** Handles a request after a delay, by `accept`. The request or its answer may get lost. */
  private answer<T>(treatment: Treatment, accept: () => T | Outcome): Promise<T | Outcome> {
    const { clock, dice } = this.scene
    const { promise, resolve } = Promise.withResolvers<T | Outcome>()
    const sentAt = clock.steady.now()
    const handledAt =
      sentAt + (dice.chance(0.1) && !this.isHealthy ? dice.between(1_000, 10_000) : dice.between(5, 200))
    clock.steady.alarm(handledAt, () => {
      if (treatment === 'is not reached') return resolve({ outcome: 'retry', errmsg: 'connection refused' })
      const accepted = treatment === 'loses the request' ? undefined : accept()
      const isAnswered = accepted !== undefined && treatment !== 'loses the answer'
      // Either the connection is reset at once, or the request times out.
      const lostAt = dice.chance(0.5) ? handledAt : sentAt + timeoutMs
      const answeredAt = isAnswered ? handledAt + dice.between(5, 200) : lostAt
      clock.steady.alarm(answeredAt, () => resolve(isAnswered ? accepted : { outcome: 'unknown', errmsg: 'no answer' }))
    })
    return promise
  }

  private refusalFor(treatment: Treatment): Outcome | undefined {
    if (this.scene.clock.steady.now() < this.heldUntil) return { outcome: 'retry', errcode: refusedApp, hold: true }
    if (treatment === 'is busy') return { outcome: 'retry', errcode: -1 }
    if (treatment === 'refuses it') return { outcome: 'refused', errcode: 45_002 }
    return treatment === 'has forgotten the file' ? { outcome: 'refused', errcode: 40_007 } : undefined
  }

  private handle(sent: Sent, to: Target, treatment: Treatment): Outcome {
    const refusal = this.refusalFor(treatment)
    if (refusal !== undefined) return refusal
    const ids = to.kind === 'user' ? to.ids : []
    const invaliduser = ids.filter(id => this.hidden.includes(id.toLowerCase()))
    const isNobody = ids.length > 0 && invaliduser.length === ids.length
    if (isNobody && this.scene.dice.chance(0.8)) return { outcome: 'refused', errcode: 81_013 }
    if (!isNobody) this.show(sent)
    return { outcome: 'delivered', errcode: 0, ...(invaliduser.length > 0 && { unreached: { invaliduser } }) }
  }

  /** Shows a message, unless it is a duplicate. WeCom answers a duplicate like any other message. */
  private show(sent: Sent): void {
    const { clock, count, note } = this.scene
    const key = `${sent.to}\0${sent.body}`
    const now = clock.steady.now()
    const isDuplicate = now - (this.lastShownAt.get(key) ?? -Infinity) < limits.duplicateCheckSeconds * 1_000
    if (isDuplicate && !sent.unchecked) {
      count('duplicate not shown')
      return note(`platform: part ${sent.part} of ${sent.delivery} is a duplicate`)
    }
    this.lastShownAt.set(key, now)
    const part = partKey(sent.delivery, sent.part)
    this.shown.set(part, (this.shown.get(part) ?? 0) + 1)
    note(`platform: part ${sent.part} of ${sent.delivery} is shown`)
    if ((this.shown.get(part) ?? 0) > 1) this.laws.shownTwice(sent)
  }

  timesShown(delivery: string, part: number): number {
    return this.shown.get(partKey(delivery, part)) ?? 0
  }
}

function partKey(delivery: string, part: number): string {
  return `${delivery}#${part}`
}
