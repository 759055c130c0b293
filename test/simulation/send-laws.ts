import type { Delivery, Message, Outcome } from '../../src/domain/delivery.ts'
import { limits } from '../../src/domain/limits.ts'
import { formatTarget, type Target } from '../../src/domain/target.ts'
import type { Sent } from './app.ts'
import { account } from './daemon.ts'
import type { Scene } from './scene.ts'

const minuteMs = 60_000
/** How long requests that were sent before a refusal of the app may still arrive. */
const inFlightMs = 30_000

/** Checks every request to message/send (docs/behaviour.md, "What each route promises"). */
export class SendLaws {
  private readonly scene: Scene
  private readonly sent: readonly Sent[]
  private readonly startedAt: () => number
  private heldAt: number | undefined
  /** The first use of the app by the current process. `isKnown`: it has loaded a stored hold. */
  private probe: { readonly startedAt: number; readonly at: number; isKnown: boolean } | undefined

  /** `startedAt` returns when the current process started. */
  constructor(scene: Scene, sent: readonly Sent[], startedAt: () => number) {
    this.scene = scene
    this.sent = sent
    this.startedAt = startedAt
  }

  /** Finds the delivery and part of a request. Its attempt must be on disk. */
  checkSend(to: Target, message: Message, unchecked: boolean): { delivery: string; part: number } | undefined {
    const { broken, db } = this.scene
    const target = formatTarget(to)
    // No time passes between the commit and the request. An equal attempt may be left over from a crash.
    const inProgress = db.attemptsInProgress().filter(({ attempts }) => attempts.at(-1)?.at === this.scene.processNow())
    const found = inProgress.find(delivery => isSame(delivery, target, message))
    const attempt = found?.attempts.at(-1)
    if (found === undefined || attempt?.part === undefined) {
      broken(`a message to ${target} left before it was on disk`)
      return undefined
    }
    const { part } = attempt
    if ((attempt.unchecked === true) !== unchecked) broken(`${found.id} has another duplicate check than its attempt`)
    this.scene.count(found.attempts.length === 1 ? 'message sent' : 'further message of a delivery sent')
    if (!found.attempts.some(one => one.part === part && one.outcome === 'unknown')) this.checkProbe()
    this.checkRepeat(found, part, message)
    this.checkSequence(found, part)
    this.checkRateLimit(found, part, to)
    return { delivery: found.id, part }
  }

  /** Law: an app that WeCom refuses sends one probe a minute, also after a restart. */
  checkProbe(): void {
    const { clock, broken, clockWasSet, db } = this.scene
    const now = clock.steady.now()
    const startedAt = this.startedAt()
    if (this.probe === undefined || this.probe.startedAt !== startedAt) {
      this.probe = { startedAt: startedAt, at: now, isKnown: db.memo(`hold:${account}`) !== undefined }
    } else if (this.probe.isKnown && now - this.probe.at < minuteMs && !clockWasSet()) {
      broken('a restart forgot that the app is on hold')
    }
    if (this.heldAt === undefined || this.heldAt < startedAt || clockWasSet()) return
    const sinceMs = now - this.heldAt
    if (sinceMs > inFlightMs && sinceMs < minuteMs) broken(`an app on hold was used again after ${sinceMs} ms`)
  }

  /** Records the answer to a request of `sentAt`. A process that started later doesn't get it. */
  recordOutcome({ errcode, hold }: Outcome, sentAt: number): void {
    if (sentAt < this.startedAt()) return
    if (hold) this.heldAt = this.scene.clock.steady.now()
    if (hold || errcode === undefined) return
    this.heldAt = undefined
    if (this.probe !== undefined) this.probe.isKnown = false
  }

  shownTwice({ delivery, part }: Sent): void {
    if (!this.scene.clockWasSet()) this.scene.broken(`part ${part} of ${delivery} was shown twice`)
  }

  /** Law: only an unknown outcome is repeated. Once, within a minute, the same bytes, with WeCom's duplicate check. */
  private checkRepeat(delivery: Delivery, part: number, message: Message): void {
    const { broken, clock, clockWasSet, count } = this.scene
    const where = `part ${part} of ${delivery.id}`
    const known = delivery.attempts.slice(0, -1).filter(attempt => attempt.part === part)
    const isOver = known.some(({ outcome }) => outcome === 'delivered')
    if (isOver) broken(`${where} was sent again although it was delivered`)
    const earlier = this.sent.filter(sent => sent.delivery === delivery.id && sent.part === part)
    if (earlier.length > 0) count('message sent again')
    const unresolved = earlier.filter(({ outcome }) => outcome !== 'retry' && outcome !== 'refused')
    const [first] = unresolved
    if (first === undefined) return
    if (unresolved.length > 1) broken(`${where} was sent more than twice`)
    if (first.body !== JSON.stringify(message)) broken(`${where} was sent again with another body`)
    if (first.unchecked) broken(`${where} was sent again without a duplicate check`)
    const lateMs = clock.steady.now() - first.at
    if (lateMs > minuteMs && !clockWasSet()) broken(`${where} was sent again after ${lateMs} ms`)
  }

  /** Law: parts go in order, and so do the deliveries to one target. */
  private checkSequence(delivery: Delivery, part: number): void {
    const { broken, db, clockWasSet } = this.scene
    for (let earlier = 1; earlier < part; earlier++) {
      const isSettled = delivery.attempts.some(
        attempt => attempt.part === earlier && (attempt.outcome === 'delivered' || attempt.givenUp === true),
      )
      if (!isSettled) broken(`part ${part} of ${delivery.id} left before part ${earlier}`)
    }
    if (clockWasSet()) return
    const before = db.openBefore(delivery.order).find(other => targetOf(other) === targetOf(delivery))
    if (before !== undefined) broken(`${delivery.id} overtook ${before.id}`)
  }

  /** Law: no member gets more messages a minute than the limit. WeCom drops further ones silently. */
  private checkRateLimit(delivery: Delivery, part: number, to: Target): void {
    const { broken, clock, clockWasSet } = this.scene
    if (to.kind !== 'user' || clockWasSet()) return
    const isRepeat = this.sent.some(sent => sent.delivery === delivery.id && sent.part === part)
    const since = clock.steady.now() - minuteMs
    const target = formatTarget(to)
    const recent = this.sent.filter(sent => sent.to === target && sent.at > since)
    const firsts = new Set(recent.map(sent => `${sent.delivery}#${sent.part}`))
    if (firsts.size + 1 === limits.messagesPerMinute) this.scene.count('minute limit reached')
    if (!isRepeat && firsts.size >= limits.messagesPerMinute) broken(`${target} got more messages than a minute allows`)
  }
}

function targetOf({ body }: Delivery): string {
  return body.kind === 'messages' ? formatTarget(body.to).toLowerCase() : ''
}

function isSame({ body, attempts }: Delivery, target: string, message: Message): boolean {
  if (body.kind !== 'messages' || formatTarget(body.to) !== target) return false
  const part = attempts.at(-1)?.part ?? 0
  return JSON.stringify(body.messages[part - 1]) === JSON.stringify(message)
}
