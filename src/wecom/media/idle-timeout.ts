import { type Cancel, type Clock, nothingToCancel, type Timers } from '../../world.ts'

export interface IdleTimeoutDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly timers: Timers
}

/** Limits a download by idle time and by total time. `signal` aborts at either limit, and on `end`. */
export class IdleTimeout {
  private readonly controller = new AbortController()
  private readonly deps: IdleTimeoutDeps
  private readonly idleMs: number
  private readonly deadline: number
  private lastActivityAt: number
  private cancel: Cancel = nothingToCancel

  constructor(deps: IdleTimeoutDeps, quietMs: number, totalMs: number) {
    this.deps = deps
    this.idleMs = quietMs
    this.lastActivityAt = deps.clock.now()
    this.deadline = this.lastActivityAt + totalMs
    this.check()
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  /** Restarts the idle time. Call it for every chunk. */
  touch(): void {
    this.lastActivityAt = this.deps.clock.now()
  }

  /** Aborts whatever is still running and cancels the timer. Must be called once per download. */
  end(): void {
    this.cancel()
    this.controller.abort()
  }

  private check(): void {
    const { clock, timers } = this.deps
    const dueAt = Math.min(this.lastActivityAt + this.idleMs, this.deadline)
    if (clock.now() >= dueAt) return this.end()
    this.cancel = timers.at(dueAt, () => this.check())
  }
}
