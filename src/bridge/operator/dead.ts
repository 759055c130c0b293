import type { Delivery } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { Turn } from '../../domain/turn.ts'
import { WecomdError } from '../../errors.ts'
import { revive } from '../../core/fallback/attempt.ts'
import { planDirect } from '../../core/fallback/plan.ts'
import { type Desk, sayOf } from '../context.ts'
import { type DeliveryReport, describeDelivery } from './trace.ts'

/** More than these are not shown at once. */
const shownAtMost = 1_000

/** Deliveries that gave up, the newest first. */
export async function listDead({ store }: Desk): Promise<readonly DeliveryReport[]> {
  const dead = await store.outbox.dead(shownAtMost)
  return dead.map(describeDelivery)
}

/**
 * Has a dead delivery tried again, by its own way or, where that is closed for good, by the app; resolves to the id under
 * which it goes on. Throws `not_found` for what is not dead and `no_app` when no way is left.
 */
export async function retryDead(desk: Desk, id: string): Promise<{ id: string }> {
  const delivery = await findDead(desk, id)
  const now = desk.clock.now()
  if (delivery.body.kind === 'messages') {
    await desk.store.outbox.write({ settle: [revive(delivery, now, now + desk.limits.deliverWithinMs)] })
    return { id }
  }
  const turn = delivery.turn === undefined ? undefined : await desk.store.find(delivery.turn)
  const direct = turn === undefined ? undefined : byApp(desk, turn, delivery, now)
  if (direct !== undefined) {
    await desk.store.outbox.write({ add: [direct], settle: [dropped(delivery)] })
    return { id: direct.id }
  }
  if (turn === undefined || delivery.body.kind !== 'markdown' || now >= turn.receivedAt + limits.responseUrlMs) {
    throw new WecomdError('no_app', 'no way to its user is left: a response_url takes one message within an hour', {
      hint: 'configure channels.wecom.agent for this account, then retry; or drop it',
    })
  }
  await desk.store.outbox.write({ settle: [revive(delivery, now, turn.receivedAt + limits.responseUrlMs)] })
  return { id }
}

/** Takes a dead delivery off the list for good. */
export async function dropDead(desk: Desk, id: string): Promise<{ id: string }> {
  const delivery = await findDead(desk, id)
  await desk.store.outbox.write({ settle: [dropped(delivery)] })
  return { id: delivery.id }
}

async function findDead({ store }: Desk, id: string): Promise<Delivery> {
  const delivery = await store.outbox.find(id)
  if (delivery?.dead === true) return delivery
  throw new WecomdError('not_found', 'there is no dead delivery with this id', { hint: 'see wecomd dead list' })
}

/** The app may have been configured since. */
function byApp(desk: Desk, turn: Turn, { body }: Delivery, now: number): Delivery | undefined {
  const app = desk.accounts.get(turn.account)?.app
  if (app === undefined || (body.kind !== 'markdown' && body.kind !== 'remainder')) return undefined
  const dm = { format: app.replyFormat, deliverWithinMs: desk.limits.deliverWithinMs }
  const { card: _, ...plain } = turn
  const [direct] = planDirect({ ...plain, dm }, body.content, now, sayOf(desk, turn.account))
  return direct && { ...direct, id: `${turn.id}:again${now.toString(36)}` }
}

function dropped(delivery: Delivery): Delivery {
  return { ...delivery, state: 'dropped', dead: false }
}
