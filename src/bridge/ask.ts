import { formatQuestion } from '../domain/message.ts'
import type { Change, Claimed, ReplyChunk, RunEnd } from '../domain/ports.ts'
import type { Turn } from '../domain/turn.ts'
import { isCode, messageOf } from '../errors.ts'
import { advance, advanceThrough } from '../streaming/turn.ts'
import { nothingToCancel } from '../world.ts'
import { type Desk, sayOf, waitAtMost } from './desk.ts'

export const leaseMs = 30_000
/** Work that another node may have left behind is looked for this often. */
const recheckMs = 5_000
/** After a run that would not end is told to stop, it is given up this much later. */
const abortGraceMs = 15_000

interface Run {
  readonly deliveryId: string
  readonly controller: AbortController
  readonly done: Promise<void>
}

/**
 * Asks the agent: claims the head of each conversation's queue, follows the run to its end and writes down how it
 * ended. The delivery is done only then; that is what makes a restart safe.
 */
export class Asker {
  readonly name = 'asks'
  private readonly desk: Desk
  private readonly changed: (turn: Turn) => void
  private readonly runs = new Map<string, Run>()
  private nextAt = 0
  private stopping = false

  constructor(desk: Desk, changed: (turn: Turn) => void) {
    this.desk = desk
    this.changed = changed
  }

  /** A question was stored. */
  expect(): void {
    this.nextAt = 0
  }

  nextDue(): number | undefined {
    const isReady = !this.stopping && this.desk.agent.status().state === 'up'
    return isReady && this.runs.size < this.desk.limits.maxRuns ? this.nextAt : undefined
  }

  async run(now: number): Promise<void> {
    const { store, limits } = this.desk
    this.nextAt = now + recheckMs // also when the store fails below
    const limit = limits.maxRuns - this.runs.size
    const lease = { now, untilMs: now + leaseMs, limit }
    const claimed = await store.outbox.claim(lease, one => this.freeze(one, now))
    for (const one of claimed) if (one.delivery.state === 'sending' && !this.runs.has(one.turn.id)) this.begin(one)
    if (claimed.length === limit) this.expect()
    const later = await store.outbox.nextDueAt(['gateway'], now)
    this.nextAt = Math.min(later ?? Infinity, this.nextAt)
  }

  /** The ids whose leases must be kept. */
  leased(): readonly string[] {
    return [...this.runs.values()].map(run => run.deliveryId)
  }

  /** The lease of a delivery was lost: another node follows that run now. */
  abandon(deliveryId: string): void {
    for (const run of this.runs.values()) if (run.deliveryId === deliveryId) run.controller.abort()
  }

  /** Claims nothing more; resolves when the runs have ended or `limitMs` is over. The rest is found again at the next start. */
  async stop(limitMs: number): Promise<void> {
    this.stopping = true
    await waitAtMost(this.desk, limitMs, Promise.all([...this.runs.values()].map(run => run.done)))
    const left = [...this.runs.values()]
    for (const run of left) run.controller.abort()
    await Promise.all(left.map(run => run.done))
    await this.desk.store.outbox.release(left.map(run => run.deliveryId))
  }

  /** From here on the question and its key stay as they are. */
  private freeze({ delivery, turn }: Claimed, at: number): Change {
    if (this.runs.has(turn.id)) return { save: [] } // ours already; the clock or this process had stood still
    const say = sayOf(this.desk, turn.account)
    if (turn.question === undefined && at >= turn.lastWayUntil) {
      return {
        ...(advance(turn, { kind: 'deadline', at }, say) ?? { save: [] }),
        settle: [{ ...delivery, state: 'dropped' }],
      }
    }
    const question = formatQuestion(turn.conversation, turn.sender, turn.text)
    const change = advance(turn, { kind: 'claimed', at, question }, say)
    return {
      save: change?.save ?? [],
      settle: [{ ...delivery, state: turn.end === undefined ? 'sending' : 'dropped' }],
    }
  }

  private begin({ delivery, turn }: Claimed): void {
    const controller = new AbortController()
    const done = this.follow(delivery, turn, controller)
      .catch(async error => {
        if (isCode(error, 'cancelled')) return
        this.desk.log.error('a run could not be followed', { turn: turn.id, error: messageOf(error) })
        await this.postpone(delivery)
      })
      .catch(error => {
        // Its lease runs out, and then it is found again.
        this.desk.log.error('a run could not be put off', { turn: turn.id, error: messageOf(error) })
      })
      .finally(() => {
        this.runs.delete(turn.id)
        this.nextAt = 0
        this.desk.wake()
      })
    this.runs.set(turn.id, { deliveryId: delivery.id, controller, done })
  }

