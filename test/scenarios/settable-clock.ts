import { type Cancel, type Clock, realClock } from '../../src/world.ts'

/** The real clock, shown as another time that a test may set forward. Alarms wait as long as they were set for. */
export class SettableClock implements Clock {
  private offsetMs: number

  constructor(startsAt: number = realClock.now()) {
    this.offsetMs = startsAt - realClock.now()
  }

  now(): number {
    return realClock.now() + this.offsetMs
  }

  alarm(at: number, ring: () => void): Cancel {
    return realClock.alarm(at - this.offsetMs, ring)
  }

  step(byMs: number): void {
    this.offsetMs += byMs
  }
}
