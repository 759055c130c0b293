import { type Cancel, type Clock, nothingToCancel, type Timers } from '../../world.ts'

export interface IdleTimeoutDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly timers: Timers
}

/** How long a download may take: without a sign of life, and in all. Over that `signal` fires; at the end it does too. */
export class IdleTimeout {
  private readonly controller = new AbortController()
  private readonly deps: IdleTimeoutDeps
  private readonly quietMs: number
  private readonly endsAt: number
  private heardAt: number
  private cancel: Cancel = nothingToCancel

  constructor(deps: IdleTimeoutDeps, quietMs: number, totalMs: number) {
    this.deps = deps
    this.quietMs = quietMs
    this.heardAt = deps.clock.now()
    this.endsAt = this.heardAt + totalMs
    this.check()
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  /** A sign of life. */
  touch(): void {
    this.heardAt = this.deps.clock.now()
  }

  /** Nothing more is wanted: what still runs is cut off. */
  end(): void {
    this.cancel()
    this.controller.abort()
  }

  private check(): void {
    const { clock, timers } = this.deps
    const dueAt = Math.min(this.heardAt + this.quietMs, this.endsAt)
    if (clock.now() >= dueAt) return this.end()
    this.cancel = timers.at(dueAt, () => this.check())
  }
}
