import type { Delivery } from '../domain/delivery.ts'
import type { Store } from '../domain/ports.ts'
import { formatTurnId } from '../domain/routing.ts'
import type { TraceEvent, Turn } from '../domain/turn.ts'

/** The whole way of one message, oldest step first; ids in clear, never its text. */
export interface Journey {
  readonly id: string
  readonly account: string
  readonly sender: string
  readonly conversation: string
  readonly state: string
  readonly end?: string
  readonly events: readonly TraceEvent[]
}

/** Tells the journey behind a msgid, the id of a turn or of a delivery; undefined when nothing is known by it. */
export async function tellJourney(store: Store, accounts: readonly string[], id: string): Promise<Journey | undefined> {
  const turn = await findTurn(store, accounts, id)
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
  const delivery = await store.outbox.find(id)
  for (const candidate of [delivery?.turn ?? id, ...accounts.map(account => formatTurnId(account, id))]) {
    const turn = await store.find(candidate)
    if (turn !== undefined) return turn
  }
  return undefined
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
