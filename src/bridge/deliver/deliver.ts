import type { Delivery, Outcome, Route } from '../../domain/delivery.ts'
import {
  beginAttempt,
  countRetries,
  expire,
  hold,
  isOutcomeUnknown,
  nextPart,
  settleAttempt,
  resume,
} from '../../core/fallback/attempt.ts'
import { repair, neededUpload, withMediaId } from '../../core/fallback/repair.ts'
import { planAfter } from '../../core/fallback/plan.ts'
import { advance } from '../../core/streaming/advance.ts'
import { endOfPart, fileOf, isPartOfAnswer } from './answer-part.ts'
import { OutboxWorker } from './worker.ts'
import { type BridgeContext, translatorOf } from '../context.ts'
import { usesApp, outageKeyOf } from './breaker.ts'
import { quotaKeyOf } from '../../core/fallback/quota.ts'

const routes: readonly Route[] = ['response_url', 'app', 'appchat', 'webhook']
/** Requests to WeCom under way at once. */
const parallel = 16
const heldAtOnce = 100
/** After so many tries that the platform put off, an answer takes its next way. */
const patience = 3

/**
 * Brings deliveries to WeCom, part after part: a try is committed before its request leaves, its outcome right after.
 * What is still under way when the process dies counts as unknown.
 */
export class Deliverer {
  readonly worker: OutboxWorker<Route>
  private readonly context: BridgeContext

  constructor(context: BridgeContext) {
    this.context = context
    this.worker = new OutboxWorker(context, {
      name: 'deliveries',
      kinds: routes,
      parallel: () => parallel,
      handle: delivery => this.handle(delivery),
      look: now => this.holdBehindAll(now),
    })
  }

  /** What waits behind the first of a lane is held with it, and may go another way as well. */
  private async holdBehindAll(now: number): Promise<boolean> {
    let hasMore = false
    for (const account of this.context.breaker.accounts()) {
      const waiting = await this.context.store.outbox.behind(account, heldAtOnce)
      await Promise.all(waiting.map(delivery => this.settle(hold(delivery, now))))
      hasMore ||= waiting.length > 0
    }
    return hasMore
  }

  /** Sends one part after the other until the delivery is done or has to wait. */
  private async handle(taken: Delivery): Promise<void> {
    const { store, clock } = this.context
    let delivery = resume(taken, clock.now())
    for (let part = nextPart(delivery); part !== undefined; part = nextPart(delivery)) {
      if (this.worker.isStopping) return await store.outbox.write({ settle: [{ ...delivery, state: 'queued' }] })
      delivery = await this.carryPart(delivery, part)
      if (delivery.state !== 'sending') return
    }
    await this.settle(delivery)
  }

  private async carryPart(delivery: Delivery, part: number): Promise<Delivery> {
    const { store, clock, breaker } = this.context
    const now = clock.now()
    if (now >= delivery.expiresAt) return await this.settle(expire(delivery, now))
    // The repeat of a try that nobody knows the end of has its minute and no more.
    const mayWait = usesApp(delivery) && !isOutcomeUnknown(delivery)
    const waitUntil = mayWait ? breaker.waitUntil(delivery.account, now) : undefined
    if (waitUntil !== undefined) return await this.settle(hold(delivery, waitUntil))
    const ready = await this.upload(delivery, part)
    if (ready.state !== delivery.state || ready.attempts !== delivery.attempts) return await this.settle(ready)
    const at = clock.now()
    const begun = await store.outbox.begin(ready, quotaKeyOf(ready, part), at, standing =>
      beginAttempt(ready, standing, at),
    )
    if (begun.state !== 'sending') return begun.dead ? await this.settle(begun) : begun
    const outcome = await this.send(begun, part)
    this.context.meter.attempt(begun.route, outcome.outcome)
    const mended = repair(begun, part, outcome)
    const settled =
      mended === undefined
        ? settleAttempt(begun, outcome, clock.now())
        : settleAttempt(mended, { ...outcome, outcome: 'retry', retryAfterMs: 0 }, clock.now())
    return await this.settle(settled, outcome)
  }

  /** The delivery with its media at the platform, those of later parts too, or what became of it when that failed. */
  private async upload(delivery: Delivery, from: number): Promise<Delivery> {
    const { clock, platform, meter } = this.context
    let latest = delivery
    for (let needed = neededUpload(latest, from); needed !== undefined; needed = neededUpload(latest, from)) {
      const { part, to, message } = needed
      const uploaded = await platform.upload(latest.account, to, message)
      if ('mediaId' in uploaded) {
        latest = withMediaId(latest, part, uploaded.mediaId)
        continue
      }
      const { route, attempts } = latest
      meter.attempt(route, uploaded.outcome)
      const at = clock.now()
      await this.watch(latest, uploaded)
      return settleAttempt({ ...latest, attempts: [...attempts, { at, route, part }] }, uploaded, at)
    }
    return latest
  }

