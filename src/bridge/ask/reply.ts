import { finishedJob, type Job, type JobBody } from '../../domain/job.ts'
import { type AgentQuestion, hasOpenBubble, type Turn } from '../../domain/turn.ts'
import { isCode, messageOf } from '../../errors.ts'
import { planNotice } from '../../core/fallback/plan.ts'
import { formatAsked } from '../../core/streaming/question.ts'
import { forgetQuestion, isRunning, noteQuestion, replySettled } from '../../core/streaming/reply.ts'
import { type BridgeContext, translatorOf } from '../context.ts'
import { deferJob } from '../deliver/jobs.ts'

/** Sends a user's reply to a question of the agent. A reply that nobody waits for any more is asked as a question. */
export async function handleReply(
  context: BridgeContext,
  job: Job,
  { question, answers }: Extract<JobBody, { kind: 'answer' }>,
): Promise<void> {
  const { agent, clock, store, log } = context
  const isTaken =
    clock.now() < job.expiresAt &&
    (await agent.answerQuestion(question, answers).catch(error => {
      log.warn('a reply to the agent could not be sent to the gateway', { turn: job.turn, error: messageOf(error) })
      return isCode(error, 'gateway_refused') ? false : undefined
    }))
  if (isTaken === undefined) return await deferJob(context, job)
  const at = clock.now()
  // The user's words are in the turn, from which they are erased in time.
  const bare: Job = { ...job, body: { kind: 'answer', question, answers: {} } }
  await store.update(job.turn, stored => {
    const change = replySettled(stored, isTaken, at, translatorOf(context, stored.account))
    return { save: [], ...change, settle: [finishedJob(bare, isTaken ? undefined : { reason: 'gone' }, at)] }
  })
}

/**
 * Notes in its turn what a run asks, and sends the user a direct message when no open bubble shows that. The returned
 * function sends it for a turn whose bubble has just closed.
 */
export function followQuestions(context: BridgeContext): (turn: Turn) => void {
  const warn = (error: unknown) =>
    context.log.warn('a user could not be told what the agent asks', { error: messageOf(error) })
  context.agent.onQuestion((question, isOver) => void noteInTurn(context, question, isOver).catch(warn))
  return turn => void notifySender(context, turn).catch(warn)
}

async function noteInTurn(context: BridgeContext, question: AgentQuestion, isOver: boolean): Promise<void> {
  const { store } = context
  const turn = (await store.recentTurns(question.sessionKey)).find(isRunning)
  if (turn === undefined) return
  const noted = await store.update(turn.id, stored =>
    isOver ? forgetQuestion(stored, question) : noteQuestion(stored, question),
  )
  if (noted !== undefined) await notifySender(context, noted)
}

async function notifySender(context: BridgeContext, turn: Turn): Promise<void> {
  if (turn.agentAsks === undefined || turn.dm === undefined || hasOpenBubble(turn) || !isRunning(turn)) return
  const translate = translatorOf(context, turn.account)
  const notice = formatAsked(turn, translate)
  if (notice === undefined) return
  const id = `${turn.id}:question:${turn.agentAsks.question.id}`
  await context.store.outbox.write({ add: planNotice(turn, notice, context.clock.now(), translate, id) })
}
