import type { Delivery, Outcome } from '../domain/delivery.ts'
import type { Claimed } from '../domain/ports.ts'
import { messageOf } from '../errors.ts'
import { beginAttempt, settleAttempt } from '../fallback/attempt.ts'
import type { Desk } from './desk.ts'
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
  private readonly posts = new Set<Promise<void>>()
  private nextAt: number | undefined = 0
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
    this.nextAt = undefined
    const limit = parallel - this.posts.size
    const lease = { now, untilMs: now + leaseMs, limit }
    const claimed = await store.outbox.claim(['response_url'], lease, ({ delivery }) => ({
      save: [],
      settle: [beginAttempt(delivery, now)],
    }))
    for (const one of claimed) if (one.delivery.state === 'sending') this.begin(one)
    if (claimed.length === limit) this.nextAt ??= 0
    const later = await store.outbox.nextDueAt(['response_url'], now)
    this.nextAt ??= Math.min(later ?? Infinity, now + recheckMs)
  }

  /** Starts nothing more and resolves when the requests under way have been answered. */
  async stop(): Promise<void> {
    this.stopping = true
    await Promise.all(this.posts)
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
        this.posts.delete(post)
        this.nextAt = 0
        this.desk.wake()
      })
    this.posts.add(post)
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
