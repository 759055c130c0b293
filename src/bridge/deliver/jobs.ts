import type { Job } from '../../domain/job.ts'
import type { BridgeContext } from '../context.ts'

const retryMs = 3_000

/** Queues a job again, to be tried soon, for the last time when its time is over. */
export async function deferJob({ store, clock }: BridgeContext, job: Job, ms = retryMs): Promise<void> {
  const dueAt = Math.min(clock.now() + ms, job.expiresAt)
  await store.outbox.write({ settle: [{ ...job, state: 'queued', dueAt }] })
}

/** A job at its end, with the reason when it failed. */
export function finishedJob(job: Job, failure: Job['failure'], at: number): Job {
  return failure === undefined
    ? { ...job, state: 'done', finishedAt: at }
    : { ...job, state: 'failed', finishedAt: at, failure }
}
