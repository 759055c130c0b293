import type { Delivery } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { Turn } from '../../domain/turn.ts'
import { WecomdError } from '../../errors.ts'
import { revive } from '../../core/fallback/attempt.ts'
import { planDirect } from '../../core/fallback/plan.ts'
import { type BridgeContext, translatorOf } from '../context.ts'
import { type DeliveryReport, describeDelivery } from './trace.ts'

/** More than these are not shown at once. */
const shownAtMost = 1_000

/** Deliveries that gave up, the newest first. */
export async function listDead({ store }: BridgeContext): Promise<readonly DeliveryReport[]> {
  const dead = await store.outbox.dead(shownAtMost)
  return dead.map(describeDelivery)
}

/**
 * Has a dead delivery tried again, by its own way or, where that is closed for good, by the app; resolves to the id under
 * which it goes on. Throws `not_found` for what is not dead and `no_app` when no way is left.
 */
export async function retryDead(context: BridgeContext, id: string): Promise<{ id: string }> {
  const delivery = await findDead(context, id)
  const now = context.clock.now()
  if (delivery.body.kind === 'messages') {
    await context.store.outbox.write({ settle: [revive(delivery, now, now + context.limits.deliverWithinMs)] })
    return { id }
  }
  const turn = delivery.turn === undefined ? undefined : await context.store.find(delivery.turn)
  const direct = turn === undefined ? undefined : byApp(context, turn, delivery, now)
  if (direct !== undefined) {
    await context.store.outbox.write({ add: [direct], settle: [dropped(delivery)] })
    return { id: direct.id }
  }
  if (turn === undefined || delivery.body.kind !== 'markdown' || now >= turn.receivedAt + limits.responseUrlMs) {
    throw new WecomdError('no_app', 'no way to its user is left: a response_url takes one message within an hour', {
      hint: 'configure channels.wecom.agent for this account, then retry; or drop it',
    })
  }
  await context.store.outbox.write({ settle: [revive(delivery, now, turn.receivedAt + limits.responseUrlMs)] })
  return { id }
}

/** Takes a dead delivery off the list for good. */
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

/** The app may have been configured since. */
function byApp(context: BridgeContext, turn: Turn, { body }: Delivery, now: number): Delivery | undefined {
  const app = context.accounts.get(turn.account)?.app
  if (app === undefined || (body.kind !== 'markdown' && body.kind !== 'remainder')) return undefined
  const dm = { format: app.replyFormat, deliverWithinMs: context.limits.deliverWithinMs }
  const { card: _, ...plain } = turn
  const [direct] = planDirect({ ...plain, dm }, body.content, now, translatorOf(context, turn.account))
  return direct && { ...direct, id: `${turn.id}:again${now.toString(36)}` }
}

function dropped(delivery: Delivery): Delivery {
  return { ...delivery, state: 'dropped', dead: false }
}
