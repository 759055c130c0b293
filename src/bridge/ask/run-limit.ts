import type { Turn } from '../../domain/turn.ts'
import { messageOf, WecomdError } from '../../errors.ts'
import { type Cancel, nothingToCancel } from '../../world.ts'
import type { BridgeContext } from '../context.ts'

/** How long an aborted run has to end at the gateway before we stop following it. */
const abortGraceMs = 15_000

/**
 * Ends a run early: after `gateway.runTimeoutMs`, counted from when it was first asked (also across restarts), or when
 * a user stops it.
 *
 * A run that was asked is aborted at the gateway and then followed for at most another 15 s, because its last text is
 * part of the answer. A question that was not asked yet is simply not asked.
 */
export class RunLimit {
  private readonly controller = new AbortController()
  private readonly context: BridgeContext
  private readonly turn: Turn
  private endedBy: 'timeout' | 'stopped' | undefined
  private isAsked = false
  private timer: Cancel = nothingToCancel

  constructor(context: BridgeContext, turn: Turn) {
    this.context = context
    this.turn = turn
    if (turn.asked !== undefined) this.startTimeout(turn.asked.at)
  }

  /** Aborts when the run is no longer to be followed. */
  get signal(): AbortSignal {
    return this.controller.signal
  }

  get reason(): 'timeout' | 'stopped' | undefined {
    return this.endedBy
  }

  /** The question is about to be sent, or was sent at `askedAt` (epoch ms): the timeout starts there. */
  startTimeout(askedAt: number): void {
    this.isAsked = true
    this.timer()
    this.timer = this.context.timers.at(askedAt + this.context.limits.runTimeoutMs, () => this.end('timeout'))
    if (this.endedBy === 'stopped') this.end('stopped')
  }

  /** Throws `cancelled` if the question must not be sent any longer. */
  throwIfStopped(): void {
    if (this.endedBy !== undefined) throw new WecomdError('cancelled', 'the run was stopped before it was asked')
  }

  /** Waits for `work`, but rejects with `cancelled` once the run is no longer to be followed. `work` continues. */
  async orCancelled<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.controller
    const { promise, reject } = Promise.withResolvers<never>()
    const cancel = () => reject(new WecomdError('cancelled', 'the run is no longer followed'))
    if (signal.aborted) cancel()
    signal.addEventListener('abort', cancel, { once: true })
    return await Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', cancel))
  }

  /** A user wants the run to end. */
  stop(): void {
    if (this.endedBy === undefined) this.end('stopped')
  }

  /** Stops following the run without ending it: the next process will follow it. */
  detach(): void {
    this.controller.abort()
  }

  /** The run is over: cancels the timeout. */
  clear(): void {
    this.timer()
  }

  private end(reason: 'timeout' | 'stopped'): void {
    this.endedBy = reason
    this.timer()
    if (!this.isAsked) return this.controller.abort()
    const { agent, timers, clock, log } = this.context
    const { id, sessionKey } = this.turn
    agent
      .abort(id, sessionKey)
      .catch(error => log.warn('a run could not be aborted', { turn: id, error: messageOf(error) }))
    this.timer = timers.at(clock.now() + abortGraceMs, () => this.controller.abort())
  }
}
