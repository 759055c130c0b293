/**
 * Works on the tasks of turns: asks the agent, follows the run to its end, and stores the outcome.
 *
 * A run takes seconds to an hour, and this process, the gateway or the link may fail at any moment of it. A lost answer
 * is bad, and a question asked twice is worse, because the second run uses its tools again. Five rules keep both from
 * happening:
 *
 * - The question is frozen by the claim. Until then it can still change: the sender's next message joins it, `/stop`
 *   withdraws it, it expires. `claim` runs in the commit that takes the lease. From that commit on, the text and its
 *   key (the turn's id) stay the same, so every later process means the same question.
 * - `asked` is on disk before the first request leaves, with the gateway's boot id. A task that is claimed with `asked`
 *   set may have been asked already. `agent.ask` then reads the session's history and follows the run that is there
 *   (docs/adr/0004-the-history-decides.md).
 * - The task stays pending until its run is over, not until it was sent. A restart finds it at the head of its
 *   conversation's queue and claims it again. The same rule makes a conversation answer one question at a time.
 * - The end of a run, and the deliveries and jobs that follow from it, are one commit. No crash can come between an
 *   answer and its delivery.
 * - A run is ended in the gateway only if the user or the timeout wants that (`RunLimit`). At shutdown, or when the
 *   lease is lost, this process stops following and leaves the run alone: the next holder of the lease follows it.
 *
 * A dynamic agent is created here and not when its user writes, because that takes seconds and a callback must not
 * wait. It can also have been removed in the gateway since. Then it is created again and the task starts over, at most
 * once per turn and process.
 */
import type { ReplyChunk, RunEnd } from '../../domain/agent.ts'
import type { Change } from '../../domain/ports.ts'
import { isUnclaimed, type Turn, withoutPending } from '../../domain/turn.ts'
import { isCode, messageOf } from '../../errors.ts'
import { prepareQuestion } from '../../core/streaming/attachments.ts'
import { sessionReset } from '../../core/streaming/commands.ts'
import { advance, advanceAll, type TurnEvent } from '../../core/streaming/advance.ts'
import { openAttachments } from './attachments.ts'
import { OutboxWorker, recheckMs } from '../deliver/worker.ts'
import { type BridgeContext, translatorOf } from '../context.ts'
import { wasAgentRemoved, useFallbackAgent } from './dynamic-agent-turn.ts'
import { RunLimit } from './run-limit.ts'

/** How long a reset is retried while the gateway can't be reached. The conversation waits for it. */
const resetWithinMs = 120_000

/** Claims the first task of each conversation, runs it at the gateway, and stores how it ended. */
export class Asker {
  readonly worker: OutboxWorker<'task'>
  private readonly context: BridgeContext
  /** The limits of the runs that this process follows, by turn id. */
  private readonly limits = new Map<string, RunLimit>()
  /** Turns in progress whose dynamic agent was created a second time. A third time would not help. */
  private readonly recreated = new Set<string>()

  constructor(context: BridgeContext) {
    this.context = context
    this.worker = new OutboxWorker(context, {
      name: 'asks',
      kinds: ['task'],
      parallel: () => context.limits.maxRuns,
      isReady: () => context.agent.status().state === 'up',
      claim: (turn, now) => this.claim(turn, now),
      handle: turn => this.handle(turn),
      abandon: turnId => this.limits.get(turnId)?.detach(),
    })
  }

  /** Ends the run of a turn early. Does nothing if this process doesn't follow it. */
  stopRun(turnId: string): void {
    this.limits.get(turnId)?.stop()
  }

  /**
   * The change that is committed with the claim: freezes the question, or drops a task that is no longer needed. Pure.
   */
  private claim(turn: Turn, at: number): Change {
    const translate = translatorOf(this.context, turn.account)
    const isExpired = isUnclaimed(turn) && at >= turn.lastWayUntil
    if (isExpired) return advance(turn, { kind: 'deadline', at }, translate) ?? { save: [withoutPending(turn)] }
    if (turn.end !== undefined) return { save: [withoutPending(turn)] }
    const prepared = prepareQuestion(turn, this.context.agent.limits(), translate)
    const claimed: Turn = { ...turn, pending: { dueAt: at, state: 'claimed' } }
    return advance(claimed, { kind: 'claimed', at, prepared }, translate) ?? { save: [claimed] }
  }

  private async handle(turn: Turn): Promise<void> {
    if (turn.pending === undefined) return // the claim found that there is nothing left to do
    const limit = new RunLimit(this.context, turn)
    this.limits.set(turn.id, limit)
    try {
      await this.runTask(turn, limit)
    } catch (error) {
      if (isCode(error, 'cancelled')) return
      this.context.log.error('a run could not be followed, trying again', { turn: turn.id, error: messageOf(error) })
      await this.requeue(turn.id, this.context.clock.now() + recheckMs)
    } finally {
      this.limits.delete(turn.id)
    }
  }

