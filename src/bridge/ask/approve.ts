import type { Agent, Approval } from '../../domain/agent.ts'
import type { Delivery, DeliveryBody } from '../../domain/delivery.ts'
import { hasBubble, type Turn } from '../../domain/turn.ts'
import { isCode, messageOf } from '../../errors.ts'
import { formatApproval } from '../../core/streaming/approval.ts'
import { type Approved, approvalSettled } from '../../core/streaming/commands.ts'
import { planNotice } from '../../core/fallback/plan.ts'
import { OutboxWorker, defer } from '../deliver/worker.ts'
import { type BridgeContext, translatorOf } from '../context.ts'

/** Decisions at once. */
const parallel = 8

/** The source that tells the gateway what administrators decide, at once and beside all queues. */
export function createDecisions(context: BridgeContext, changed: (turn: Turn) => void): OutboxWorker {
  return new OutboxWorker(context, {
    name: 'decisions',
    routes: ['admin'],
    parallel,
    async handle(delivery) {
      const turn = await carryDecision(context, delivery)
      if (turn === undefined) return
      if (turn.end !== undefined) context.meter.turnEnded(turn.end)
      changed(turn)
    },
  })
}

async function carryDecision(context: BridgeContext, delivery: Delivery): Promise<Turn | undefined> {
  const { agent, clock, store, log } = context
  const { body, turn, expiresAt } = delivery
  if (body.kind !== 'approve' || turn === undefined) return undefined
  const isLate = clock.now() >= expiresAt
  const approved = isLate
    ? 'barred'
    : await tellGateway(agent, body).catch(error => {
        log.warn('an approval could not be settled', { turn, error: messageOf(error) })
        return isCode(error, 'gateway_refused') ? ('barred' as const) : undefined
      })
  const at = clock.now()
  if (approved === undefined) {
    await defer(context, delivery)
    return undefined
  }
  const state = approved === 'done' ? 'delivered' : 'refused'
  return await store.update(turn, stored => ({
    ...(approvalSettled(stored, approved, at, translatorOf(context, stored.account)) ?? { save: [] }),
    settle: [{ ...delivery, state, finishedAt: at }],
  }))
}

async function tellGateway(
  agent: Agent,
  { approval, decision }: Extract<DeliveryBody, { kind: 'approve' }>,
): Promise<Approved> {
  return (await agent.approve(approval, decision)) ? 'done' : 'gone'
}

/**
 * Where no open bubble shows that a run waits, a direct message says so; `told`: there is one. What comes back is to be
 * called with a turn whose bubble has closed.
 */
export function tellOfApprovals(context: BridgeContext, told: () => void): (turn: Turn) => void {
  const tell = (approval: Approval): void => {
    tellOf(context, approval).then(
      isTold => void (isTold && told()),
      error => context.log.warn('nobody was told that a run waits', { error: messageOf(error) }),
    )
  }
  context.agent.onApproval(tell)
  return ({ id }) => context.agent.approvals().forEach(approval => void (approval.runId === id && tell(approval)))
}

async function tellOf(context: BridgeContext, approval: Approval): Promise<boolean> {
  const { store, clock } = context
  const turn = approval.runId === undefined ? undefined : await store.find(approval.runId)
  if (turn?.dm === undefined || (hasBubble(turn) && turn.closedWith === undefined)) return false
  const sentence = formatApproval(approval, translatorOf(context, turn.account))
  await store.outbox.write({ add: planNotice(turn, sentence, clock.now(), `${turn.id}:approval:${approval.id}`) })
  return true
}
