import type { Change, WorkByKind, WorkKind, WorkRef } from '../../domain/ports.ts'
import { messageOf } from '../../errors.ts'
import { type BridgeContext, waitAtMost } from '../context.ts'

/** How long a claim is good for without being renewed. */
export const leaseMs = 30_000
/** Work that another node may have left behind is looked for this often. */
export const recheckMs = 5_000

/** What a worker does; `Kind`: of tasks, jobs or deliveries. */
export interface WorkerOptions<Kind extends WorkKind> {
  readonly name: string
  readonly kinds: readonly Kind[]
  /** How much of it runs at once; read at each look, since a reload may change it. */
  parallel(): number
  /** False while nothing of it could succeed. */
  isReady?(): boolean
  /** Committed together with the claim; must be pure. */
  claim?(work: WorkByKind[Kind], now: number): Change
  /** Carries out one piece of work and settles it. When it throws, the work is claimed again once its lease is over. */
  handle(work: WorkByKind[Kind]): Promise<void>
  /** Ends `handle` early and leaves the work as it is: its lease was lost, or the process stops. Without it `handle` runs on. */
  abandon?(id: string): void
  /** What else is done at each look; true when there may be more to do at once. */
  look?(now: number): Promise<boolean>
}

/**
 * A scheduler source that claims due work of some kinds, carries it out, a bounded number at a time, and keeps the leases.
 * Nothing is remembered but what runs: a restart finds the rest in the store.
 */
export class OutboxWorker<Kind extends WorkKind> {
  readonly name: string
  private readonly context: BridgeContext
  private readonly options: WorkerOptions<Kind>
  private readonly running = new Map<string, Promise<void>>()
  /** Claimed while it still runs here: settled, and queued again, a moment before its handler returned. */
  private readonly claimedAgain = new Set<string>()
  private nextAt = 0
  private stopping = false

  constructor(context: BridgeContext, options: WorkerOptions<Kind>) {
    this.name = options.name
    this.context = context
    this.options = options
  }

  /** Starts nothing more. */
  get isStopping(): boolean {
    return this.stopping
  }

  /** Some of its work may be due at `at`. */
  expect(at: number): void {
    this.nextAt = Math.min(this.nextAt, at)
  }

  nextDue(): number | undefined {
    const { isReady, parallel } = this.options
    if (this.stopping || isReady?.() === false) return undefined
    return this.running.size < parallel() ? this.nextAt : undefined
  }

  async run(now: number): Promise<void> {
    const { kinds, parallel, look } = this.options
    const { outbox } = this.context.store
    this.nextAt = now + recheckMs // also when the store fails below
    const limit = parallel() - this.running.size
    const lease = { now, untilMs: now + leaseMs, limit }
    const claimed = await outbox.claim(kinds, lease, this.changeWith(now))
    for (const work of claimed) this.begin(work)
    const hasMore = (await look?.(now)) === true
    if (hasMore || claimed.length === limit) this.expect(0)
    const later = await outbox.nextDueAt(kinds, now)
    if (later !== undefined) this.expect(later)
  }

  /** What runs here, whose leases must be kept. */
  leased(): readonly WorkRef[] {
    return [...this.running.keys()].map(id => this.refOf(id))
  }

  /** Leases of it were lost: another node has that work now. */
  abandon(ids: readonly string[]): void {
    for (const id of ids) if (this.running.has(id)) this.options.abandon?.(id)
  }

  /**
   * Claims nothing more; resolves when what runs is done, or after `limitMs`. What can be abandoned then is given back;
   * the outcome of the rest is unknown to the next start.
   */
  async stop(limitMs: number): Promise<void> {
    this.stopping = true
    await waitAtMost(this.context, limitMs, Promise.all(this.running.values()))
    if (this.options.abandon === undefined || this.running.size === 0) return
    const left = [...this.running]
    this.abandon(left.map(([id]) => id))
    await Promise.all(left.map(([, done]) => done))
    await this.context.store.outbox.release(left.map(([id]) => this.refOf(id)))
  }

  /** What runs here already, because its lease ran out under a slow request or the clock was set, stays as it is. */
  private changeWith(now: number): ((work: WorkByKind[Kind]) => Change) | undefined {
    const { claim } = this.options
    return claim && (work => (this.running.has(work.id) ? { save: [] } : claim(work, now)))
  }

  private begin(work: WorkByKind[Kind]): void {
    const { id } = work
    if (this.running.has(id)) return void this.claimedAgain.add(id)
    const done = this.options
      .handle(work)
      .catch(error =>
        this.context.log.error(`${this.name}: work could not be settled`, { id, error: messageOf(error) }),
      )
      .then(() => this.finish(id))
    this.running.set(id, done)
  }

  private async finish(id: string): Promise<void> {
    this.running.delete(id)
    if (this.claimedAgain.delete(id)) {
      await this.context.store.outbox
        .release([this.refOf(id)])
        .catch(error => this.context.log.warn('a lease could not be given back', { id, error: messageOf(error) }))
    }
    this.expect(0)
    this.context.wake()
  }

  private refOf(id: string): WorkRef {
    // All kinds of one worker keep their leases in one place.
    return { kind: this.options.kinds[0] as Kind, id }
  }
}
