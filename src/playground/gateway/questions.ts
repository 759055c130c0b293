import type { Clock } from '../../world.ts'
import { type RpcAnswer, type Emit, type Params, refuse } from './frames.ts'
import { isObject } from '../../domain/json.ts'

/** One thing that the agent asks, as on the wire. */
export interface EchoQuestion {
  readonly questionId: string
  readonly header: string
  readonly question: string
  readonly options: readonly { readonly label: string; readonly description: string }[]
  readonly isOther?: boolean
}

/** The replies by `questionId`. */
export type EchoReplies = Readonly<Record<string, readonly string[]>>

interface PendingQuestion {
  readonly payload: Params & { readonly id: string; readonly runId: string }
  readonly settle: (replies: EchoReplies | undefined) => void
}

export interface EchoQuestionDeps {
  readonly clock: Clock
  readonly emit: Emit
  readonly newId: () => string
}

const withinMs = 900_000

/** What agents ask their users. It is kept in memory only: a run that is resumed after a restart asks again. */
export class EchoQuestions {
  private readonly deps: EchoQuestionDeps
  private readonly waiting = new Map<string, PendingQuestion>()
  private readonly over = new Set<string>()

  constructor(deps: EchoQuestionDeps) {
    this.deps = deps
  }

  /** Resolves to the replies; undefined if none came in time. */
  async ask(
    { sessionKey, runId }: { readonly sessionKey: string; readonly runId: string },
    questions: readonly EchoQuestion[],
  ): Promise<EchoReplies | undefined> {
    const { clock, emit, newId } = this.deps
    const id = newId()
    const createdAtMs = clock.now()
    const payload = {
      id,
      questions,
      sessionKey,
      runId,
      createdAtMs,
      expiresAtMs: createdAtMs + withinMs,
      status: 'pending',
    }
    const replies = Promise.withResolvers<EchoReplies | undefined>()
    this.waiting.set(id, { payload, settle: replies.resolve })
    const cancel = clock.alarm(payload.expiresAtMs, () => this.settle(id, undefined))
    emit('question.requested', payload)
    return await replies.promise.finally(cancel)
  }

  list(): object {
    return { questions: Array.from(this.waiting.values(), ({ payload }) => payload) }
  }

  resolve(params: Params): RpcAnswer {
    const id = String(params['id'])
    const given = isObject(params['answers']) ? params['answers']['answers'] : undefined
    if (!isObject(given)) return refuse('INVALID_REQUEST', 'invalid question.resolve params')
    if (!this.settle(id, given as EchoReplies)) {
      const reason = this.over.has(id) ? 'QUESTION_ALREADY_TERMINAL' : 'QUESTION_NOT_FOUND'
      return refuse('INVALID_REQUEST', 'question is not pending', { details: { reason } })
    }
    return { ok: true, payload: { status: 'answered' } }
  }

  /** Ends what still waits when its run has ended. */
  close(runId: string): void {
    for (const [id, { payload }] of this.waiting) if (payload.runId === runId) this.settle(id, undefined)
  }

  private settle(id: string, replies: EchoReplies | undefined): boolean {
    const waiting = this.waiting.get(id)
    if (waiting === undefined) return false
    this.waiting.delete(id)
    this.over.add(id)
    const status = replies === undefined ? 'cancelled' : 'answered'
    this.deps.emit('question.resolved', { ...waiting.payload, status, ts: this.deps.clock.now() })
    waiting.settle(replies)
    return true
  }
}
