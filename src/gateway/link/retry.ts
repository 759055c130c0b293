import { type Clock, nothingToCancel, type Timers } from '../../world.ts'

/** The longest pause between connects while a user waits for an answer. */
const hurriedMs = 1_000

export interface RetryDeps {
  readonly clock: Clock
  readonly timers: Timers
  /** Whether a user waits for an answer. Must not reject. */
  readonly isAwaited?: () => Promise<boolean>
}

/** The pause before the next connect. A new one replaces the one before. */
export class Retry {
  private cancelWait = nothingToCancel

  constructor(
    private readonly deps: RetryDeps,
    private readonly connect: () => void,
  ) {}

  /** Connects after `ms`. `isHurried`: within a second while a user waits for an answer. */
  after(ms: number, isHurried = false): void {
    const { clock, timers, isAwaited } = this.deps
    const dueAt = clock.now() + ms
    const at = isHurried && isAwaited !== undefined ? Math.min(dueAt, clock.now() + hurriedMs) : dueAt
    const ring = async () => {
      const isDue = clock.now() >= dueAt || (await isAwaited?.()) === true
      if (this.cancelWait !== cancel) return // cancelled or replaced
      if (isDue) this.connect()
      else this.after(dueAt - clock.now(), true)
    }
    this.cancel()
    const cancel = timers.at(at, () => void ring())
    this.cancelWait = cancel
  }

  cancel(): void {
    this.cancelWait()
    this.cancelWait = nothingToCancel
  }
}
