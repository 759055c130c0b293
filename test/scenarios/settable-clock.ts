import { type Cancel, type Clock, realClock } from '../../src/world.ts'

/** A day on which nothing depends. */
const someDay = 1_780_000_000_000

/** Runs as fast as the real clock, from a time of its own that a test may set forward. Alarms wait as long as they were set for. */
export class SettableClock implements Clock {
  private offsetMs: number

  constructor(startsAt: number = someDay) {
    this.offsetMs = startsAt - realClock.now()
  }

  now(): number {
    return realClock.now() + this.offsetMs
  }

  wall(): number {
    return this.now()
  }

  alarm(at: number, ring: () => void): Cancel {
    return realClock.alarm(at - this.offsetMs, ring)
  }

  step(byMs: number): void {
    this.offsetMs += byMs
  }
}
