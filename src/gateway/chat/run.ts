import { describeError, type Failure, type FailureCause } from '../../domain/failure.ts'
import type { ReplyChunk, RunEnd } from '../../domain/agent.ts'
import { decodeLifecycleEnd, expectFiles, type LifecycleEnd, namedFiles } from './answer-files.ts'
import { type Json, objectAt, stringAt } from '../link/frames.ts'
import { textOf } from './history-rows.ts'
import { mostReasks, supersededText } from './question-keys.ts'

/** Errors of a gateway that is stopping or was killed. It accepted the question but never ran it, so ask again. */
const neverStarted = /Gateway is draining|Pending input ownership ended/

/** A run of another client is in the history this long after its start; 150 to 300 ms on the real gateway. */
const candidateMs = 1_000

/**
 * Turns the `chat` and `agent` events of one session into chunks and the end of one question. Events of other runs only
 * wake the follower, which then reads the history again.
 */
export class Run {
  readonly sessionKey: string
  /** Resolves with the end as reported by an event; never, if no event reports one. */
  readonly ended: Promise<RunEnd>
  /** When our run ended without text. It may only have been queued after another one. */
  emptyEndAt: number | undefined
  /** The run's `lifecycle` end event; undefined when it was missed. */
  lifecycleEnd: LifecycleEnd | undefined
  quietSince: number
  /** Keys whose runs ended because the gateway's config changed before they had begun. */
  readonly superseded = new Set<string>()
  /** Some text or tool call of ours was reported. */
  private hasBegun = false
  private readonly ownRunIds: Set<string>
  private readonly otherRunIds = new Set<string>()
  readonly report: (chunk: ReplyChunk) => void
  private readonly end: (end: RunEnd) => void
  private resolveWake = () => {}
  private candidate: { readonly runId: string; readonly since: number } | undefined

  constructor(key: string, sessionKey: string, now: number, report: (chunk: ReplyChunk) => void) {
    this.sessionKey = sessionKey.toLowerCase()
    this.ownRunIds = new Set([key])
    this.quietSince = now
    this.report = report
    const { promise, resolve } = Promise.withResolvers<RunEnd>()
    this.ended = promise
    this.end = resolve
  }

  get runIds(): ReadonlySet<string> {
    return this.ownRunIds
  }

  /** Whether an end without text may belong to an answer of nothing but files. */
  get mayGetFiles(): boolean {
    return expectFiles(this.lifecycleEnd, '') !== undefined
  }

  /** Resolves at the next event that makes another read of the history worthwhile. Only the latest call is served. */
  nextWake(): Promise<undefined> {
    return new Promise(resolve => {
      this.resolveWake = () => resolve(undefined)
    })
  }

  /** Asks the follower to read the history now. */
  wake(): void {
    this.resolveWake()
  }

  /** Adds a key the question is asked under, which is also the id of its run. */
  addKey(key: string): void {
    this.ownRunIds.add(key)
  }

  /**
   * Whether an active run after our question is ours. Another client's run looks the same until its own row is written,
   * so an unknown run is accepted only when it is still there a second later.
   */
  recognises(runId: string, now: number): boolean {
    if (this.ownRunIds.has(runId)) return true
    if (this.candidate?.runId !== runId) this.candidate = { runId, since: now }
    return now - this.candidate.since >= candidateMs
  }

  /** Follows a run with another id that answers our question: queued after another run, or resumed after a restart. */
  adopt(runId: string): void {
    if (this.ownRunIds.has(runId)) return
    this.ownRunIds.add(runId)
    this.lifecycleEnd = undefined
    this.report({ kind: 'resumed' })
  }

  /** Reports a snapshot of the answer. An empty one only counts as a sign of life. */
  reportText(text: string, now: number): void {
    this.quietSince = now
    if (text === '') return
    this.hasBegun = true
    this.report({ kind: 'text', text })
  }

  /** Accepts any `chat` or `agent` event. Those of other sessions are ignored. */
  handleEvent(event: string, payload: Json, now: number): void {
    if (stringAt(payload, 'sessionKey')?.toLowerCase() !== this.sessionKey) return
    const runId = stringAt(payload, 'runId') ?? ''
    if (!this.ownRunIds.has(runId)) return event === 'chat' ? this.handleOtherRun(runId, payload) : undefined
    this.quietSince = now
    if (event === 'chat') this.handleChat(runId, payload, now)
    else this.handleAgent(payload)
  }

