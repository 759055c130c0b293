import type { ReplyChunk, RunEnd } from '../../domain/agent.ts'
import type { Delivery } from '../../domain/delivery.ts'
import type { Change, Claimed } from '../../domain/ports.ts'
import type { Turn } from '../../domain/turn.ts'
import { isCode, messageOf } from '../../errors.ts'
import { askableAt, prepareQuestion } from '../../core/streaming/attachments.ts'
import { sessionReset } from '../../core/streaming/commands.ts'
import { advance, advanceThrough, type TurnEvent } from '../../core/streaming/advance.ts'
import { openAttachments } from './attachments.ts'
import { leaseMs } from '../deliver/worker.ts'
import { type BridgeContext, translatorOf, waitAtMost } from '../context.ts'
import { isRemoved, recreateAgent, useFallbackAgent } from './dynamic-agent-turn.ts'
import { RunLimit } from './run-limit.ts'

/** Work that another node may have left behind is looked for this often. */
const recheckMs = 5_000
/** A conversation waits at most so long for its reset while the gateway cannot be reached. */
const resetWithinMs = 120_000

interface Run {
  readonly deliveryId: string
  readonly limit: RunLimit
  readonly done: Promise<void>
}

/**
 * Asks the agent: claims the head of each conversation's queue, follows the run to its end and writes down how it
 * ended. The delivery is done only then; that is what makes a restart safe.
 */
export class Asker {
  readonly name = 'asks'
  private readonly context: BridgeContext
  private readonly runs = new Map<string, Run>()
  /** Turns whose agent had to be made a second time. */
  private readonly remade = new Set<string>()
  private nextAt = 0
  private stopping = false

  constructor(context: BridgeContext) {
    this.context = context
  }

  /** A question may be due at `at`. */
  expect(at: number): void {
    this.nextAt = Math.min(this.nextAt, at)
  }

  nextDue(): number | undefined {
    const isReady = !this.stopping && this.context.agent.status().state === 'up'
    return isReady && this.runs.size < this.context.limits.maxRuns ? this.nextAt : undefined
  }

  async run(now: number): Promise<void> {
    const { store, limits } = this.context
    this.nextAt = now + recheckMs // also when the store fails below
    const limit = limits.maxRuns - this.runs.size
    const lease = { now, untilMs: now + leaseMs, limit }
    const claimed = await store.outbox.claim(lease, one => this.freeze(one, now))
    for (const one of claimed) if (one.delivery.state === 'sending' && !this.runs.has(one.turn.id)) this.begin(one)
    // Put off just now by a run that is not quite over.
    const early = claimed.filter(({ delivery, turn }) => delivery.state === 'queued' && this.runs.has(turn.id))
    if (early.length > 0) await store.outbox.release(early.map(({ delivery }) => delivery.id))
    if (claimed.length === limit) this.expect(0)
    const later = await store.outbox.nextDueAt(['gateway'], now)
    this.nextAt = Math.min(later ?? Infinity, this.nextAt)
  }

  /** The ids whose leases must be kept. */
  leased(): readonly string[] {
    return [...this.runs.values()].map(run => run.deliveryId)
  }

  /** The lease of a delivery was lost: another node follows that run now. */
  abandon(deliveryId: string): void {
    for (const run of this.runs.values()) if (run.deliveryId === deliveryId) run.limit.leave()
  }

  /** Claims nothing more; resolves when the runs have ended or `limitMs` is over. The rest is found again at the next start. */
  async stop(limitMs: number): Promise<void> {
    this.stopping = true
    await waitAtMost(this.context, limitMs, Promise.all([...this.runs.values()].map(run => run.done)))
    const left = [...this.runs.values()]
    for (const run of left) run.limit.leave()
    await Promise.all(left.map(run => run.done))
    await this.context.store.outbox.release(left.map(run => run.deliveryId))
  }

