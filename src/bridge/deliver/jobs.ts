import type { Job } from '../../domain/job.ts'
import type { BridgeContext } from '../context.ts'

const retryMs = 3_000

/** Queues a job again, to be tried soon, for the last time when its time is over. */
export async function deferJob({ store, clock }: BridgeContext, job: Job, ms = retryMs): Promise<void> {
  const dueAt = Math.min(clock.now() + ms, job.expiresAt)
  await store.outbox.write({ settle: [{ ...job, state: 'queued', dueAt }] })
}
