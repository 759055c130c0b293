import type { Delivery } from '../../domain/delivery.ts'
import type { Job } from '../../domain/job.ts'
import { formatTurnId } from '../../domain/routing.ts'
import { formatTarget } from '../../domain/target.ts'
import type { TraceEvent, Turn } from '../../domain/turn.ts'
import { WecomdError } from '../../errors.ts'
import type { BridgeContext } from '../context.ts'
import { deliveryIdOf } from './send.ts'
import { meantIds, shortIdOf } from './turn-list.ts'
import { type WaitReason, waitReasonOf } from './waits.ts'

/** How many matches of an ambiguous id are named. */
const mostListed = 20

type TraceDeps = Pick<BridgeContext, 'store' | 'breaker' | 'accounts'>

/**
 * Everything that happened to one message and its answer, or to one message that was sent first. Oldest event first.
 * Has ids in clear, never message text.
 */
export interface Trace {
  readonly id: string
  /** Of a turn: what people type. */
  readonly short?: string
  readonly account: string
  readonly sender?: string
  readonly conversation?: string
  /** What opened it: a message, a click, an event of the app, or the agent itself. */
  readonly origin?: Turn['origin']
  /** The target of a message that was sent first. */
  readonly to?: string
  readonly state: string
  readonly end?: string
  readonly events: readonly TraceEvent[]
  /** What the first unfinished delivery waits for. */
  readonly waits?: WaitReason
}

/**
 * Reads the trace for a msgid, an idempotencyKey, a turn id or a delivery id, for the beginning of one, for a short id, or
 * for `last`. The delivery of an answer has the trace of its turn. Undefined if nothing has this id. Throws `ambiguous` if
 * several have.
 */
export async function readTrace(context: TraceDeps, typed: string): Promise<Trace | undefined> {
  const exact = typed === 'last' ? undefined : await traceOf(context, typed)
  if (exact !== undefined) return exact
  const meant = await meantIds(context, typed)
  if (meant.length > 1) {
    const listed = meant.slice(0, mostListed).map(id => `${shortIdOf(id)} ${id}`)
    throw new WecomdError('ambiguous', `${meant.length} messages begin with ${typed}`, { hint: listed.join('\n') })
  }
  return meant[0] === undefined ? undefined : await traceOf(context, meant[0])
}

async function traceOf(context: TraceDeps, id: string): Promise<Trace | undefined> {
  const delivery = await findDelivery(context, id)
  if (delivery !== undefined && delivery.turn === undefined) {
    return { ...traceOfDelivery(delivery), ...(await findWaitReason(context, [delivery])) }
  }
  const turn = await findTurn(context, delivery?.turn ?? id)
  if (turn === undefined) return undefined
  const { outbox } = context.store
  const [deliveries, jobs] = await Promise.all([outbox.ofTurn(turn.id), outbox.jobsOf(turn.id)])
  const events = [...turn.trace, ...jobs.flatMap(eventsOfJob), ...deliveries.flatMap(eventsOfDelivery)]
  return {
    id: turn.id,
    short: shortIdOf(turn.id),
    account: turn.account,
    sender: turn.sender,
    conversation: `${turn.conversation.kind}:${turn.conversation.id}`,
    origin: turn.origin,
    state: turn.state,
    ...(turn.end !== undefined && { end: turn.end }),
    events: events.toSorted((a, b) => a.at - b.at),
    ...(await findWaitReason(context, deliveries)),
  }
}

async function findDelivery({ store }: TraceDeps, id: string): Promise<Delivery | undefined> {
  return (await store.outbox.find(id)) ?? (await store.outbox.find(deliveryIdOf(id)))
}

async function findWaitReason(
  context: TraceDeps,
  deliveries: readonly Delivery[],
): Promise<{ readonly waits?: WaitReason }> {
  for (const delivery of deliveries) {
    const waits = await waitReasonOf(context, delivery)
    if (waits !== undefined) return { waits }
  }
  return {}
}

