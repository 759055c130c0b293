import { type Cancel, type Clock, nothingToCancel, type Timers } from '../../world.ts'

export interface PatienceDoors {
  readonly clock: Pick<Clock, 'now'>
  readonly timers: Timers
}

/** How long a download may take: without a sign of life, and in all. Over that `signal` fires; at the end it does too. */
export class Patience {
  private readonly controller = new AbortController()
  private readonly doors: PatienceDoors
  private readonly quietMs: number
  private readonly endsAt: number
  private heardAt: number
  private cancel: Cancel = nothingToCancel

  constructor(doors: PatienceDoors, quietMs: number, totalMs: number) {
    this.doors = doors
    this.quietMs = quietMs
    this.heardAt = doors.clock.now()
    this.endsAt = this.heardAt + totalMs
    this.look()
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  /** A sign of life. */
  heard(): void {
    this.heardAt = this.doors.clock.now()
  }

  /** Nothing more is wanted: what still runs is cut off. */
  end(): void {
    this.cancel()
    this.controller.abort()
  }

  private look(): void {
    const { clock, timers } = this.doors
    const dueAt = Math.min(this.heardAt + this.quietMs, this.endsAt)
    if (clock.now() >= dueAt) return this.end()
    this.cancel = timers.at(dueAt, () => this.look())
  }
}