  private async runTask(turn: Turn, limit: RunLimit): Promise<void> {
    if (turn.stopAt !== undefined) limit.stop()
    if (turn.task === 'reset') return await this.reset(turn)
    const { fallbackAgentId } = turn
    if (fallbackAgentId !== undefined && limit.reason === undefined) {
      // Waiting for its agent may have taken longer than the last route to the user lasts.
      const isTooLate = turn.asked === undefined && this.context.clock.now() >= turn.lastWayUntil
      if (isTooLate) return await this.finish(turn.id, { kind: 'expired' })
      if (!(await this.ensureAgent(turn, limit))) return await useFallbackAgent(this.context, turn, fallbackAgentId)
    }
    return await this.follow(turn, limit)
  }

  /** Makes sure that the dynamic agent of a turn exists. False: use the bound agent. */
  private async ensureAgent({ agentId }: Turn, limit: RunLimit): Promise<boolean> {
    try {
      return await limit.orCancelled(this.context.dynamicAgents.ensure(agentId))
    } catch (error) {
      if (limit.reason === undefined) throw error
      return true // stopped meanwhile: `follow` ends the turn without asking
    }
  }

  /** Starts a new session for `/new` and `/reset`. Text after the command then becomes the first question of it. */
  private async reset(turn: Turn): Promise<void> {
    const { agent, clock, store } = this.context
    const isDone = await agent.reset(turn.sessionKey, turn.command === 'reset' ? 'reset' : 'new').then(
      () => true,
      async error => {
        if (await wasAgentRemoved(this.context, turn, error)) return true
        if (isCode(error, 'gateway_refused') || clock.now() >= turn.receivedAt + resetWithinMs) return false
        throw error
      },
    )
    const at = clock.now()
    await store.update(turn.id, stored => sessionReset(stored, isDone, at, translatorOf(this.context, stored.account)))
  }

  /** Gives the task back, to be claimed again at `dueAt`. */
  private async requeue(turnId: string, dueAt: number): Promise<void> {
    await this.context.store.update(turnId, stored => {
      return stored.pending && { save: [{ ...stored, pending: { state: 'queued', dueAt } }] }
    })
  }

  /** Asks, or resumes following after a restart, and stores how the run ended. */
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
        limit.throwIfStopped()
        const marked = await this.advance(turn.id, { kind: 'asked', at: clock.now(), bootId })
        limit.startTimeout(marked?.asked?.at ?? clock.now())
      },
    }
    try {
      const end = await agent.ask(ask, chunk => this.onChunk(turn, chunk), limit.signal)
      if (this.mustRecreateAgent(turn, end)) {
        this.recreated.add(turn.id)
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
      limit.clear()
    }
    live.drop(turn.id)
  }

  /** Whether the run failed because its dynamic agent was removed in the gateway, for the first time in this turn. */
  private mustRecreateAgent({ id, fallbackAgentId }: Turn, end: RunEnd): boolean {
    return (
      fallbackAgentId !== undefined &&
      end.kind === 'failed' &&
      end.reason === 'agent_unknown' &&
      !this.recreated.has(id)
    )
  }

  private onChunk(turn: Turn, chunk: ReplyChunk): void {
    const { live, meter, clock, wake, log } = this.context
    const isFirst = chunk.kind === 'text' && live.text(turn.id) === undefined && turn.answer === ''
    live.record(turn.id, chunk, clock.now())
    if (isFirst) meter.firstText(clock.now() - turn.receivedAt)
    if (chunk.kind === 'resumed' || chunk.kind === 'asked_again') {
      this.advance(turn.id, { kind: chunk.kind, at: clock.now() }).catch(error =>
        log.warn('a trace event could not be stored', { turn: turn.id, error: messageOf(error) }),
      )
    }
    if (chunk.kind === 'text') wake()
  }

  private advance(turnId: string, event: Parameters<typeof advance>[1]): Promise<Turn | undefined> {
    return this.context.store.update(turnId, turn => advance(turn, event, translatorOf(this.context, turn.account)))
  }

  /** Writes down how a run ended. Its files may follow; nothing waits for them here. */
  private async finish(turnId: string, end: RunEnd): Promise<void> {
    const { store, clock, live } = this.context
    const at = clock.now()
    const chunks = live.chunks(turnId)
    const text = live.text(turnId)
    await store.update(turnId, stored => {
      const events: readonly TurnEvent[] = [
        ...(text === undefined ? [] : [{ kind: 'text', at, text } as const]),
        { kind: 'run_ended', at, end, chunks },
      ]
      const change = advanceAll(stored, events, translatorOf(this.context, stored.account))
      return { ...change, save: [withoutPending(change?.save[0] ?? stored)] }
    })
    this.recreated.delete(turnId)
  }
}

function timedOut(end: RunEnd): RunEnd {
  return end.kind === 'stopped' || end.kind === 'failed' ? { kind: 'failed', reason: 'timeout', text: end.text } : end
}