  /** From here on the question and its key stay as they are. */
  private freeze({ delivery, turn }: Claimed, at: number): Change {
    if (this.runs.has(turn.id)) return { save: [] } // ours already; the clock or this process had stood still
    const translate = translatorOf(this.context, turn.account)
    if (turn.question === undefined && at >= turn.lastWayUntil) {
      return {
        ...(advance(turn, { kind: 'deadline', at }, translate) ?? { save: [] }),
        settle: [{ ...delivery, state: 'dropped' }],
      }
    }
    const prepared = prepareQuestion(turn, this.context.agent.limits(), translate)
    const change = advance(turn, { kind: 'claimed', at, prepared }, translate)
    const isWanted = turn.end === undefined || turn.isLooking === true
    return { save: change?.save ?? [], settle: [{ ...delivery, state: isWanted ? 'sending' : 'dropped' }] }
  }

  private begin({ delivery, turn }: Claimed): void {
    const limit = new RunLimit(this.context, turn)
    const done = this.carryOut(delivery, turn, limit)
      .catch(async error => {
        if (isCode(error, 'cancelled')) return
        this.context.log.error('a run could not be followed', { turn: turn.id, error: messageOf(error) })
        await this.postpone(delivery)
      })
      .catch(error => {
        // Its lease runs out, and then it is found again.
        this.context.log.error('a run could not be put off', { turn: turn.id, error: messageOf(error) })
      })
      .finally(() => {
        this.runs.delete(turn.id)
        this.expect(0)
        this.context.wake()
      })
    this.runs.set(turn.id, { deliveryId: delivery.id, limit, done })
  }

  private async carryOut(delivery: Delivery, turn: Turn, limit: RunLimit): Promise<void> {
    if (turn.stopAt !== undefined) limit.halt()
    if (delivery.body.kind === 'reset') return await this.reset(delivery, turn)
    const { boundAgentId } = turn
    if (boundAgentId !== undefined && limit.reason === undefined) {
      // Its agent may have kept it waiting for long.
      const isLate = turn.asked === undefined && this.context.clock.now() >= turn.lastWayUntil
      if (isLate) return await this.finish(delivery, turn.id, { kind: 'expired' })
      if (!(await this.hasAgent(turn, limit))) return await useFallbackAgent(this.context, delivery, turn, boundAgentId)
    }
    return await this.follow(delivery, turn, limit)
  }

  /** Makes the agent of a turn where that was not done yet. */
  private async hasAgent({ agentId }: Turn, limit: RunLimit): Promise<boolean> {
    try {
      return await limit.during(this.context.dynamicAgents.make(agentId))
    } catch (error) {
      if (limit.reason === undefined) throw error
      return true // it is not asked any more
    }
  }

  /** A session begins anew; what its message says besides is asked then. */
  private async reset(delivery: Claimed['delivery'], turn: Turn): Promise<void> {
    const { agent, clock, store } = this.context
    const isDone = await agent.reset(turn.sessionKey, turn.command === 'reset' ? 'reset' : 'new').then(
      () => true,
      async error => {
        if (await isRemoved(this.context, turn, error)) return true
        if (isCode(error, 'gateway_refused') || clock.now() >= turn.receivedAt + resetWithinMs) return false
        throw error
      },
    )
    const at = clock.now()
    await store.update(turn.id, stored => {
      const change = sessionReset(stored, isDone, at, translatorOf(this.context, stored.account))
      const next = change?.save[0]
      const settled: Delivery =
        next !== undefined && next.end === undefined
          ? { ...delivery, body: { kind: 'ask' }, state: 'queued', dueAt: askableAt(next) }
          : { ...delivery, state: isDone ? 'delivered' : 'refused', finishedAt: at }
      return { ...(change ?? { save: [] }), settle: [settled] }
    })
  }

  /** Somebody wants a run to end. */
  halt(turnId: string): void {
    this.runs.get(turnId)?.limit.halt()
  }

  private async postpone(delivery: Claimed['delivery']): Promise<void> {
    const later = { ...delivery, state: 'queued' as const, dueAt: this.context.clock.now() + recheckMs }
    await this.context.store.outbox.write({ settle: [later] })
  }

