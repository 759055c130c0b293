import type { ReplyChunk, RunEnd } from '../../domain/agent.ts'
import { decodeEnding, type Ending, namesFiles, pausesFor } from './answer-files.ts'
import { type Json, objectAt, stringAt } from '../link/frames.ts'
import { textOf } from './history.ts'

/** Errors of a gateway that stops, or died: the question was taken and not run, and may be asked again. */
const neverRan = /Gateway is draining|Pending input ownership ended/

/** From the start of a run to its message in the history: 150-300 ms on the real gateway. */
const strangerMs = 1_000

/**
 * What one question's run says while it goes on. Fed with the `chat` and `agent` events of its session; those of other
 * runs only make it look at the history again.
 */
export class Run {
  readonly sessionKey: string
  /** Resolves with the end that an event told. */
  readonly ended: Promise<RunEnd>
  /** When our run ended without a word: it may have been queued behind another one. */
  emptyEndAt: number | undefined
  /** What the last event before the end said; undefined when it was not heard. */
  ending: Ending | undefined
  quietSince: number
  private readonly ours: Set<string>
  private readonly others = new Set<string>()
  readonly report: (chunk: ReplyChunk) => void
  private readonly end: (end: RunEnd) => void
  private stir = () => {}
  private stranger: { readonly runId: string; readonly since: number } | undefined

  constructor(key: string, sessionKey: string, now: number, report: (chunk: ReplyChunk) => void) {
    this.sessionKey = sessionKey.toLowerCase()
    this.ours = new Set([key])
    this.quietSince = now
    this.report = report
    const { promise, resolve } = Promise.withResolvers<RunEnd>()
    this.ended = promise
    this.end = resolve
  }

  get runIds(): ReadonlySet<string> {
    return this.ours
  }

  /** Whether an end without a word may have been one with files. */
  get mayGetFiles(): boolean {
    return pausesFor(this.ending, '').length > 0
  }

  /** Resolves at the next thing that may change what the history says. */
  stirred(): Promise<undefined> {
    return new Promise(resolve => {
      this.stir = () => resolve(undefined)
    })
  }

  poke(): void {
    this.stir()
  }

  /** The question is asked under this key, which is also the id of its run. */
  own(key: string): void {
    this.ours.add(key)
  }

  /**
   * Whether a run that stands alone behind our question is ours. Somebody else's looks the same until its own message is
   * written down, so one that was never seen before is not trusted yet.
   */
  recognises(runId: string, now: number): boolean {
    if (this.ours.has(runId)) return true
    if (this.stranger?.runId !== runId) this.stranger = { runId, since: now }
    return now - this.stranger.since >= strangerMs
  }

  /** A run under another id answers our question: queued behind somebody's, or resumed after a restart. */
  adopt(runId: string): void {
    if (this.ours.has(runId)) return
    this.ours.add(runId)
    this.ending = undefined
    this.report({ kind: 'resumed' })
  }

  say(text: string, now: number): void {
    this.quietSince = now
    if (text !== '') this.report({ kind: 'text', text })
  }

  hear(event: string, payload: Json, now: number): void {
    if (stringAt(payload, 'sessionKey')?.toLowerCase() !== this.sessionKey) return
    const runId = stringAt(payload, 'runId') ?? ''
    if (!this.ours.has(runId)) return event === 'chat' ? this.overhear(runId, payload) : undefined
    this.quietSince = now
    if (event === 'chat') this.hearChat(payload, now)
    else this.hearAgent(payload)
  }

  /** Somebody else's run, or one that answers us under another id: its beginning and its end are worth a look. */
  private overhear(runId: string, payload: Json): void {
    const isOver = ['final', 'aborted', 'error'].includes(stringAt(payload, 'state') ?? '')
    if (this.others.has(runId) && !isOver) return
    this.others.add(runId)
    this.poke()
  }

  private hearChat(payload: Json, now: number): void {
    const message = objectAt(payload, 'message')
    const text = textOf(message)
    switch (stringAt(payload, 'state')) {
      case 'status':
        return this.report({
          kind: 'phase',
          phase: stringAt(payload, 'phase') === 'starting_model' ? 'thinking' : 'starting',
        })
      case 'delta':
        return this.say(text, now)
      case 'final':
        return this.hearFinal(text, payload['message'] !== undefined, now)
      case 'aborted':
        // A gateway that stops goes on with the turn after its restart; a reset leaves its row in the history.
        if (stringAt(payload, 'stopReason') === 'restart') return this.poke()
        // The gateway's own `stop` without a message: the model said nothing, also when it was asked again.
        return this.end(
          text === '' && stringAt(payload, 'stopReason') === 'stop' ? { kind: 'empty' } : { kind: 'stopped', text },
        )
      case 'error':
        if (neverRan.test(stringAt(payload, 'errorMessage') ?? '')) return this.poke()
        return this.end({ kind: 'failed', reason: 'error', text: '' })
      default:
        return undefined
    }
  }

  private hearFinal(text: string, hasMessage: boolean, now: number): void {
    const isFilesOnly = text.trim() === '' && this.ending !== undefined && namesFiles(this.ending, text)
    if (text.trim() !== '' || isFilesOnly) return this.end({ kind: 'answered', text })
    if (hasMessage) return this.end({ kind: 'empty' })
    this.emptyEndAt = now
    this.poke()
  }

  private hearAgent(payload: Json): void {
    const stream = stringAt(payload, 'stream')
    const data = objectAt(payload, 'data')
    if (stream === 'lifecycle') this.ending = decodeEnding(data) ?? this.ending
    if (stream !== 'tool') return
    const phase = stringAt(data, 'phase')
    if (phase === 'start') this.report({ kind: 'phase', phase: 'tool' })
    if (phase === 'result') this.report({ kind: 'phase', phase: 'thinking' })
  }
}
