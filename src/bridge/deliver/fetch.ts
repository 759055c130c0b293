import { finishedJob, type Job, type JobBody } from '../../domain/job.ts'
import type { Fetched } from '../../domain/ports.ts'
import { isUnclaimed, type Turn } from '../../domain/turn.ts'
import { askableAt, settleAttachment } from '../../core/streaming/attachments.ts'
import { afterLook, remainingLooks } from '../../core/streaming/file-search.ts'
import type { Collected } from '../../core/streaming/files.ts'
import { advance } from '../../core/streaming/advance.ts'
import { type BridgeContext, translatorOf } from '../context.ts'
import { collectFile, type Postponed } from './collect.ts'
import { deferJob } from './jobs.ts'
import { OutboxWorker } from './worker.ts'

/** Downloads at once. */
const parallel = 8
/** How many merges are followed: a question can be joined with the next one, which is joined with its next. */
const mostMerges = 50

/**
 * Fetches the media that users send. It does not wait for the queue, because links live five minutes. A question waits
 * for its media and is asked without media that can't be fetched. Files of answers are fetched from the agent here too.
 */
export class Fetcher {
  readonly worker: OutboxWorker<'media'>
  private readonly context: BridgeContext

  constructor(context: BridgeContext) {
    this.context = context
    this.worker = new OutboxWorker(context, {
      name: 'fetches',
      kinds: ['media'],
      parallel: () => parallel,
      handle: job => this.handle(job),
    })
  }

  private async handle(job: Job): Promise<void> {
    const { body } = job
    switch (body.kind) {
      case 'fetch':
        return await this.fetchMedia(job, body)
      case 'collect':
        return await this.collect(job, body)
      case 'search':
        return await this.search(job, body)
      case 'approve':
      case 'answer':
        throw new Error(`a job of kind ${body.kind} is never in the queue ${job.queue}`)
      default:
        return body satisfies never
    }
  }

  private async fetchMedia(job: Job, { attachment, file }: Extract<JobBody, { kind: 'fetch' }>): Promise<void> {
    const { platform, clock, log } = this.context
    const isLate = clock.now() >= job.expiresAt
    const fetched: Fetched = isLate
      ? { kind: 'failed', problem: 'unreachable' }
      : await platform.fetchMedia(job.account, attachment, file)
    if (fetched.kind === 'later') return await deferJob(this.context, job, fetched.retryAfterMs)
    if (fetched.kind === 'failed') {
      const { problem, hint } = fetched
      log.warn('media of a user could not be fetched', { turn: job.turn, kind: attachment.kind, problem, hint })
    }
    await this.settle(job, file, fetched, clock.now())
  }

  /** Fetches a file of an answer. The bubble waits for it. */
  private async collect(job: Job, body: Extract<JobBody, { kind: 'collect' }>): Promise<void> {
    const { store, clock } = this.context
    const isLate = clock.now() >= job.expiresAt
    const collected: Collected | Postponed = isLate
      ? { kind: 'failed', problem: 'gone' }
      : await collectFile(this.context, body)
    if (collected.kind === 'later') return await deferJob(this.context, job, collected.retryAfterMs)
    const at = clock.now()
    const done = finishedJob(job, failureOf(collected), at)
    const event = { kind: 'file_collected', at, file: body.file, collected } as const
    await store.update(job.turn, stored => ({
      ...(advance(stored, event, translatorOf(this.context, stored.account)) ?? { save: [] }),
      settle: [done],
    }))
  }

  /** Looks once for files of an answer. While the agent can't be reached the look is repeated, also the last one. */
  private async search(job: Job, body: Extract<JobBody, { kind: 'search' }>): Promise<void> {
    const { agent, store, clock } = this.context
    const { sessionKey, runIds, others } = body
    const found = await agent.findFiles({ key: job.turn, sessionKey, runIds })
    const at = clock.now()
    const isLate = at >= job.expiresAt
    if (found.kind === 'later' && !isLate) return await deferJob(this.context, job, found.retryAfterMs)
    const files = found.kind === 'found' ? found.files : []
    await store.update(job.turn, stored => {
      const nextMs = isLate ? undefined : remainingLooks(stored, job, body, at)[0]
      const look = { at, files, others, ...(nextMs !== undefined && { nextMs }) }
      const event = { kind: 'files_found', ...look } as const
      const change = advance(stored, event, translatorOf(this.context, stored.account)) ?? { save: [] }
      return { ...change, settle: [afterLook(change.save[0] ?? stored, job, body, look)] }
    })
  }

  /** Tells the turn, or the one that it was joined with meanwhile; the question goes when nothing more is missing. */
  private async settle(
    job: Job,
    file: string,
    fetched: Exclude<Fetched, { kind: 'later' }>,
    now: number,
  ): Promise<void> {
    const { store } = this.context
    const done = finishedJob(job, failureOf(fetched), now)
    let holder: string | undefined = job.turn
    for (let merges = 0; holder !== undefined && merges < mostMerges; merges++) {
      const id: string = holder
      const turn: Turn | undefined = await store.update(id, stored => {
        if (stored.mergedInto !== undefined) return undefined
        const next = settleAttachment(stored, file, fetched)
        return { save: next === undefined ? [] : [askSooner(next, now)], settle: [done] }
      })
      holder = turn?.mergedInto
    }
  }
}

/** A question that waits for nothing else can go now. */
function askSooner(turn: Turn, now: number): Turn {
  if (turn.pending === undefined || !isUnclaimed(turn)) return turn
  return { ...turn, pending: { ...turn.pending, dueAt: Math.max(askableAt(turn), now) } }
}

function failureOf(end: Exclude<Fetched, Postponed> | Collected): Job['failure'] {
  if (end.kind === 'kept') return undefined
  return { reason: end.problem, ...('hint' in end && end.hint !== undefined && { hint: end.hint }) }
}