  /** Writes down what became of a try; an answer that the app cannot bring takes its next way in the same commit. */
  private async settle(delivery: Delivery, outcome?: Outcome): Promise<Delivery> {
    const { store, log } = this.context
    if (outcome !== undefined) await this.watch(delivery, outcome)
    if (isPartOfAnswer(delivery)) return await this.settlePart(delivery)
    const next = await this.nextWay(delivery)
    const settled = next.length === 0 ? delivery : this.handOver(delivery)
    await store.outbox.write({ settle: [settled], add: next })
    if (settled.dead) {
      const { errcode } = settled.attempts.at(-1) ?? {}
      log.warn('a delivery gave up', { delivery: settled.id, state: settled.state, errcode })
    }
    return settled
  }

  /** What goes beside an answer has no other way; the bubble that waits for it hears of its end in the same commit. */
  private async settlePart(delivery: Delivery): Promise<Delivery> {
    const { store, clock } = this.context
    const settled: Delivery = fileOf(delivery) === undefined ? { ...delivery, dead: false } : delivery
    const event = endOfPart(delivery, clock.now())
    if (event === undefined || delivery.turn === undefined) {
      await store.outbox.write({ settle: [settled] })
      return settled
    }
    await store.update(delivery.turn, stored => ({
      ...(advance(stored, event, translatorOf(this.context, stored.account)) ?? { save: [] }),
      settle: [settled],
    }))
    return settled
  }

  /** Its turn goes on another way; where the app was not even tried, it says why. */
  private handOver(delivery: Delivery): Delivery {
    const at = this.context.clock.now()
    const hold = this.context.breaker.of(delivery.account)
    const isUntried = delivery.attempts.length === 0 && hold !== undefined
    const { since: _, ...why } = hold ?? { since: 0 }
    const attempts: Delivery['attempts'] = isUntried
      ? [{ at, route: delivery.route, outcome: 'refused', ...why, errmsg: 'the app is on hold' }]
      : delivery.attempts
    return { ...delivery, attempts, state: 'refused', dead: false, finishedAt: at }
  }

  private async nextWay(delivery: Delivery): Promise<readonly Delivery[]> {
    const { store, clock } = this.context
    const isRefused = delivery.state === 'refused'
    const isLate = delivery.state === 'queued' && countRetries(delivery.attempts) >= patience
    const isHeld = delivery.state === 'held' && this.context.breaker.of(delivery.account) !== undefined
    if (delivery.turn === undefined || !(isRefused || isLate || isHeld)) return []
    if (!isRefused && isOutcomeUnknown(delivery)) return [] // it may have arrived
    const turn = await store.find(delivery.turn)
    if (turn === undefined) return []
    return planAfter(turn, delivery, !isRefused, clock.now(), translatorOf(this.context, turn.account))
  }

  /** What an answer says about the way that it came, and one of the API about the app as a whole. */
  private async watch(delivery: Delivery, outcome: Outcome): Promise<void> {
    const { breaker, store, clock, log } = this.context
    const { account, route } = delivery
    const news = breaker.observe(outageKeyOf(delivery), outcome, clock.now())
    if (news === 'lost') {
      log.warn('WeCom cannot be reached', { account, route, reason: outcome.errmsg, hint: outcome.hint })
    }
    if (news === 'back') log.warn('WeCom can be reached again', { account, route })
    if (!usesApp(delivery)) return
    if (outcome.hold) {
      const isNew = await breaker.open(account, outcome, clock.now())
      const { errcode, hint } = outcome
      if (isNew) log.error('WeCom refuses this app, its messages wait', { account, errcode, hint })
    } else if (outcome.errcode !== undefined && outcome.outcome !== 'retry' && (await breaker.close(account))) {
      const waiting = await store.outbox.unhold(account, clock.now())
      log.info('WeCom takes messages of this app again', { account, waiting })
    }
  }

  private send({ account, body, attempts }: Delivery, part: number): Promise<Outcome> {
    const { platform } = this.context
    switch (body.kind) {
      case 'markdown':
        return platform.postResponse(body.url, body.content)
      case 'card':
        return platform.postCard(body.url, body.card)
      case 'messages': {
        const message = body.messages[part - 1]
        if (message === undefined) throw new Error(`there is no part ${part}`)
        return platform.send(account, body.to, message, { unchecked: attempts.at(-1)?.unchecked === true })
      }
      case 'card_update':
        return platform.updateCard(account, body.userid, body.responseCode, body.card)
      case 'remainder':
        throw new Error(`a delivery of kind ${body.kind} does not go to WeCom`)
      default:
        return body satisfies never
    }
  }
}
