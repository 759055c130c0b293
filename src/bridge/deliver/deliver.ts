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
import { repair, nextUpload, withMediaId } from '../../core/fallback/repair.ts'
import { planFallback } from '../../core/fallback/plan.ts'
import { advance } from '../../core/streaming/advance.ts'
import { endOfExtra, answerFileOf, isAnswer, isAnswerExtra } from './answer-extra.ts'
import { OutboxWorker } from './worker.ts'
import { type BridgeContext, translatorOf } from '../context.ts'
import { usesApp, outageKeyOf } from './breaker.ts'
import { quotaKeyOf } from '../../core/fallback/quota.ts'

const routes: readonly Route[] = ['response_url', 'app', 'appchat', 'webhook']
/** How many deliveries are sent at the same time. */
const parallel = 16
/** How many queued deliveries of a held app one look at the store holds. */
const heldPerPoll = 100
/** After this many failed attempts to reach WeCom by the app, an answer takes its next route. */
const retriesBeforeNextRoute = 3

/**
 * Sends deliveries to WeCom, one part after the other. An attempt is committed before its request leaves, its outcome
 * right after. So an attempt without an outcome was cut off by a crash, and its outcome is unknown
 * (docs/adr/0007-sending.md).
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
      onPoll: now => this.holdQueued(now),
    })
  }

  /**
   * Holds the deliveries of a held app that are queued after the first of their lane. These are not claimed while
   * the first one waits, so without this an answer among them could not take its next route.
   */
  private async holdQueued(now: number): Promise<boolean> {
    let hasMore = false
    for (const account of this.context.breaker.accounts()) {
      const waiting = await this.context.store.outbox.behind(account, heldPerPoll)
      await Promise.all(waiting.map(delivery => this.settle(hold(delivery, now))))
      hasMore ||= waiting.length > 0
    }
    return hasMore
  }

  /** Sends part after part until the delivery is done or has to wait. */
  private async handle(claimed: Delivery): Promise<void> {
    const { store, clock } = this.context
    let delivery = resume(claimed, clock.now())
    for (let part = nextPart(delivery); part !== undefined; part = nextPart(delivery)) {
      if (this.worker.isStopping) return await store.outbox.write({ settle: [{ ...delivery, state: 'queued' }] })
      delivery = await this.sendPart(delivery, part)
      if (delivery.state !== 'sending') return
    }
    await this.settle(delivery)
  }

  /**
   * Makes one attempt for one part, or holds, expires or defers the delivery without one. Returns it as it is stored.
   */
  private async sendPart(delivery: Delivery, part: number): Promise<Delivery> {
    const { store, clock, breaker } = this.context
    const now = clock.now()
    if (now >= delivery.expiresAt) return await this.settle(expire(delivery, now))
    // The repeat of an attempt with an unknown outcome must not wait: WeCom detects duplicates only for a limited time.
    const mayWait = usesApp(delivery) && !isOutcomeUnknown(delivery)
    const waitUntil = mayWait ? breaker.waitUntil(delivery.account, now) : undefined
    if (waitUntil !== undefined) return await this.settle(hold(delivery, waitUntil))
    const ready = await this.upload(delivery, part)
    if (ready.state !== delivery.state || ready.attempts !== delivery.attempts) return await this.settle(ready)
    const at = clock.now()
    const started = await store.outbox.begin(ready, quotaKeyOf(ready, part), at, window =>
      beginAttempt(ready, window, at),
    )
    if (started.state !== 'sending') return started.dead ? await this.settle(started) : started
    const outcome = await this.request(started, part)
    this.context.meter.attempt(started.route, outcome.outcome)
    const repaired = repair(started, part, outcome)
    const settled =
      repaired === undefined
        ? settleAttempt(started, outcome, clock.now())
        : settleAttempt(repaired, { ...outcome, outcome: 'retry', retryAfterMs: 0 }, clock.now())
    return await this.settle(settled, outcome)
  }

  /**
   * Uploads the media of this part and of later ones, before any of them is sent. Returns the delivery with the media
   * ids, or, if an upload failed, with a failed attempt.
   */
  private async upload(delivery: Delivery, from: number): Promise<Delivery> {
    const { clock, platform, meter } = this.context
    let latest = delivery
    for (let needed = nextUpload(latest, from); needed !== undefined; needed = nextUpload(latest, from)) {
      const { part, to, message } = needed
      const uploaded = await platform.upload(latest.account, to, message)
      if ('mediaId' in uploaded) {
        latest = withMediaId(latest, part, uploaded.mediaId)
        continue
      }
      const { route, attempts } = latest
      meter.attempt(route, uploaded.outcome)
      const at = clock.now()
      await this.recordHealth(latest, uploaded)
      return settleAttempt({ ...latest, attempts: [...attempts, { at, route, part }] }, uploaded, at)
    }
    return latest
  }

  /** Stores a delivery. If its route failed, the delivery for the next route is added in the same commit. */
  private async settle(delivery: Delivery, outcome?: Outcome): Promise<Delivery> {
    const { store, log } = this.context
    if (outcome !== undefined) await this.recordHealth(delivery, outcome)
    if (isAnswerExtra(delivery)) return await this.settleExtra(delivery)
    const next = await this.planNextRoute(delivery)
    const settled = next.length === 0 ? delivery : this.handOver(delivery)
    await store.outbox.write({ settle: [settled], add: next })
    if (settled.dead) {
      const { errcode } = settled.attempts.at(-1) ?? {}
      log.warn('a delivery failed and is a dead letter', { delivery: settled.id, state: settled.state, errcode })
    }
    return settled
  }

  /**
   * Stores an extra of an answer. It has no other route. The turn, whose bubble may be waiting for it, gets the outcome
   * in the same commit. Only a file can be a dead letter: a card is in the answer as text if it failed.
   */
  private async settleExtra(delivery: Delivery): Promise<Delivery> {
    const { store, clock } = this.context
    const settled: Delivery = answerFileOf(delivery) === undefined ? { ...delivery, dead: false } : delivery
    const event = endOfExtra(delivery, clock.now())
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

  /**
   * Closes a delivery whose answer takes another route. It is not dead. If the app was on hold and nothing was
   * attempted, an attempt that says so is added for `trace`.
   */
  private handOver(delivery: Delivery): Delivery {
    const at = this.context.clock.now()
    const hold = this.context.breaker.holdOf(delivery.account)
    const isUntried = delivery.attempts.length === 0 && hold !== undefined
    const { since: _, ...why } = hold ?? { since: 0 }
    const attempts: Delivery['attempts'] = isUntried
      ? [{ at, route: delivery.route, outcome: 'refused', ...why, errmsg: 'the app is on hold' }]
      : delivery.attempts
    return { ...delivery, attempts, state: 'refused', dead: false, finishedAt: at }
  }

  /** The deliveries for the next route of an answer. Empty if there is none, or if this route may still succeed. */
  private async planNextRoute(delivery: Delivery): Promise<readonly Delivery[]> {
    const { store, clock } = this.context
    const isRefused = delivery.state === 'refused'
    const isStuck = delivery.state === 'queued' && countRetries(delivery.attempts) >= retriesBeforeNextRoute
    const isHeld = delivery.state === 'held' && this.context.breaker.holdOf(delivery.account) !== undefined
    if (!isAnswer(delivery) || !(isRefused || isStuck || isHeld)) return []
    if (!isRefused && isOutcomeUnknown(delivery)) return [] // it may have arrived
    const turn = await store.find(delivery.turn)
    if (turn === undefined) return []
    return planFallback(turn, delivery, !isRefused, clock.now(), translatorOf(this.context, turn.account))
  }

  /**
   * Derives from an outcome whether the route answers at all, and whether WeCom refuses or accepts the app as a whole.
   */
  private async recordHealth(delivery: Delivery, outcome: Outcome): Promise<void> {
    const { breaker, store, clock, log } = this.context
    const { account, route } = delivery
    const change = breaker.observe(outageKeyOf(delivery), outcome, clock.now())
    if (change === 'lost') {
      log.warn('WeCom cannot be reached', { account, route, reason: outcome.errmsg, hint: outcome.hint })
    }
    if (change === 'restored') log.warn('WeCom can be reached again', { account, route })
    if (!usesApp(delivery)) return
    if (outcome.hold) {
      const isNew = await breaker.open(account, outcome, clock.now())
      const { errcode, hint } = outcome
      if (isNew) log.error('WeCom refuses this app; its messages are on hold', { account, errcode, hint })
    } else if (outcome.errcode !== undefined && outcome.outcome !== 'retry' && (await breaker.close(account))) {
      const waiting = await store.outbox.unhold(account, clock.now())
      log.info('WeCom accepts this app again; its messages are sent', { account, waiting })
    }
  }

  private request({ account, body, attempts }: Delivery, part: number): Promise<Outcome> {
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
        throw new Error(`a delivery of kind ${body.kind} is never sent`)
      default:
        return body satisfies never
    }
  }
}
