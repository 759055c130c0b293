import { type Delivery, isDone } from '../../domain/delivery.ts'
import type { Change, Lease, Outbox, QuotaKey, SendWindow, WorkByKind, WorkKind, WorkRef } from '../../domain/ports.ts'
import type { Turn } from '../../domain/turn.ts'
import { WecomdError } from '../../errors.ts'
import { type DeliveryTable, isDelivery, isJob } from './deliveries.ts'
import type { Engine } from './engine.ts'
import type { SentTable } from './sent.ts'
import type { TaskQueue } from './task-queue.ts'
import type { TurnTable } from './turns.ts'

/** Retry-After for a request that finds the outbox full. */
const fullRetryMs = 30_000

interface Tables {
  readonly turns: TurnTable
  readonly deliveries: DeliveryTable
  readonly sent: SentTable
}

type Write = (change: Change, read?: Turn) => readonly Turn[]

/** The `Outbox` port. Every method is one operation of the engine. */
export function createOutbox(engine: Engine, tables: Tables, write: Write): Outbox {
  const { deliveries, sent } = tables
  return {
    claim: (kinds, lease, change) => engine.run(() => claimAll(tables, write, kinds, lease, change)),
    begin: (delivery, quotaKey, at, step) => engine.run(() => beginAttempt(tables, delivery, quotaKey, at, step)),
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
      claimed.push(change === undefined ? work : applyChange(tables, kind, work, write, change))
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
  // Tasks are turns. For every other kind the table returns rows of that queue or route only.
  return found as readonly WorkByKind[Kind][]
}

/** Writes the change of a claim. Returns the work as it is stored afterwards. */
function applyChange<Kind extends WorkKind>(
  { turns, deliveries }: Tables,
  kind: Kind,
  work: WorkByKind[Kind],
  write: Write,
  change: (work: WorkByKind[Kind]) => Change,
): WorkByKind[Kind] {
  const { id } = work
  const saved = write(change(work), kind === 'task' ? (work as Turn) : undefined).find(turn => turn.id === id)
  const stored = kind === 'task' ? (saved ?? turns.find(id)) : deliveries.findRow(id)
  return (stored ?? work) as WorkByKind[Kind] // read from the table of its kind
}

/** The table with the leases of a kind of work. */
function leasesOf({ turns, deliveries }: Tables, { kind }: Pick<WorkRef, 'kind'>): TaskQueue | DeliveryTable {
  return kind === 'task' ? turns.tasks : deliveries
}

function nextDueAt({ turns, deliveries }: Tables, kinds: readonly WorkKind[], after: number): number | undefined {
  const times = kinds.map(kind => (kind === 'task' ? turns.tasks.nextAt(after) : deliveries.nextDueAt(kind, after)))
  const earliest = Math.min(...times.map(at => at ?? Infinity))
  return earliest === Infinity ? undefined : earliest
}

/** Commits the beginning of an attempt. A delivery that an operator ended meanwhile stays as it is. */
function beginAttempt(
  { deliveries, sent }: Tables,
  delivery: Delivery,
  quotaKey: QuotaKey | undefined,
  at: number,
  step: (window: SendWindow) => Delivery,
): Delivery {
  const { id } = delivery
  const stored = deliveries.find(id)
  if (stored === undefined || isDone(stored.state)) return stored ?? { ...delivery, state: 'dropped' }
  const next = step(quotaKey === undefined ? { isDuplicate: false } : sent.window(id, quotaKey, at))
  deliveries.settle(next)
  if (quotaKey !== undefined && next.state === 'sending') sent.record(id, quotaKey, at)
  return next
}

/** Undefined if the outbox is full. It doesn't throw, because then the whole batch would run again with savepoints. */
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
  return new WecomdError('overloaded', `${most} deliveries are waiting already`, {
    hint: 'see in `wecomd status` why they are not sent, or raise limits.outbox',
    retryAfterMs: fullRetryMs,
  })
}
