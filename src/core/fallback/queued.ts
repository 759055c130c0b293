import type { Delivery } from '../../domain/delivery.ts'
import type { Job } from '../../domain/job.ts'
import type { Turn } from '../../domain/turn.ts'

type QueuedPlan = Pick<Delivery, 'id' | 'route' | 'body' | 'dueAt' | 'expiresAt'> &
  Partial<Pick<Delivery, 'lane' | 'order'>>

/** A delivery of a turn that nobody has tried yet; it is alone in its lane unless it is given another. */
export function queued(turn: Turn, plan: QueuedPlan): Delivery & { readonly turn: string } {
  return {
    turn: turn.id,
    account: turn.account,
    state: 'queued',
    dead: false,
    lane: plan.id,
    order: 1,
    attempts: [],
    createdAt: plan.dueAt,
    ...plan,
  }
}

/** A job of a turn that nobody has begun yet. */
export function queuedJob(turn: Turn, plan: Pick<Job, 'id' | 'queue' | 'body' | 'dueAt' | 'expiresAt'>): Job {
  return { turn: turn.id, account: turn.account, state: 'queued', createdAt: plan.dueAt, ...plan }
}
