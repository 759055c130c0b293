import type { Turn } from '../../domain/turn.ts'
import { messageOf, WecomdError } from '../../errors.ts'
import { type Cancel, nothingToCancel } from '../../world.ts'
import type { BridgeContext } from '../context.ts'

/** A run that was aborted ends by itself, at the latest this much later. */
const abortGraceMs = 15_000

/**
 * What may end a run before its answer: it takes longer than `gateway.runTimeoutMs`, counted from when it was first asked,
 * or somebody wants it to stop. What was not asked yet is not asked any more.
 */
export class RunLimit {
  private readonly controller = new AbortController()
  private readonly context: BridgeContext
  private readonly turn: Turn
  private why: 'timeout' | 'halted' | undefined
  private isAsked = false
  private timer: Cancel = nothingToCancel

  constructor(context: BridgeContext, turn: Turn) {
    this.context = context
    this.turn = turn
    if (turn.asked !== undefined) this.start(turn.asked.at)
  }

  /** For whoever follows the run. */
  get signal(): AbortSignal {
    return this.controller.signal
  }

  get reason(): 'timeout' | 'halted' | undefined {
    return this.why
  }

  /** The run is being asked, or was, at `askedAt`. */
  start(askedAt: number): void {
    this.isAsked = true
    this.timer()
    this.timer = this.context.timers.at(askedAt + this.context.limits.runTimeoutMs, () => this.end('timeout'))
    if (this.why === 'halted') this.end('halted')
  }

  /** Throws `cancelled` when the question should not leave any more. */
  check(): void {
    if (this.why !== undefined) throw new WecomdError('cancelled', 'the run was stopped before it was asked')
  }

  /** Waits no longer than the run is wanted here: then it rejects with `cancelled`. */
  async during<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.controller
    const { promise, reject } = Promise.withResolvers<never>()
    const stop = () => reject(new WecomdError('cancelled', 'nobody waits any more'))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    return await Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', stop))
  }

  halt(): void {
    if (this.why === undefined) this.end('halted')
  }

  /** Somebody else follows the run from now on; the run goes on. */
  leave(): void {
    this.controller.abort()
  }

  cancel(): void {
    this.timer()
  }

  private end(why: 'timeout' | 'halted'): void {
    this.why = why
    this.timer()
    if (!this.isAsked) return this.controller.abort()
    const { agent, timers, clock, log } = this.context
    const { id, sessionKey } = this.turn
    agent.abort(id, sessionKey).catch(error => log.warn('abort failed', { turn: id, error: messageOf(error) }))
    this.timer = timers.at(clock.now() + abortGraceMs, () => this.controller.abort())
  }
}
