import type { Agent, Approval } from '../../domain/agent.ts'
import { finishedJob, type Job, type JobBody } from '../../domain/job.ts'
import { hasOpenBubble, type Turn } from '../../domain/turn.ts'
import { isCode, messageOf } from '../../errors.ts'
import { formatApproval } from '../../core/streaming/approval.ts'
import { type ApprovalOutcome, approvalSettled } from '../../core/streaming/commands.ts'
import { planNotice } from '../../core/fallback/plan.ts'
import { deferJob } from '../deliver/jobs.ts'
import { OutboxWorker } from '../deliver/worker.ts'
import { handleReply } from './reply.ts'
import { type BridgeContext, translatorOf } from '../context.ts'

/** How many decisions are sent at the same time. */
const parallel = 8

/**
 * The worker that sends administrators' decisions and users' replies to the gateway. They don't queue with the tasks of
 * a conversation: the run that waits for one may be at the head of that queue.
 */
export function createDecisions(context: BridgeContext): OutboxWorker<'approval'> {
  return new OutboxWorker(context, {
    name: 'decisions',
    kinds: ['approval'],
    parallel: () => parallel,
    handle: job => handleDecision(context, job),
  })
}

async function handleDecision(context: BridgeContext, job: Job): Promise<void> {
  const { agent, clock, store, log } = context
  const { body, turn } = job
  if (body.kind === 'answer') return await handleReply(context, job, body)
  if (body.kind !== 'approve') return
  const isExpired = clock.now() >= job.expiresAt
  const approved = isExpired
    ? 'barred'
    : await sendDecision(agent, body).catch(error => {
        log.warn('an approval decision could not be sent to the gateway', { turn, error: messageOf(error) })
        return isCode(error, 'gateway_refused') ? ('barred' as const) : undefined
      })
  const at = clock.now()
  if (approved === undefined) return await deferJob(context, job)
  const failure = approved === 'done' ? undefined : { reason: approved }
  await store.update(turn, stored => {
    const translate = translatorOf(context, stored.account)
    const change = approvalSettled(stored, approved, body.decision, at, translate)
    return { save: [], ...change, settle: [finishedJob(job, failure, at)] }
  })
}

async function sendDecision(
  agent: Agent,
  { approval, decision }: Extract<JobBody, { kind: 'approve' }>,
): Promise<ApprovalOutcome> {
  return (await agent.approve(approval, decision)) ? 'done' : 'gone'
}

/**
 * Sends the sender of a question a direct message when its run waits for approval and no open bubble shows that. The
 * returned function does the same for a turn whose bubble has just closed.
 */
export function notifyOfApprovals(context: BridgeContext): (turn: Turn) => void {
  const notify = (approval: Approval): void => {
    notifySender(context, approval).catch(error =>
      context.log.warn('the sender could not be notified of a pending approval', { error: messageOf(error) }),
    )
  }
  context.agent.onApproval(notify)
  return ({ id }) => context.agent.approvals().forEach(approval => void (approval.runId === id && notify(approval)))
}

async function notifySender(context: BridgeContext, approval: Approval): Promise<void> {
  const { store, clock } = context
  const turn = approval.runId === undefined ? undefined : await store.find(approval.runId)
  if (turn?.dm === undefined || hasOpenBubble(turn)) return
  const translate = translatorOf(context, turn.account)
  const notice = formatApproval(approval, translate)
  const id = `${turn.id}:approval:${approval.id}`
  await store.outbox.write({ add: planNotice(turn, notice, clock.now(), translate, id) })
}
