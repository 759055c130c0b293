import type { Delivery } from '../../domain/delivery.ts'
import type { Job } from '../../domain/job.ts'
import type { Turn } from '../../domain/turn.ts'

type QueuedPlan = Pick<Delivery, 'id' | 'route' | 'body' | 'dueAt' | 'expiresAt'> &
  Partial<Pick<Delivery, 'lane' | 'order'>>

/** Creates a queued delivery of a turn. Without a `lane` of its plan it is alone in its own. */
export function queuedDelivery(turn: Turn, plan: QueuedPlan): Delivery & { readonly turn: string } {
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

type JobPlan = Pick<Job, 'id' | 'queue' | 'body' | 'dueAt' | 'expiresAt' | 'lane' | 'order'>

/** Creates a queued job of a turn. */
export function queuedJob(turn: Turn, plan: JobPlan): Job {
  return { turn: turn.id, account: turn.account, state: 'queued', createdAt: plan.dueAt, ...plan }
}
