import type { Clock } from '../world.ts'

/** A clock that can cancel all its alarms at once, to simulate the death of a process. */
export interface CancellableClock extends Clock {
  cancelAll(): void
}

/** Wraps `clock`. After `cancelAll`, no alarm set through the wrapper rings, and new ones are ignored. */
export function cancellableClock(clock: Clock): CancellableClock {
  const cancels = new Set<() => void>()
  let dead = false
  return {
    now: () => clock.now(),
    wall: () => clock.wall(),
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
