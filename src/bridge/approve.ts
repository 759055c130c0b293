import type { Approval } from '../domain/agent.ts'
import type { Delivery, DeliveryBody } from '../domain/delivery.ts'
import { hasBubble, type Turn } from '../domain/turn.ts'
import { isCode, messageOf } from '../errors.ts'
import { sayApproval } from '../streaming/approval.ts'
import { type Approved, approvalSettled } from '../streaming/command.ts'
import { planNotice } from '../streaming/home.ts'
import { type Desk, sayOf } from './desk.ts'

/** Tells the gateway what an administrator decided; undefined when it cannot be told now and is to be tried again. */
export async function carryDecision(
  desk: Desk,
  delivery: Delivery,
  turn: string,
  { approval, decision }: Extract<DeliveryBody, { kind: 'approve' }>,
): Promise<Turn | undefined> {
  const { agent, clock, store, log } = desk
  const approved = await agent.approve(approval, decision).then(
    (isDone): Approved => (isDone ? 'done' : 'gone'),
    (error): Approved | undefined => {
      log.warn('an approval could not be settled', { turn, error: messageOf(error) })
      return isCode(error, 'gateway_refused') || clock.now() >= delivery.expiresAt ? 'barred' : undefined
    },
  )
  if (approved === undefined) return undefined
  const at = clock.now()
  const state = approved === 'done' ? 'delivered' : 'refused'
  return await store.update(turn, stored => ({
    ...(approvalSettled(stored, approved, at, sayOf(desk, stored.account)) ?? { save: [] }),
    settle: [{ ...delivery, state, finishedAt: at }],
  }))
}

/** Where no open bubble shows that a run waits, a direct message says so. Resolves to whether there is one. */
export async function tellOfApproval(desk: Desk, approval: Approval): Promise<boolean> {
  const { store, clock } = desk
  const turn = approval.runId === undefined ? undefined : await store.find(approval.runId)
  if (turn?.dm === undefined || (hasBubble(turn) && turn.closedWith === undefined)) return false
  const sentence = sayApproval(approval, sayOf(desk, turn.account))
  await store.outbox.write({ add: planNotice(turn, sentence, clock.now(), `${turn.id}:approval:${approval.id}`) })
  return true
}
