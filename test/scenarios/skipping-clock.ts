import { type Cancel, type Clock, realClock } from '../../src/world.ts'

interface Alarm {
  readonly at: number
  readonly ring: () => void
  cancel: Cancel
}

/** The real clock of which a test may skip a part: what was to ring in between rings at once. */
export class SkippingClock implements Clock {
  private skippedMs = 0
  private readonly alarms = new Set<Alarm>()

  now(): number {
    return realClock.now() + this.skippedMs
  }

  wall(): number {
    return this.now()
  }

  alarm(at: number, ring: () => void): Cancel {
    const alarm: Alarm = { at, ring, cancel: () => {} }
    this.alarms.add(alarm)
    this.arm(alarm)
    return () => {
      alarm.cancel()
      this.alarms.delete(alarm)
    }
  }

  /** How many alarms are set. */
  pending(): number {
    return this.alarms.size
  }

  skip(ms: number): void {
    this.skippedMs += ms
    for (const alarm of this.alarms) {
      alarm.cancel()
      this.arm(alarm)
    }
  }

  private arm(alarm: Alarm): void {
    alarm.cancel = realClock.alarm(alarm.at - this.skippedMs, () => {
      this.alarms.delete(alarm)
      alarm.ring()
    })
  }
}
