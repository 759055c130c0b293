import type { Delivery } from '../domain/delivery.ts'
import type { Store } from '../domain/ports.ts'
import { formatTurnId } from '../domain/routing.ts'
import { formatTarget } from '../domain/target.ts'
import type { TraceEvent, Turn } from '../domain/turn.ts'
import { deliveryIdOf } from './send.ts'

/** The whole way of one message or of something sent first, oldest step first; ids in clear, never its text. */
export interface Journey {
  readonly id: string
  readonly account: string
  readonly sender?: string
  readonly conversation?: string
  /** Of what was sent first: its target. */
  readonly to?: string
  readonly state: string
  readonly end?: string
  readonly events: readonly TraceEvent[]
}

/** Tells the journey behind a msgid, an idempotencyKey, the id of a turn or of a delivery; undefined when nothing is known by it. */
export async function tellJourney(store: Store, accounts: readonly string[], id: string): Promise<Journey | undefined> {
  const delivery = (await store.outbox.find(id)) ?? (await store.outbox.find(deliveryIdOf(id)))
  if (delivery !== undefined && delivery.turn === undefined) return tellDelivery(delivery)
  const turn = await findTurn(store, accounts, delivery?.turn ?? id)
  if (turn === undefined) return undefined
  const deliveries = await store.outbox.ofTurn(turn.id)
  const events = [...turn.trace, ...deliveries.flatMap(attemptsOf)]
  return {
    id: turn.id,
    account: turn.account,
    sender: turn.sender,
    conversation: `${turn.conversation.kind}:${turn.conversation.id}`,
    state: turn.state,
    ...(turn.end !== undefined && { end: turn.end }),
    events: events.toSorted((a, b) => a.at - b.at),
  }
}

async function findTurn(store: Store, accounts: readonly string[], id: string): Promise<Turn | undefined> {
  for (const candidate of [id, ...accounts.map(account => formatTurnId(account, id))]) {
    const turn = await store.find(candidate)
    if (turn !== undefined) return turn
  }
  return undefined
}

function tellDelivery(delivery: Delivery): Journey {
  const { id, account, body, state, createdAt } = delivery
  return {
    id,
    account,
    ...(body.kind === 'messages' && { to: formatTarget(body.to) }),
    state,
    events: [{ at: createdAt, kind: 'accepted' }, ...attemptsOf(delivery)],
  }
}

function attemptsOf(delivery: Delivery): readonly TraceEvent[] {
  if (delivery.route === 'gateway') return []
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

/** The answer of `GET /api/deliveries/{id}` (`definitions.md` 8): never what was said. */
export interface DeliveryReport {
  readonly id: string
  readonly to?: string
  readonly account: string
  /** Of an answer: its turn. */
  readonly turn?: string
  readonly kind: string
  readonly parts: number
  readonly state: Delivery['state']
  readonly dead: boolean
  readonly createdAt: number
  readonly dueAt?: number
  readonly finishedAt?: number
  readonly attempts: Delivery['attempts']
  readonly recipients: Required<NonNullable<Delivery['unreached']>>
  readonly msgid?: string
}

/** Tells of one delivery by its id or by the idempotencyKey of who sent it; undefined when there is none. */
export async function reportDelivery(store: Store, id: string): Promise<DeliveryReport | undefined> {
  const delivery = (await store.outbox.find(id)) ?? (await store.outbox.find(deliveryIdOf(id)))
  return delivery === undefined || delivery.route === 'gateway' ? undefined : describeDelivery(delivery)
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