async function findTurn({ store, accounts }: TraceDeps, id: string): Promise<Turn | undefined> {
  for (const candidate of [id, ...Array.from(accounts.keys(), account => formatTurnId(account, id))]) {
    const turn = await store.find(candidate)
    if (turn !== undefined) return turn
  }
  return undefined
}

function traceOfDelivery(delivery: Delivery): Trace {
  const { id, account, body, state, createdAt } = delivery
  return {
    id,
    account,
    ...(body.kind === 'messages' && { to: formatTarget(body.to) }),
    state,
    events: [{ at: createdAt, kind: 'accepted' }, ...eventsOfDelivery(delivery)],
  }
}

function eventsOfDelivery(delivery: Delivery): readonly TraceEvent[] {
  const attempts = delivery.attempts.map(({ at, ...rest }) => ({ at, kind: 'attempt', delivery: delivery.id, ...rest }))
  if (delivery.finishedAt === undefined) return attempts
  const last = {
    at: delivery.finishedAt,
    kind: 'delivery',
    delivery: delivery.id,
    state: delivery.state,
    dead: delivery.dead,
  }
  return [...attempts, last]
}

/** A job reported in the same form as a delivery. */
function eventsOfJob({ id, queue, finishedAt, failure }: Job): readonly TraceEvent[] {
  if (finishedAt === undefined) return []
  const state = failure === undefined ? 'delivered' : 'refused'
  const end = { at: finishedAt, kind: 'delivery', delivery: id, state, dead: false }
  if (failure === undefined) return [end]
  const { reason: errmsg, hint } = failure
  const attempt = { at: finishedAt, kind: 'attempt', delivery: id, route: queue, outcome: 'refused', errmsg }
  return [{ ...attempt, ...(hint !== undefined && { hint }) }, end]
}

/** The body of `GET /api/deliveries/{id}`. Has no message text. Times are epoch ms. */
export interface DeliveryReport {
  readonly id: string
  readonly to?: string
  readonly account: string
  /** The turn that it answers. Missing if it was sent first. */
  readonly turn?: string
  readonly kind: string
  readonly parts: number
  readonly state: Delivery['state']
  readonly dead: boolean
  readonly createdAt: number
  readonly dueAt?: number
  readonly finishedAt?: number
  /** Why it has not been sent yet. */
  readonly waits?: WaitReason
  readonly attempts: Delivery['attempts']
  readonly recipients: Required<NonNullable<Delivery['unreached']>>
  readonly msgid?: string
}

/** Reports one delivery by its id or by the idempotencyKey of its request. Undefined if nothing has this id. */
export async function reportDelivery(context: TraceDeps, id: string): Promise<DeliveryReport | undefined> {
  const delivery = await findDelivery(context, id)
  if (delivery === undefined) return undefined
  return { ...describeDelivery(delivery), ...(await findWaitReason(context, [delivery])) }
}

export function describeDelivery(delivery: Delivery): DeliveryReport {
  const { account, body, state, dead, createdAt, dueAt, finishedAt, attempts, unreached, msgid } = delivery
  return {
    id: delivery.id,
    ...(body.kind === 'messages' && { to: formatTarget(body.to) }),
    account,
    ...(delivery.turn !== undefined && { turn: delivery.turn }),
    kind: kindOf(delivery),
    parts: body.kind === 'messages' ? body.messages.length : 1,
    state,
    dead,
    createdAt,
    ...(finishedAt === undefined ? { dueAt } : { finishedAt }),
    attempts,
    recipients: { invaliduser: [], invalidparty: [], invalidtag: [], unlicenseduser: [], ...unreached },
    ...(msgid !== undefined && { msgid }),
  }
}

function kindOf({ body }: Delivery): string {
  const first = body.kind === 'messages' ? body.messages[0] : undefined
  if (first === undefined) return body.kind
  return first.kind === 'media' ? first.media : first.kind
}
