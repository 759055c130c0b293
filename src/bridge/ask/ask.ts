import type { ReplyChunk, RunEnd } from '../../domain/agent.ts'
import type { Change } from '../../domain/ports.ts'
import { isUnclaimed, type Turn, withoutPending } from '../../domain/turn.ts'
import { isCode, messageOf } from '../../errors.ts'
import { prepareQuestion } from '../../core/streaming/attachments.ts'
import { sessionReset } from '../../core/streaming/commands.ts'
import { advance, advanceThrough, type TurnEvent } from '../../core/streaming/advance.ts'
import { openAttachments } from './attachments.ts'
import { OutboxWorker, recheckMs } from '../deliver/worker.ts'
import { type BridgeContext, translatorOf } from '../context.ts'
import { isRemoved, useFallbackAgent } from './dynamic-agent-turn.ts'
import { RunLimit } from './run-limit.ts'

/** A conversation waits at most so long for its reset while the gateway cannot be reached. */
const resetWithinMs = 120_000

/**
 * Asks the agent: claims the head of each conversation's queue, follows the run to its end and writes down how it ended.
 * The task is pending until then; that is what makes a restart safe.
 */
export class Asker {
  readonly worker: OutboxWorker<'task'>
  private readonly context: BridgeContext
  /** Of the runs that are followed here, by turn. */
  private readonly limits = new Map<string, RunLimit>()
  /** Turns whose agent had to be made a second time. */
  private readonly remade = new Set<string>()

  constructor(context: BridgeContext) {
    this.context = context
    this.worker = new OutboxWorker(context, {
      name: 'asks',
      kinds: ['task'],
      parallel: () => context.limits.maxRuns,
      isReady: () => context.agent.status().state === 'up',
      claim: (turn, now) => this.freeze(turn, now),
      handle: turn => this.handle(turn),
      abandon: turnId => this.limits.get(turnId)?.leave(),
    })
  }

  /** The sender, or an operator, wants a run to end; one of another process is not here. */
  stopRun(turnId: string): void {
    this.limits.get(turnId)?.halt()
  }

  /** From here on the question and its key stay as they are. */
  private freeze(turn: Turn, at: number): Change {
    const translate = translatorOf(this.context, turn.account)
    const isExpired = isUnclaimed(turn) && at >= turn.lastWayUntil
    if (isExpired) return advance(turn, { kind: 'deadline', at }, translate) ?? { save: [withoutPending(turn)] }
    const isWanted = turn.end === undefined || turn.isLooking === true
    if (!isWanted) return { save: [withoutPending(turn)] }
    const prepared = prepareQuestion(turn, this.context.agent.limits(), translate)
    const claimed: Turn = { ...turn, pending: { dueAt: at, state: 'claimed' } }
    return advance(claimed, { kind: 'claimed', at, prepared }, translate) ?? { save: [claimed] }
  }

  private async handle(turn: Turn): Promise<void> {
    if (turn.pending === undefined) return // it ended before it was claimed
    const limit = new RunLimit(this.context, turn)
    this.limits.set(turn.id, limit)
    try {
      await this.carryOut(turn, limit)
    } catch (error) {
      if (isCode(error, 'cancelled')) return
      this.context.log.error('a run could not be followed', { turn: turn.id, error: messageOf(error) })
      await this.requeue(turn.id, this.context.clock.now() + recheckMs)
    } finally {
      this.limits.delete(turn.id)
    }
  }

  private async carryOut(turn: Turn, limit: RunLimit): Promise<void> {
    if (turn.stopAt !== undefined) limit.halt()
    if (turn.task === 'reset') return await this.reset(turn)
    const { fallbackAgentId } = turn
    if (fallbackAgentId !== undefined && limit.reason === undefined) {
      // Its agent may have kept it waiting for long.
      const isLate = turn.asked === undefined && this.context.clock.now() >= turn.lastWayUntil
      if (isLate) return await this.finish(turn.id, { kind: 'expired' })
      if (!(await this.hasAgent(turn, limit))) return await useFallbackAgent(this.context, turn, fallbackAgentId)
    }
    return await this.follow(turn, limit)
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

  /** A session begins again; what its message says besides is asked then. */
  private async reset(turn: Turn): Promise<void> {
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
    await store.update(turn.id, stored => sessionReset(stored, isDone, at, translatorOf(this.context, stored.account)))
  }

  private async requeue(turnId: string, dueAt: number): Promise<void> {
    await this.context.store.update(turnId, stored => {
      return stored.pending && { save: [{ ...stored, pending: { state: 'queued', dueAt } }] }
    })
  }

  private async follow(turn: Turn, limit: RunLimit): Promise<void> {
    const { agent, clock, live, dynamicAgents } = this.context
    const ask = {
      key: turn.id,
      sessionKey: turn.sessionKey,
      message: turn.question ?? turn.text,
      askBefore: turn.lastWayUntil,
      ...(turn.asked && { asked: turn.asked }),
      ...(turn.task === 'pass' && { isCommand: true }),
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
        await dynamicAgents.forget(turn.agentId)
        return await this.requeue(turn.id, clock.now())
      }
      await this.finish(turn.id, limit.reason === 'timeout' ? timedOut(end) : end)
    } catch (error) {
      if (limit.reason === undefined) throw error
      const text = live.text(turn.id) ?? ''
      const end: RunEnd = { kind: 'stopped', text }
      await this.finish(turn.id, limit.reason === 'timeout' ? timedOut(end) : end)
    } finally {
      limit.cancel()
    }
    live.drop(turn.id)
  }

  /** Somebody has removed an agent that was made; once more is enough to know. */
  private isGone({ id, fallbackAgentId }: Turn, end: RunEnd): boolean {
    return (
      fallbackAgentId !== undefined && end.kind === 'failed' && end.reason === 'agent_unknown' && !this.remade.has(id)
    )
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
      this.end(turn.id, { kind: 'answered', text: chunk.text }, false).catch(error =>
        log.warn('an answer could not be written down yet', { turn: turn.id, error: messageOf(error) }),
      )
    }
  }

  private advance(turnId: string, event: Parameters<typeof advance>[1]): Promise<Turn | undefined> {
    return this.context.store.update(turnId, turn => advance(turn, event, translatorOf(this.context, turn.account)))
  }

  private finish(turnId: string, end: RunEnd): Promise<void> {
    return this.end(turnId, end, true)
  }

  /** Writes down how a run ended; while it is not over at the gateway only its files are still looked for. */
  private async end(turnId: string, end: RunEnd, isOver: boolean): Promise<void> {
    const { store, clock, live } = this.context
    const at = clock.now()
    const chunks = live.chunks(turnId)
    const text = live.text(turnId)
    const files = end.kind === 'answered' ? (end.files ?? []) : []
    await store.update(turnId, stored => {
      const events: readonly TurnEvent[] = [
        ...(text === undefined ? [] : [{ kind: 'text', at, text } as const]),
        { kind: 'run_ended', at, end, chunks, isLooking: !isOver },
        ...(isOver ? [{ kind: 'files_found', at, files } as const] : []),
      ]
      const change = advanceThrough(stored, events, translatorOf(this.context, stored.account))
      return isOver ? { ...change, save: [withoutPending(change?.save[0] ?? stored)] } : change
    })
  }
}

function timedOut(end: RunEnd): RunEnd {
  return end.kind === 'stopped' || end.kind === 'failed' ? { kind: 'failed', reason: 'timeout', text: end.text } : end
}
