import type { Cancel, Clock } from '../src/world.ts'

interface Alarm {
  readonly at: number
  readonly ring: () => void
}

/** Enough turns of the event loop for what an alarm started to come to rest, when it waits for nothing outside. */
const restingTurns = 12

/**
 * Time that passes only when a test says so. Like a real host it has two times: the one that passes, in which alarms
 * ring, and the one that the wall clock shows, which somebody may set back or forward.
 */
export class FakeClock implements Clock {
  /** The time that passes: nobody can set it. For whoever lives on another host. */
  readonly steady: Clock
  private readonly rest: () => Promise<void>
  private alarms: Alarm[] = []
  private passed: number
  private offsetMs = 0

  /** `rest` is awaited after each alarm. */
  constructor(startsAt: number, rest: () => Promise<void> = turnSomeTimes) {
    this.passed = startsAt
    this.rest = rest
    this.steady = { now: () => this.passed, alarm: (at, ring) => this.add(at, ring) }
  }

  now(): number {
    return this.passed + this.offsetMs
  }

  /** As with a real timer, how long it takes is decided now: setting the clock does not move it. */
  alarm(at: number, ring: () => void): Cancel {
    return this.add(at - this.offsetMs, ring)
  }

  /** Sets the wall clock forward, or back when negative. */
  step(byMs: number): void {
    this.offsetMs += byMs
  }

  /** When the next alarm rings, in the time that passes. */
  nextAlarmAt(): number | undefined {
    return this.alarms[0]?.at
  }

  /** Lets the time pass until `ms`: rings what is due on the way in order, each with a rest after it. */
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

async function turnSomeTimes(): Promise<void> {
  for (let turn = 0; turn < restingTurns; turn++) await new Promise<void>(resolve => setImmediate(resolve))
}
