import type { Delivery, Message, Outcome } from '../../src/domain/delivery.ts'
import { limits } from '../../src/domain/limits.ts'
import { formatTarget, type Target } from '../../src/domain/target.ts'
import type { Sent } from './app.ts'
import { account } from './daemon.ts'
import type { Scene } from './scene.ts'

const minuteMs = 60_000
/** What was under way already when the platform refused the app may still arrive for so long. */
const underWayMs = 30_000

/** Holds everything that leaves for message/send against the promises of `definitions.md` 2. */
export class SendLaws {
  private readonly scene: Scene
  private readonly sent: readonly Sent[]
  private readonly bornAt: () => number
  private heldAt: number | undefined
  /** The first use of the app by the process that lives; `isKnown`: it knows from the file that the app is on hold. */
  private probe: { readonly bornAt: number; readonly at: number; isKnown: boolean } | undefined

  /** `bornAt` is when the process that lives was started. */
  constructor(scene: Scene, sent: readonly Sent[], bornAt: () => number) {
    this.scene = scene
    this.sent = sent
    this.bornAt = bornAt
  }

  /** Which part of which delivery this is; it must be on disk as begun. */
  checkSend(to: Target, message: Message, unchecked: boolean): { delivery: string; part: number } | undefined {
    const { broken, db, clock } = this.scene
    const target = formatTarget(to)
    // Nothing takes time between the commit and the request; an equal one may lie there since a crash.
    const begun = db.begun().filter(({ attempts }) => attempts.at(-1)?.at === clock.now())
    const found = begun.find(delivery => isSame(delivery, target, message))
    const attempt = found?.attempts.at(-1)
    if (found === undefined || attempt?.part === undefined) {
      broken(`a message to ${target} left before it was written down`)
      return undefined
    }
    const { part } = attempt
    if ((attempt.unchecked === true) !== unchecked) broken(`${found.id} is checked otherwise than it was written down`)
    this.scene.count(found.attempts.length === 1 ? 'message sent' : 'message sent after another')
    if (!found.attempts.some(one => one.part === part && one.outcome === 'unknown')) this.checkProbe()
    this.checkRepeat(found, part, message)
    this.checkPlace(found, part)
    this.checkBudget(found, part, to)
    return { delivery: found.id, part }
  }

  /** An app that the platform refuses asks once a minute, also after a restart. */
  checkProbe(): void {
    const { clock, broken, clockWasSet, db } = this.scene
    const now = clock.steady.now()
    const bornAt = this.bornAt()
    if (this.probe === undefined || this.probe.bornAt !== bornAt) {
      this.probe = { bornAt, at: now, isKnown: db.memo(`hold:${account}`) !== undefined }
    } else if (this.probe.isKnown && now - this.probe.at < minuteMs && !clockWasSet()) {
      broken('a restart forgot that the app is on hold')
    }
    if (this.heldAt === undefined || this.heldAt < bornAt || clockWasSet()) return
    const sinceMs = now - this.heldAt
    if (sinceMs > underWayMs && sinceMs < minuteMs) broken(`an app on hold was used again after ${sinceMs} ms`)
  }

  /** The answer to what was sent at `sentAt`; nobody hears it who was born later. */
  seeOutcome({ errcode, hold }: Outcome, sentAt: number): void {
    if (sentAt < this.bornAt()) return
    if (hold) this.heldAt = this.scene.clock.steady.now()
    if (hold || errcode === undefined) return
    this.heldAt = undefined
    if (this.probe !== undefined) this.probe.isKnown = false
  }

  seeTwice({ delivery, part }: Sent): void {
    if (!this.scene.clockWasSet()) this.scene.broken(`part ${part} of ${delivery} was shown twice`)
  }

  /** Only what nobody knows the fate of is repeated: once, the same, at once, and with the platform looking for twins. */
  private checkRepeat(delivery: Delivery, part: number, message: Message): void {
    const { broken, clock, clockWasSet, count } = this.scene
    const where = `part ${part} of ${delivery.id}`
    const known = delivery.attempts.slice(0, -1).filter(attempt => attempt.part === part)
    const isOver = known.some(({ outcome }) => outcome === 'delivered')
    if (isOver) broken(`${where} was sent again although its fate is known`)
    const earlier = this.sent.filter(sent => sent.delivery === delivery.id && sent.part === part)
    if (earlier.length > 0) count('message sent again')
    const doubtful = earlier.filter(({ outcome }) => outcome !== 'retry' && outcome !== 'refused')
    const [first] = doubtful
    if (first === undefined) return
    if (doubtful.length > 1) broken(`${where} was sent more than twice`)
    if (first.body !== JSON.stringify(message)) broken(`${where} was sent again with another body`)
    if (first.unchecked) broken(`${where} was sent again although nobody looks for its twin`)
    const lateMs = clock.steady.now() - first.at
    if (lateMs > minuteMs && !clockWasSet()) broken(`${where} was sent again after ${lateMs} ms`)
  }

  /** Parts in order, and what goes to one target in order. */
  private checkPlace(delivery: Delivery, part: number): void {
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

  /** The platform would drop what is more, without a word. */
  private checkBudget(delivery: Delivery, part: number, to: Target): void {
    const { broken, clock, clockWasSet } = this.scene
    if (to.kind !== 'user' || clockWasSet()) return
    const isRepeat = this.sent.some(sent => sent.delivery === delivery.id && sent.part === part)
    const since = clock.steady.now() - minuteMs
    const target = formatTarget(to)
    const recent = this.sent.filter(sent => sent.to === target && sent.at > since)
    const firsts = new Set(recent.map(sent => `${sent.delivery}#${sent.part}`))
    if (firsts.size + 1 === limits.messagesPerMinute) this.scene.count('budget of a minute used up')
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