  private async postpone(delivery: Claimed['delivery']): Promise<void> {
    const later = { ...delivery, state: 'queued' as const, dueAt: this.desk.clock.now() + recheckMs }
    await this.desk.store.outbox.write({ settle: [later] })
  }

  private async follow(delivery: Claimed['delivery'], turn: Turn, controller: AbortController): Promise<void> {
    const { agent, clock, live } = this.desk
    const limit = this.limitRun(turn, controller)
    const ask = {
      key: turn.id,
      sessionKey: turn.sessionKey,
      message: turn.question ?? turn.text,
      askBefore: turn.lastWayUntil,
      ...(turn.asked && { asked: turn.asked }),
      mark: async (bootId: string) => {
        const marked = await this.advance(turn.id, { kind: 'asked', at: clock.now(), bootId })
        limit.start(marked?.asked?.at ?? clock.now())
      },
    }
    try {
      const end = await agent.ask(ask, chunk => this.see(turn, chunk), controller.signal)
      await this.finish(delivery, turn.id, limit.isOver() ? timedOut(end) : end)
      live.drop(turn.id)
    } catch (error) {
      if (!limit.isOver()) throw error
      await this.finish(delivery, turn.id, { kind: 'failed', reason: 'timeout', text: live.text(turn.id) ?? '' })
      live.drop(turn.id)
    } finally {
      limit.cancel()
    }
  }

  /** A run that takes longer than `gateway.runTimeoutMs` is stopped, counted from when it was first asked. */
  private limitRun(turn: Turn, controller: AbortController) {
    const { timers, clock, agent, limits, log } = this.desk
    let isOver = false
    let cancel = nothingToCancel
    const start = (askedAt: number): void => {
      cancel()
      cancel = timers.at(askedAt + limits.runTimeoutMs, () => {
        isOver = true
        agent
          .abort(turn.id, turn.sessionKey)
          .catch(error => log.warn('abort failed', { turn: turn.id, error: messageOf(error) }))
        cancel = timers.at(clock.now() + abortGraceMs, () => controller.abort())
      })
    }
    if (turn.asked !== undefined) start(turn.asked.at)
    return { start, isOver: () => isOver, cancel: () => cancel() }
  }

  private see(turn: Turn, chunk: ReplyChunk): void {
    const { live, meter, clock, wake, log } = this.desk
    const isFirst = chunk.kind === 'text' && live.text(turn.id) === undefined && turn.answer === ''
    live.see(turn.id, chunk, clock.now())
    if (isFirst) meter.firstText(clock.now() - turn.receivedAt)
    if (chunk.kind === 'resumed') {
      this.advance(turn.id, { kind: 'resumed', at: clock.now() }).catch(error =>
        log.warn('a trace could not be written', { turn: turn.id, error: messageOf(error) }),
      )
    }
    if (chunk.kind === 'text') wake()
  }

  private advance(turnId: string, event: Parameters<typeof advance>[1]): Promise<Turn | undefined> {
    return this.desk.store.update(turnId, turn => advance(turn, event, sayOf(this.desk, turn.account)))
  }

  private async finish(delivery: Claimed['delivery'], turnId: string, end: RunEnd): Promise<void> {
    const { store, clock, live, meter } = this.desk
    const at = clock.now()
    const chunks = live.chunks(turnId)
    const text = live.text(turnId)
    const turn = await store.update(turnId, stored => {
      const events = [
        ...(text === undefined ? [] : [{ kind: 'text', at, text } as const]),
        { kind: 'run_ended', at, end, chunks } as const,
      ]
      const change = advanceThrough(stored, events, sayOf(this.desk, stored.account))
      return { ...(change ?? { save: [] }), settle: [{ ...delivery, state: 'delivered', finishedAt: at }] }
    })
    if (turn === undefined) return
    meter.turnEnded(turn.end ?? end.kind)
    meter.answered(at - turn.receivedAt)
    this.changed(turn)
  }
}

function timedOut(end: RunEnd): RunEnd {
  return end.kind === 'stopped' || end.kind === 'failed' ? { kind: 'failed', reason: 'timeout', text: end.text } : end
}
