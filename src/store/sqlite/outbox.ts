import { type Delivery, isDone } from '../../domain/delivery.ts'
import type { Change, Claimed, Outbox, QuotaKey, SendWindow } from '../../domain/ports.ts'
import type { Turn } from '../../domain/turn.ts'
import { WecomdError } from '../../errors.ts'
import type { DeliveryTable } from './deliveries.ts'
import type { Engine } from './engine.ts'
import type { SentTable } from './sent.ts'
import type { TurnTable } from './turns.ts'

/** How long a caller should wait who finds the outbox full. */
const fullRetryMs = 30_000

interface Tables {
  readonly turns: TurnTable
  readonly deliveries: DeliveryTable
  readonly sent: SentTable
}

/** The outbox: every method is one operation of the engine. */
export function createOutbox(
  engine: Engine,
  tables: Tables,
  write: (change: Change, read?: Turn) => readonly Turn[],
): Outbox {
  const { deliveries, sent } = tables
  return {
    claim: (lease, change) =>
      engine.run(() =>
        deliveries
          .claimable(['gateway'], lease.now, lease.limit)
          .flatMap(delivery =>
            claimOne(tables, delivery, lease.untilMs, claimed => write(change(claimed), claimed.turn)),
          ),
      ),
    take: (routes, lease) =>
      engine.run(() => {
        const taken = deliveries.claimable(routes, lease.now, lease.limit)
        for (const { id } of taken) deliveries.lease(id, lease.untilMs)
        return taken
      }),
    begin: (delivery, sending, at, step) => engine.run(() => beginTry(tables, delivery, sending, at, step)),
    async post(delivery, most) {
      const posted = await engine.run(() => postOnce(deliveries, delivery, most))
      if (posted === undefined) throw overloaded(most)
      return posted
    },
    write: async change => void (await engine.run(() => write({ save: [], ...change }))),
    behind: (account, limit) => engine.run(() => deliveries.behind(account, limit)),
    ahead: delivery => engine.run(() => deliveries.ahead(delivery)),
    unhold: (account, at) => engine.run(() => deliveries.unhold(account, at)),
    peak: (scope, since) => engine.run(() => since.map(one => sent.busiest(scope, one))),
    renew: (ids, until) => engine.run(() => deliveries.renew(ids, until)),
    release: ids =>
      engine.run(() => {
        for (const id of ids) deliveries.lease(id, null)
      }),
    nextDueAt: (routes, after) => engine.run(() => deliveries.nextDueAt(routes, after)),
    dead: limit => engine.run(() => deliveries.dead(limit)),
    ofTurn: turn => engine.run(() => deliveries.ofTurn(turn)),
    find: id => engine.run(() => deliveries.find(id)),
    summary: () => engine.run(() => deliveries.summary()),
  }
}

function claimOne(
  { turns, deliveries }: Tables,
  delivery: Delivery,
  untilMs: number,
  write: (claimed: Claimed) => readonly Turn[],
): readonly Claimed[] {
  const turn = delivery.turn === undefined ? undefined : turns.find(delivery.turn)
  if (turn === undefined) return []
  deliveries.lease(delivery.id, untilMs)
  const saved = write({ delivery, turn })
  return [{ delivery: deliveries.find(delivery.id) ?? delivery, turn: saved.find(one => one.id === turn.id) ?? turn }]
}

/** What an operator has ended meanwhile does not begin again. */
function beginTry(
  { deliveries, sent }: Tables,
  delivery: Delivery,
  sending: QuotaKey | undefined,
  at: number,
  step: (standing: SendWindow) => Delivery,
): Delivery {
  const { id } = delivery
  const stored = deliveries.find(id)
  if (stored === undefined || isDone(stored.state)) return stored ?? { ...delivery, state: 'dropped' }
  const next = step(sending === undefined ? { isDuplicate: false } : sent.standing(id, sending, at))
  deliveries.settle(next)
  if (sending !== undefined && next.state === 'sending') sent.note(id, sending, at)
  return next
}

/** Undefined when the outbox is full: an operation that throws would cost everybody who shares its commit. */
function postOnce(
  deliveries: DeliveryTable,
  delivery: Delivery,
  most: number,
): { delivery: Delivery; seen: boolean } | undefined {
  const known = deliveries.find(delivery.id)
  if (known !== undefined) return { delivery: known, seen: true }
  if (deliveries.lanes.outgoing() >= most) return undefined
  deliveries.add(delivery)
  return { delivery, seen: false }
}

function overloaded(most: number): WecomdError {
  return new WecomdError('overloaded', `${most} deliveries wait already`, {
    hint: 'see in `wecomd status` why they do not leave, or raise limits.outbox',
    retryAfterMs: fullRetryMs,
  })
}
