import type { Delivery, Outcome } from '../domain/delivery.ts'
import type { Claimed } from '../domain/ports.ts'
import { messageOf } from '../errors.ts'
import { beginAttempt, settleAttempt } from '../fallback/attempt.ts'
import { type Desk, waitAtMost } from './desk.ts'
import { leaseMs } from './ask.ts'

/** Requests to WeCom under way at once. */
const parallel = 16
const recheckMs = 5_000

/**
 * Brings deliveries to WeCom: a try is committed before its request leaves, its outcome right after. What is still
 * under way when the process dies counts as unknown.
 */
export class Deliverer {
  readonly name = 'deliveries'
  private readonly desk: Desk
  /** Under way, by the id of the delivery. */
  private readonly posts = new Map<string, Promise<void>>()
  private nextAt = 0
  private stopping = false

  constructor(desk: Desk) {
    this.desk = desk
  }

  /** A delivery was stored. */
  expect(): void {
    this.nextAt = 0
  }

  nextDue(): number | undefined {
    return this.stopping || this.posts.size >= parallel ? undefined : this.nextAt
  }

  async run(now: number): Promise<void> {
    const { store } = this.desk
    this.nextAt = now + recheckMs // also when the store fails below
    const limit = parallel - this.posts.size
    const lease = { now, untilMs: now + leaseMs, limit }
    // One whose lease ran out under a slow request, or because the clock was set, is ours already.
    const claimed = await store.outbox.claim(['response_url'], lease, ({ delivery }) => ({
      save: [],
      settle: this.posts.has(delivery.id) ? [] : [beginAttempt(delivery, now)],
    }))
    const fresh = claimed.filter(({ delivery }) => delivery.state === 'sending' && !this.posts.has(delivery.id))
    for (const one of fresh) this.begin(one)
    if (claimed.length === limit) this.expect()
    const later = await store.outbox.nextDueAt(['response_url'], now)
    this.nextAt = Math.min(later ?? Infinity, this.nextAt)
  }

  /** Starts nothing more; resolves when the requests under way are answered, or after `limitMs`: then their fate is unknown. */
  async stop(limitMs: number): Promise<void> {
    this.stopping = true
    await waitAtMost(this.desk, limitMs, Promise.all(this.posts.values()))
  }

  private begin(claimed: Claimed): void {
    const post = this.post(claimed.delivery)
      .catch(error =>
        this.desk.log.error('a delivery could not be settled', {
          delivery: claimed.delivery.id,
          error: messageOf(error),
        }),
      )
      .finally(() => {
        this.posts.delete(claimed.delivery.id)
        this.nextAt = 0
        this.desk.wake()
      })
    this.posts.set(claimed.delivery.id, post)
  }

  private async post(delivery: Delivery): Promise<void> {
    const { store, clock, meter, log } = this.desk
    const outcome = await this.send(delivery)
    const settled = settleAttempt(delivery, outcome, clock.now())
    await store.update(delivery.turn, () => ({ save: [], settle: [settled] }))
    meter.attempt(delivery.route, outcome.outcome)
    if (settled.dead)
      log.warn('a delivery gave up', { delivery: delivery.id, state: settled.state, errcode: outcome.errcode })
  }

  private send(delivery: Delivery): Promise<Outcome> {
    const { body } = delivery
    switch (body.kind) {
      case 'markdown':
        return this.desk.platform.postResponse(body.url, body.content)
      case 'ask':
      case 'remainder':
        throw new Error(`a delivery of kind ${body.kind} does not go to WeCom`)
      default:
        return body satisfies never
    }
  }
}
