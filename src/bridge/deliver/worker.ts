import type { Delivery, Route } from '../../domain/delivery.ts'
import { messageOf } from '../../errors.ts'
import { type BridgeContext, waitAtMost } from '../context.ts'

/** How long a claim is good for without being renewed. */
export const leaseMs = 30_000
/** Work that another node may have left behind is looked for this often. */
const recheckMs = 5_000
const retryMs = 3_000

interface WorkerOptions {
  readonly name: string
  readonly routes: readonly Exclude<Route, 'gateway'>[]
  /** Deliveries under way at once. */
  readonly parallel: number
  handle(delivery: Delivery): Promise<void>
  /** What else is done at each look; true when there may be more to do at once. */
  look?(now: number): Promise<boolean>
}

/** A source of the scheduler that takes the due deliveries of some routes, a few at a time, and keeps their leases. */
export class OutboxWorker {
  readonly name: string
  private readonly context: BridgeContext
  private readonly trade: WorkerOptions
  /** By the id of the delivery. */
  private readonly underWay = new Map<string, Promise<void>>()
  private nextAt = 0
  private stopping = false

  constructor(context: BridgeContext, trade: WorkerOptions) {
    this.name = trade.name
    this.context = context
    this.trade = trade
  }

  /** Starts nothing more. */
  get isStopping(): boolean {
    return this.stopping
  }

  /** A delivery of its routes may be due at `at`. */
  expect(at: number): void {
    this.nextAt = Math.min(this.nextAt, at)
  }

  nextDue(): number | undefined {
    return this.stopping || this.underWay.size >= this.trade.parallel ? undefined : this.nextAt
  }

  async run(now: number): Promise<void> {
    const { routes, parallel, look } = this.trade
    const { outbox } = this.context.store
    this.nextAt = now + recheckMs // also when the store fails below
    const limit = parallel - this.underWay.size
    const taken = await outbox.take(routes, { now, untilMs: now + leaseMs, limit })
    // One whose lease ran out under a slow request, or because the clock was set, is ours already.
    for (const delivery of taken) if (!this.underWay.has(delivery.id)) this.begin(delivery)
    const hasMore = (await look?.(now)) === true
    if (hasMore || taken.length === limit) this.expect(0)
    const later = await outbox.nextDueAt(routes, now)
    this.nextAt = Math.min(later ?? Infinity, this.nextAt)
  }

  /** The ids whose leases must be kept. */
  leased(): readonly string[] {
    return [...this.underWay.keys()]
  }

  /** Resolves when what is under way is done, or after `limitMs`: then its fate is unknown. */
  async stop(limitMs: number): Promise<void> {
    this.stopping = true
    await waitAtMost(this.context, limitMs, Promise.all(this.underWay.values()))
  }

  private begin(delivery: Delivery): void {
    const { log, wake } = this.context
    const work = this.trade
      .handle(delivery)
      .catch(error => log.error('a delivery could not be settled', { delivery: delivery.id, error: messageOf(error) }))
      .finally(() => {
        this.underWay.delete(delivery.id)
        this.expect(0)
        wake()
      })
    this.underWay.set(delivery.id, work)
  }
}

/** Gives a delivery back to be tried again soon, for the last time when its time is over. */
export async function defer({ store, clock }: BridgeContext, delivery: Delivery, ms = retryMs): Promise<void> {
  const dueAt = Math.min(clock.now() + ms, delivery.expiresAt)
  await store.outbox.write({ settle: [{ ...delivery, state: 'queued', dueAt }] })
}
