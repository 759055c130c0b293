import type { Delivery } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { Turn } from '../../domain/turn.ts'
import { WecomdError } from '../../errors.ts'
import { revive } from '../../core/fallback/attempt.ts'
import { planDirectMessage } from '../../core/fallback/plan.ts'
import { type BridgeContext, translatorOf } from '../context.ts'
import { type DeliveryReport, describeDelivery } from './trace.ts'

const maxListed = 1_000

/** The dead letters, newest first, at most 1,000. */
export async function listDead({ store }: BridgeContext): Promise<readonly DeliveryReport[]> {
  const dead = await store.outbox.dead(maxListed)
  return dead.map(describeDelivery)
}

/**
 * Retries a dead letter by its own route or, if that is closed for good, by the app. Resolves to the id of the delivery
 * that is sent: a new one if the route changed.
 *
 * Rejects with `not_found` if no dead delivery has this id, and with `no_app` if no route is left.
 */
export async function retryDead(context: BridgeContext, id: string): Promise<{ id: string }> {
  const delivery = await findDead(context, id)
  const now = context.clock.now()
  if (delivery.body.kind === 'messages') {
    await context.store.outbox.write({ settle: [revive(delivery, now, now + context.limits.deliverWithinMs)] })
    return { id }
  }
  const turn = delivery.turn === undefined ? undefined : await context.store.find(delivery.turn)
  const direct = turn === undefined ? undefined : planAppDelivery(context, turn, delivery, now)
  if (direct !== undefined) {
    await context.store.outbox.write({ add: [direct], settle: [dropped(delivery)] })
    return { id: direct.id }
  }
  if (turn === undefined || delivery.body.kind !== 'markdown' || now >= turn.receivedAt + limits.responseUrlMs) {
    throw new WecomdError('no_app', 'no route to the user is left: a response_url accepts one message within an hour', {
      hint: 'configure channels.wecom.agent for this account and retry, or drop the delivery',
    })
  }
  await context.store.outbox.write({ settle: [revive(delivery, now, turn.receivedAt + limits.responseUrlMs)] })
  return { id }
}

/** Drops a dead letter for good. Rejects with `not_found` if no dead delivery has this id. */
export async function dropDead(context: BridgeContext, id: string): Promise<{ id: string }> {
  const delivery = await findDead(context, id)
  await context.store.outbox.write({ settle: [dropped(delivery)] })
  return { id: delivery.id }
}

async function findDead({ store }: BridgeContext, id: string): Promise<Delivery> {
  const delivery = await store.outbox.find(id)
  if (delivery?.dead === true) return delivery
  throw new WecomdError('not_found', 'there is no dead delivery with this id', { hint: 'see wecomd dead list' })
}

/**
 * The text of the dead delivery as a direct message, if the account has an app by now. The turn's card is left out: the
 * text already has it in words if it has to be shown. The id contains the time, so that a second retry is a new
 * delivery.
 */
function planAppDelivery(context: BridgeContext, turn: Turn, { body }: Delivery, now: number): Delivery | undefined {
  const app = context.accounts.get(turn.account)?.app
  if (app === undefined || (body.kind !== 'markdown' && body.kind !== 'remainder')) return undefined
  const dm = { format: app.replyFormat, deliverWithinMs: context.limits.deliverWithinMs }
  const { card: _, ...plain } = turn
  const [direct] = planDirectMessage({ ...plain, dm }, body.content, now, translatorOf(context, turn.account))
  return direct && { ...direct, id: `${turn.id}:again${now.toString(36)}` }
}

function dropped(delivery: Delivery): Delivery {
  return { ...delivery, state: 'dropped', dead: false }
}
