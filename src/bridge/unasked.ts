import type { UnaskedAnswer } from '../domain/agent.ts'
import { dayMs } from '../domain/duration.ts'
import { isOutsider } from '../domain/message.ts'
import { conversationOfSession, formatStreamId, formatUnaskedId } from '../domain/routing.ts'
import type { Turn } from '../domain/turn.ts'
import { isKnownAnswer, lendsResponseUrl, openUnasked, saysSomething } from '../core/streaming/unasked.ts'
import { type BridgeContext, translatorOf } from './context.ts'

/** How long an answer waits: until the gateway has written its row, and what else it sends for the same run. */
const settleMs = 20_000
/** Pause before a session is read again that could not be read. */
const retryMs = 2_000
/** How far the clocks of the gateway and of this host may differ. */
const clockSlackMs = 60_000
const sinceKey = 'unasked.since'

/**
 * Delivers what the agent says without being asked: the report of a sub-agent, or a follow-up of its own.
 *
 * An event only tells that some run ended in a session of ours; the history tells whether somebody asked it. Events are
 * lost while the link is down or the daemon is, so after each connection the sessions of the last day are read, too. The
 * id of the run makes each answer one turn, however often it is found.
 */
export class Unasked {
  private readonly context: BridgeContext
  /** By run: when to look. */
  private readonly waiting = new Map<string, { readonly sessionKey: string; dueAt: number }>()
  private readonly unread: string[] = []
  /** Answers before this are not of interest when sessions are read after a connection. */
  private since: number | undefined
  private upSince: number | undefined

  constructor(context: BridgeContext) {
    this.context = context
    const { agent, clock } = context
    agent.onOtherRun(({ runId, sessionKey }) => this.expect(runId, sessionKey, clock.now()))
    agent.onStatus(({ state }) => void (state === 'up' && this.readSessions(clock.now())))
  }

  readonly name = 'unasked'

  nextDue(): number | undefined {
    if (this.upSince !== undefined) return this.upSince
    if (this.unread.length > 0) return 0
    const times = Array.from(this.waiting.values(), ({ dueAt }) => dueAt)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  async run(now: number): Promise<void> {
    if (this.upSince !== undefined) await this.listSessions(this.upSince)
    const [sessionKey] = this.unread
    if (sessionKey !== undefined) return await this.readSession(sessionKey, now)
    const due = [...this.waiting].filter(([, { dueAt }]) => dueAt <= now)
    for (const [key, runs] of Map.groupBy(due, ([, of]) => of.sessionKey)) {
      await this.deliverDue(
        key,
        runs.map(([runId]) => runId),
        now,
      )
    }
  }

  private expect(runId: string, sessionKey: string, now: number): void {
    const account = conversationOfSession(sessionKey)?.account ?? ''
    if (this.waiting.has(runId) || !this.context.accounts.has(account)) return
    this.waiting.set(runId, { sessionKey, dueAt: now + settleMs })
    this.context.wake()
  }

  private readSessions(now: number): void {
    this.upSince = now
    this.context.wake()
  }

  /** What was said before the first start of this version was told, or not, by the version before. */
  private async listSessions(upSince: number): Promise<void> {
    const { store } = this.context
    if (this.since === undefined) {
      const stored = Number((await store.keyValue.get(sinceKey)) ?? Number.NaN)
      if (Number.isNaN(stored)) await store.keyValue.set(sinceKey, String(upSince))
      this.since = Math.max(Number.isNaN(stored) ? upSince : stored, upSince - dayMs)
    }
    this.unread.splice(0, Infinity, ...(await store.activeSessions(upSince - dayMs)))
    this.upSince = undefined
  }

  private async readSession(sessionKey: string, now: number): Promise<void> {
    const { agent, store } = this.context
    const found = await agent.findUnasked(sessionKey)
    if (found.kind === 'later') {
      this.unread.length = 0 // the next connection reads them
      return
    }
    for (const { runId, at } of found.answers) {
      if (at < (this.since ?? now) - clockSlackMs) continue
      if ((await store.find(formatUnaskedId(runId))) === undefined) this.expect(runId, sessionKey, now)
    }
    this.unread.shift()
    if (this.unread.length === 0) this.since = now
  }

  private async deliverDue(sessionKey: string, runIds: readonly string[], now: number): Promise<void> {
    const { agent, store } = this.context
    const found = await agent.findUnasked(sessionKey)
    if (found.kind === 'later') {
      for (const runId of runIds) {
        this.waiting.set(runId, { sessionKey, dueAt: now + (found.retryAfterMs ?? retryMs) })
      }
      return
    }
    const answers = found.answers.filter(({ runId }) => runIds.includes(runId))
    const turns = answers.length === 0 ? [] : await store.recentTurns(sessionKey)
    for (const answer of answers) {
      if (saysSomething(answer) && !isKnownAnswer(answer, turns)) await this.deliver(answer, sessionKey, turns)
    }
    for (const runId of runIds) this.waiting.delete(runId)
  }

  /** `turns`: those of the session, newest first. */
  private async deliver(answer: UnaskedAnswer, sessionKey: string, turns: readonly Turn[]): Promise<void> {
    const { store, clock, random, accounts, limits, log } = this.context
    const [newest] = turns
    const conversation = newest?.conversation ?? conversationOfSession(sessionKey)
    if (conversation === undefined) return
    const { account } = conversation
    const app = accounts.get(account)?.app
    const sender = newest?.sender ?? (conversation.kind === 'direct' ? conversation.id : '')
    const now = clock.now()
    const lender = await this.findLender(turns, now)
    const token = Buffer.from(random.bytes(16)).toString('base64url')
    const id = formatUnaskedId(answer.runId)
    const { seen } = await store.open({ id, account, conversation, sender, receivedAt: now }, ({ nextOrder }) =>
      openUnasked(
        answer,
        {
          id,
          account,
          conversation,
          sender,
          sessionKey,
          agentId: sessionKey.split(':')[1] ?? '',
          surface: newest?.surface ?? 'app',
          streamId: formatStreamId(nextOrder, token),
          order: nextOrder,
          ...(app !== undefined &&
            sender !== '' &&
            !isOutsider(sender) && { dm: { format: app.replyFormat, deliverWithinMs: limits.deliverWithinMs } }),
          ...(lender !== undefined && { lender }),
        },
        now,
        translatorOf(this.context, account),
      ),
    )
    if (!seen) log.info('the agent spoke without being asked', { turn: id, account })
  }

  private async findLender(turns: readonly Turn[], now: number): Promise<Turn | undefined> {
    for (const turn of turns) {
      if (lendsResponseUrl(turn, await this.context.store.outbox.ofTurn(turn.id), now)) return turn
    }
    return undefined
  }
}
