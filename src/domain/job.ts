import type { FileSearch } from './agent.ts'
import type { Attachment } from './message.ts'

/** Who works on it: `media` finds and fetches files of users and of answers, `approval` tells the gateway what administrators decide and users reply. */
export type JobQueue = 'media' | 'approval'

export type JobBody =
  /** Media of a user that is to be fetched into the spool as `file`. */
  | { readonly kind: 'fetch'; readonly attachment: Attachment; readonly file: string }
  /** A file of an answer that is to be fetched from the agent into the spool as `file`. */
  | { readonly kind: 'collect'; readonly artifact: string; readonly sessionKey: string; readonly file: string }
  /** Files of an answer that the agent may hand over late. `looksMs`: the looks that remain, each after the run's end. */
  | ({ readonly kind: 'search'; readonly sessionKey: string; readonly looksMs: readonly number[] } & Pick<
      FileSearch,
      'runIds' | 'others'
    >)
  /** What an administrator decided about a command that waits for approval. */
  | { readonly kind: 'approve'; readonly approval: string; readonly decision: 'allow-once' | 'deny' }
  /** What a user replied to a question of the agent. */
  | {
      readonly kind: 'answer'
      readonly question: string
      readonly answers: Readonly<Record<string, readonly string[]>>
    }

/** Work for a turn that shows nothing to anybody by itself. Its id is `<turn>:<part>`, so adding it twice is a no-op. */
export interface Job {
  readonly id: string
  readonly turn: string
  readonly account: string
  readonly queue: JobQueue
  readonly body: JobBody
  readonly state: 'queued' | 'done' | 'failed'
  /** Jobs in one lane are done one at a time, lowest `order` first. Without one it waits for no other. */
  readonly lane?: string
  readonly order?: number
  /** Epoch ms, like all times here. */
  readonly dueAt: number
  readonly expiresAt: number
  readonly createdAt: number
  readonly finishedAt?: number
  /** Of a failed one; `hint` is for the operator. */
  readonly failure?: { readonly reason: string; readonly hint?: string }
}

/** A job at its end, with the reason if it failed. `at` is epoch ms. */
export function finishedJob(job: Job, failure: Job['failure'], at: number): Job {
  return failure === undefined
    ? { ...job, state: 'done', finishedAt: at }
    : { ...job, state: 'failed', finishedAt: at, failure }
}
