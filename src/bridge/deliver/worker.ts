/**
 * Runs due work from the store: claims it, handles it, keeps its lease, and looks again in time.
 *
 * Work is in the store so that it survives a crash. That makes the loop around it delicate, so there is one loop for
 * all kinds of work: questions for the agent, downloads, approvals and deliveries. What can go wrong:
 *
 * - Work is done twice. A claim therefore takes a lease (30 s), and only the holder works. The lease is renewed while
 *   the handler runs (`createLeaseSource`). If the process dies, the lease runs out or is freed by the next start, and
 *   the work is claimed again. So a handler must expect that part of it was done before, and must store what it is
 *   about to do before it does it.
 * - Our own lease runs out: a slow disk, a suspended machine, a clock that was set. `claim` then returns work that this
 *   process still handles. Such work is not started again. But the claim took a new lease, and if the handler has
 *   already settled the work and queued it again, that lease would block it for 30 s. `claimedAgain` remembers to
 *   release it.
 * - Work is forgotten. `nextAt` is only a hint about when to look. Commits bring it closer through `wakeAt`
 *   (`bridge/after-commit.ts`), and it is never later than `recheckMs` from now. So a lost wake-up, or work that a
 *   former process left, costs seconds.
 * - A `wakeAt` arrives while a claim waits for the disk. `nextAt` is therefore set to the recheck before the claim, and
 *   every `wakeAt` after that can only make it earlier.
 * - The process stops. `stop` claims nothing more and waits. Work that can be abandoned is released, so that the next
 *   process continues at once. A request to WeCom can't be taken back: its outcome is unknown to the next start.
 *
 * Invariants: at most `parallel()` handlers run, at most one per id. Nothing about the work is kept in memory except
 * which ids are running.
 */
import type { Change, WorkByKind, WorkKind, WorkRef } from '../../domain/ports.ts'
import { messageOf } from '../../errors.ts'
import { type BridgeContext, waitAtMost } from '../context.ts'

/** How long a claim lasts unless it is renewed. */
export const leaseMs = 30_000
/** A worker looks at the store at least this often, for work that no commit of this process announced. */
export const recheckMs = 5_000

/** The behaviour of one worker. All its kinds must be in the same table, so not tasks together with others. */
export interface WorkerOptions<Kind extends WorkKind> {
  readonly name: string
  readonly kinds: readonly Kind[]
  /** How many handlers may run at the same time. Read at each look, because a reload can change it. */
  parallel(): number
  /** False while no work could succeed, such as when the gateway is down. Nothing is claimed then. */
  isReady?(): boolean
  /** The change to commit together with the claim. Must be pure: the store may run it twice. */
  claim?(work: WorkByKind[Kind], now: number): Change
  /**
   * Does one piece of work and stores the outcome. If it rejects, the work is claimed again when its lease has run out.
   */
  handle(work: WorkByKind[Kind]): Promise<void>
  /** Makes `handle` return early without storing an outcome: the lease was lost, or the process stops. Optional. */
  abandon?(id: string): void
  /** Runs after each claim. True: there may be more to do, look again at once. */
  onPoll?(now: number): Promise<boolean>
}

/** A scheduler source that claims due work of some kinds and handles a bounded number of it at the same time. */
export class OutboxWorker<Kind extends WorkKind> {
  readonly name: string
  private readonly context: BridgeContext
  private readonly options: WorkerOptions<Kind>
  private readonly running = new Map<string, Promise<void>>()
  /** Ids that were claimed again while their handler was still running. Their new lease is released when it returns. */
  private readonly claimedAgain = new Set<string>()
  private nextAt = 0
  private stopping = false

  constructor(context: BridgeContext, options: WorkerOptions<Kind>) {
    this.name = options.name
    this.context = context
    this.options = options
  }

  /** True once `stop` was called: nothing new is started. */
  get isStopping(): boolean {
    return this.stopping
  }

  /** Work may be due at `at` (epoch ms): looks then, or earlier if it was to look earlier. */
  wakeAt(at: number): void {
    this.nextAt = Math.min(this.nextAt, at)
  }

  nextDue(): number | undefined {
    const { isReady, parallel } = this.options
    if (this.stopping || isReady?.() === false) return undefined
    return this.running.size < parallel() ? this.nextAt : undefined
  }

  async run(now: number): Promise<void> {
    const { kinds, parallel, onPoll: look } = this.options
    const { outbox } = this.context.store
    this.nextAt = now + recheckMs // first, so that it also holds if the store fails, and no later `wakeAt` is lost
    const limit = parallel() - this.running.size
    const lease = { now, untilMs: now + leaseMs, limit }
    const claimed = await outbox.claim(kinds, lease, this.claimChange(now))
    for (const work of claimed) this.start(work)
    const hasMore = (await look?.(now)) === true
    if (hasMore || claimed.length === limit) this.wakeAt(0)
    const later = await outbox.nextDueAt(kinds, now)
    if (later !== undefined) this.wakeAt(later)
  }

  /** The work that is running, whose leases must be renewed. */
  leased(): readonly WorkRef[] {
    return [...this.running.keys()].map(id => this.refOf(id))
  }

  /** The leases of this work were lost: it may have been claimed again. */
  abandon(ids: readonly string[]): void {
    for (const id of ids) if (this.running.has(id)) this.options.abandon?.(id)
  }

  /**
   * Claims nothing more and waits for running work, at most `limitMs`. Work that can be abandoned is then abandoned and
   * released. Other work is left as it is, and its outcome is unknown to the next start.
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

  /** The claim's change. Nothing is changed if the work is still running here. */
  private claimChange(now: number): ((work: WorkByKind[Kind]) => Change) | undefined {
    const { claim } = this.options
    return claim && (work => (this.running.has(work.id) ? { save: [] } : claim(work, now)))
  }

  private start(work: WorkByKind[Kind]): void {
    const { id } = work
    if (this.running.has(id)) return void this.claimedAgain.add(id)
    const done = this.options
      .handle(work)
      .catch(error =>
        this.context.log.error(`${this.name}: work failed and will be retried`, { id, error: messageOf(error) }),
      )
      .then(() => this.finish(id))
    this.running.set(id, done)
  }

  private async finish(id: string): Promise<void> {
    this.running.delete(id)
    if (this.claimedAgain.delete(id)) {
      await this.context.store.outbox
        .release([this.refOf(id)])
        .catch(error => this.context.log.warn('a lease could not be released', { id, error: messageOf(error) }))
    }
    this.wakeAt(0)
    this.context.wake()
  }

  private refOf(id: string): WorkRef {
    // The store keeps leases by table, and all kinds of a worker are in one table. Any of its kinds will do.
    return { kind: this.options.kinds[0] as Kind, id }
  }
}
