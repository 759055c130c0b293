import { type Delivery, isDone } from '../../domain/delivery.ts'
import type { Change, Lease, Outbox, QuotaKey, SendWindow, WorkByKind, WorkKind, WorkRef } from '../../domain/ports.ts'
import type { Turn } from '../../domain/turn.ts'
import { WecomdError } from '../../errors.ts'
import { type DeliveryTable, isDelivery, isJob } from './deliveries.ts'
import type { Engine } from './engine.ts'
import type { SentTable } from './sent.ts'
import type { TaskQueue } from './task-queue.ts'
import type { TurnTable } from './turns.ts'

/** How long a caller should wait who finds the outbox full. */
const fullRetryMs = 30_000

interface Tables {
  readonly turns: TurnTable
  readonly deliveries: DeliveryTable
  readonly sent: SentTable
}

type Write = (change: Change, read?: Turn) => readonly Turn[]

/** The outbox: every method is one operation of the engine. */
export function createOutbox(engine: Engine, tables: Tables, write: Write): Outbox {
  const { deliveries, sent } = tables
  return {
    claim: (kinds, lease, change) => engine.run(() => claimAll(tables, write, kinds, lease, change)),
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
    renew: (work, until) => engine.run(() => work.filter(ref => leasesOf(tables, ref).renew(ref.id, until))),
    release: work =>
      engine.run(() => {
        for (const ref of work) leasesOf(tables, ref).lease(ref.id, null)
      }),
    nextDueAt: (kinds, after) => engine.run(() => nextDueAt(tables, kinds, after)),
    dead: limit => engine.run(() => deliveries.dead(limit)),
    ofTurn: turn => engine.run(() => deliveries.ofTurn(turn).filter(isDelivery)),
    jobsOf: turn => engine.run(() => deliveries.ofTurn(turn).filter(isJob)),
    find: id => engine.run(() => deliveries.find(id)),
    summary: () => engine.run(() => deliveries.summary()),
  }
}

function claimAll<Kind extends WorkKind>(
  tables: Tables,
  write: Write,
  kinds: readonly Kind[],
  lease: Lease,
  change: ((work: WorkByKind[Kind]) => Change) | undefined,
): readonly WorkByKind[Kind][] {
  const claimed: WorkByKind[Kind][] = []
  for (const kind of kinds) {
    for (const work of claimable(tables, kind, lease.now, lease.limit - claimed.length)) {
      leasesOf(tables, { kind }).lease(work.id, lease.untilMs)
      claimed.push(change === undefined ? work : applied(tables, kind, work, write, change))
    }
  }
  return claimed
}

function claimable<Kind extends WorkKind>(
  { turns, deliveries }: Tables,
  kind: Kind,
  now: number,
  limit: number,
): readonly WorkByKind[Kind][] {
  const found = kind === 'task' ? turns.tasks.claimable(now, limit) : deliveries.claimable(kind, now, limit)
  // Turns are all of the tasks, and every other kind is the queue or the route that the table was searched for.
  return found as readonly WorkByKind[Kind][]
}

/** Writes what a claim changes; the work as it is stored then. */
function applied<Kind extends WorkKind>(
  { turns, deliveries }: Tables,
  kind: Kind,
  work: WorkByKind[Kind],
  write: Write,
  change: (work: WorkByKind[Kind]) => Change,
): WorkByKind[Kind] {
  const { id } = work
  const saved = write(change(work), kind === 'task' ? (work as Turn) : undefined).find(turn => turn.id === id)
  const stored = kind === 'task' ? (saved ?? turns.find(id)) : deliveries.findRow(id)
  return (stored ?? work) as WorkByKind[Kind] // of the table that the kind is kept in
}

/** Who keeps the leases of a kind of work. */
function leasesOf({ turns, deliveries }: Tables, { kind }: Pick<WorkRef, 'kind'>): TaskQueue | DeliveryTable {
  return kind === 'task' ? turns.tasks : deliveries
}

function nextDueAt({ turns, deliveries }: Tables, kinds: readonly WorkKind[], after: number): number | undefined {
  const times = kinds.map(kind => (kind === 'task' ? turns.tasks.nextAt(after) : deliveries.nextDueAt(kind, after)))
  const earliest = Math.min(...times.map(at => at ?? Infinity))
  return earliest === Infinity ? undefined : earliest
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
  if (deliveries.outgoing() >= most) return undefined
  deliveries.add(delivery)
  return { delivery, seen: false }
}

function overloaded(most: number): WecomdError {
  return new WecomdError('overloaded', `${most} deliveries wait already`, {
    hint: 'see in `wecomd status` why they do not leave, or raise limits.outbox',
    retryAfterMs: fullRetryMs,
  })
}