  /** A run of another client, or ours under an id not known yet. Its start and its end are worth a read. */
  private handleOtherRun(runId: string, payload: Json): void {
    const isOver = ['final', 'aborted', 'error'].includes(stringAt(payload, 'state') ?? '')
    if (this.otherRunIds.has(runId) && !isOver) return
    this.otherRunIds.add(runId)
    this.wake()
  }

  private handleChat(runId: string, payload: Json, now: number): void {
    const message = objectAt(payload, 'message')
    const text = textOf(message)
    switch (stringAt(payload, 'state')) {
      case 'status':
        return this.report({
          kind: 'phase',
          phase: stringAt(payload, 'phase') === 'starting_model' ? 'thinking' : 'starting',
        })
      case 'delta':
        return this.reportText(text, now)
      case 'final':
        return this.handleFinal(text, payload['message'] !== undefined, now)
      case 'aborted':
        // A stopping gateway resumes the turn after its restart. A reset looks the same but leaves a row in the history.
        if (stringAt(payload, 'stopReason') === 'restart') return this.wake()
        // `stop` without a message comes from the gateway: the model returned no text, even when asked a second time.
        return this.end(
          text === '' && stringAt(payload, 'stopReason') === 'stop' ? { kind: 'empty' } : { kind: 'stopped', text },
        )
      case 'error':
        if (neverStarted.test(stringAt(payload, 'errorMessage') ?? '')) return this.wake()
        if (this.superseded.has(runId)) return this.wake()
        if (this.mayAskAgain(stringAt(payload, 'errorMessage') ?? '')) return this.askAgain(runId)
        return this.end({ kind: 'failed', reason: 'error', text: '', failure: failureOf(payload) })
      default:
        return undefined
    }
  }

  /** An agent that has begun may have used its tools, so only a run that has not begun is asked again. */
  private mayAskAgain(errorMessage: string): boolean {
    return !this.hasBegun && this.superseded.size < mostReasks && supersededText.test(errorMessage)
  }

  private askAgain(runId: string): void {
    this.superseded.add(runId)
    this.report({ kind: 'asked_again' })
    this.wake()
  }

  private handleFinal(text: string, hasMessage: boolean, now: number): void {
    const isFilesOnly =
      text.trim() === '' && this.lifecycleEnd !== undefined && namedFiles(this.lifecycleEnd, text).length > 0
    if (text.trim() !== '' || isFilesOnly) return this.end({ kind: 'answered', text })
    if (hasMessage) return this.end({ kind: 'empty' })
    this.emptyEndAt = now
    this.wake()
  }

  private handleAgent(payload: Json): void {
    const stream = stringAt(payload, 'stream')
    const data = objectAt(payload, 'data')
    if (stream === 'lifecycle') this.lifecycleEnd = decodeLifecycleEnd(data) ?? this.lifecycleEnd
    if (stream !== 'tool') return
    const phase = stringAt(data, 'phase')
    this.hasBegun = true
    if (phase === 'start') this.report({ kind: 'phase', phase: 'tool' })
    if (phase === 'result') this.report({ kind: 'phase', phase: 'thinking' })
  }
}

/** By the first error event of a run. The gateway reports the same again, in softer words and without details. */
function failureOf(payload: Json): Failure {
  const reason = stringAt(objectAt(payload, 'errorDetail'), 'failoverReason') ?? stringAt(payload, 'errorKind') ?? ''
  return failureFrom(stringAt(payload, 'errorMessage') ?? '', reason)
}

/** The failure in the gateway's words. Without a `reason` its cause is read from the words. */
export function failureFrom(words: string, reason = words): Failure {
  const error = describeError(words)
  return { cause: causeOf(reason), ...(error !== '' && { error }) }
}

function causeOf(reason: string): FailureCause {
  if (/auth|billing|api key|\bHTTP 40[13]\b/i.test(reason)) return 'model_auth'
  if (/\brate|overload|quota|\bHTTP 429\b/i.test(reason)) return 'model_rate'
  if (/context/i.test(reason)) return 'model_context'
  return /time(?:d )?out/i.test(reason) ? 'model_timeout' : 'model_error'
}
