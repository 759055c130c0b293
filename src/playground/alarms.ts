import type { Clock } from '../world.ts'

/** A clock whose alarms all end together, for something that can be killed. */
export interface MortalClock extends Clock {
  cancelAll(): void
}

/** Wraps `clock`; after `cancelAll` no alarm set through it rings, and new ones are ignored. */
export function mortalClock(clock: Clock): MortalClock {
  const cancels = new Set<() => void>()
  let dead = false
  return {
    now: () => clock.now(),
    alarm(at, ring) {
      if (dead) return () => {}
      const cancel = clock.alarm(at, () => {
        cancels.delete(stop)
        ring()
      })
      const stop = () => {
        cancels.delete(stop)
        cancel()
      }
      cancels.add(stop)
      return stop
    },
    cancelAll() {
      dead = true
      for (const stop of cancels) stop()
    },
  }
}