  private async follow(delivery: Claimed['delivery'], turn: Turn, limit: RunLimit): Promise<void> {
    const { agent, clock, live } = this.context
    const ask = {
      key: turn.id,
      sessionKey: turn.sessionKey,
      message: turn.question ?? turn.text,
      askBefore: turn.lastWayUntil,
      ...(turn.asked && { asked: turn.asked }),
      ...(turn.command !== undefined && { isCommand: true }),
      ...(turn.attachments && { attachments: openAttachments(this.context, turn.attachments) }),
      mark: async (bootId: string) => {
        limit.check()
        const marked = await this.advance(turn.id, { kind: 'asked', at: clock.now(), bootId })
        limit.start(marked?.asked?.at ?? clock.now())
      },
    }
    try {
      const end = await agent.ask(ask, chunk => this.see(turn, chunk), limit.signal)
      if (this.isGone(turn, end)) {
        this.remade.add(turn.id)
        return await recreateAgent(this.context, delivery, turn)
      }
      await this.finish(delivery, turn.id, limit.reason === 'timeout' ? timedOut(end) : end)
    } catch (error) {
      if (limit.reason === undefined) throw error
      const text = live.text(turn.id) ?? ''
      const end: RunEnd = { kind: 'stopped', text }
      await this.finish(delivery, turn.id, limit.reason === 'timeout' ? timedOut(end) : end)
    } finally {
      limit.cancel()
    }
    live.drop(turn.id)
  }

  /** Somebody has removed an agent that was made; once more is enough to know. */
  private isGone({ id, boundAgentId }: Turn, end: RunEnd): boolean {
    return boundAgentId !== undefined && end.kind === 'failed' && end.reason === 'agent_unknown' && !this.remade.has(id)
  }

  private see(turn: Turn, chunk: ReplyChunk): void {
    const { live, meter, clock, wake, log } = this.context
    const isFirst = chunk.kind === 'text' && live.text(turn.id) === undefined && turn.answer === ''
    live.see(turn.id, chunk, clock.now())
    if (isFirst) meter.firstText(clock.now() - turn.receivedAt)
    if (chunk.kind === 'resumed') {
      this.advance(turn.id, { kind: 'resumed', at: clock.now() }).catch(error =>
        log.warn('a trace could not be written', { turn: turn.id, error: messageOf(error) }),
      )
    }
    if (chunk.kind === 'text') wake()
    if (chunk.kind === 'whole') {
      this.end(turn.id, { kind: 'answered', text: chunk.text }).catch(error =>
        log.warn('an answer could not be written down yet', { turn: turn.id, error: messageOf(error) }),
      )
    }
  }

  private advance(turnId: string, event: Parameters<typeof advance>[1]): Promise<Turn | undefined> {
    return this.context.store.update(turnId, turn => advance(turn, event, translatorOf(this.context, turn.account)))
  }

  private finish(delivery: Delivery, turnId: string, end: RunEnd): Promise<void> {
    return this.end(turnId, end, { ...delivery, state: 'delivered', finishedAt: this.context.clock.now() })
  }

  /** Writes down how a run ended; without `done` only its files are still looked for. */
  private async end(turnId: string, end: RunEnd, done?: Delivery): Promise<void> {
    const { store, clock, live } = this.context
    const at = clock.now()
    const chunks = live.chunks(turnId)
    const text = live.text(turnId)
    const files = end.kind === 'answered' ? (end.files ?? []) : []
    await store.update(turnId, stored => {
      const events: readonly TurnEvent[] = [
        ...(text === undefined ? [] : [{ kind: 'text', at, text } as const]),
        { kind: 'run_ended', at, end, chunks, isLooking: done === undefined },
        ...(done === undefined ? [] : [{ kind: 'files_found', at, files } as const]),
      ]
      const change = advanceThrough(stored, events, translatorOf(this.context, stored.account))
      return { ...(change ?? { save: [] }), ...(done && { settle: [done] }) }
    })
  }
}

function timedOut(end: RunEnd): RunEnd {
  return end.kind === 'stopped' || end.kind === 'failed' ? { kind: 'failed', reason: 'timeout', text: end.text } : end
}
