import { type Cancel, type Clock, steadyClock } from '../src/world.ts'

interface Alarm {
  readonly at: number
  readonly ring: () => void
}

/** Turns of the event loop after an alarm: enough for its work to finish if it does no real I/O. */
const settleTurns = 12

/**
 * A clock that only a test moves. Like a real host it has two times: the monotonic time, in which alarms ring, and the
 * wall clock, which can be set back or forward.
 */
export class FakeClock implements Clock {
  /** The monotonic time, which `step` doesn't change. Also serves as the clock of another host. */
  readonly steady: Clock
  private readonly rest: () => Promise<void>
  private alarms: Alarm[] = []
  private passed: number
  private offsetMs = 0

  /** `rest` is awaited after each alarm, so that its work can finish. */
  constructor(startsAt: number, rest: () => Promise<void> = settle) {
    this.passed = startsAt
    this.rest = rest
    const now = () => this.passed
    this.steady = { now, wall: now, alarm: (at, ring) => this.add(at, ring) }
  }

  now(): number {
    return this.passed + this.offsetMs
  }

  wall(): number {
    return this.now()
  }

  /** The clock of a process that starts now: it doesn't go back when the wall clock is set back. */
  ofProcess(): Clock {
    return steadyClock({
      wall: () => this.now(),
      passed: () => this.passed,
      after: (ms, ring) => this.add(this.passed + ms, ring),
    })
  }

  /** As with a real timer, the delay is computed now: setting the clock later doesn't move the alarm. */
  alarm(at: number, ring: () => void): Cancel {
    return this.add(at - this.offsetMs, ring)
  }

  /** Sets the wall clock forward, or back when negative. */
  step(byMs: number): void {
    this.offsetMs += byMs
  }

  /** When the next alarm rings, in monotonic time. */
  nextAlarmAt(): number | undefined {
    return this.alarms[0]?.at
  }

  /** Moves the monotonic time to `ms`. Rings the alarms until then in order, with a rest after each. */
  async advanceTo(ms: number): Promise<void> {
    await this.rest()
    for (let next = this.alarms[0]; next !== undefined && next.at <= ms; next = this.alarms[0]) {
      this.alarms.shift()
      this.passed = Math.max(this.passed, next.at)
      next.ring()
      await this.rest()
    }
    this.passed = Math.max(this.passed, ms)
  }

  private add(at: number, ring: () => void): Cancel {
    const alarm = { at: Math.max(at, this.passed), ring }
    const later = this.alarms.findIndex(other => other.at > alarm.at)
    this.alarms.splice(later === -1 ? this.alarms.length : later, 0, alarm)
    return () => {
      const index = this.alarms.indexOf(alarm)
      if (index !== -1) this.alarms.splice(index, 1)
    }
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < settleTurns; turn++) await new Promise<void>(resolve => setImmediate(resolve))
}
