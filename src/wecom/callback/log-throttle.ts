import { minuteMs } from '../../domain/duration.ts'
import type { Clock, Log, LogFields } from '../../world.ts'

/**
 * A warning for the operator. `topic` identifies repetitions. It must not come from an unverified request, or anyone
 * could fill the log.
 */
export interface ThrottledLine {
  readonly topic: string
  readonly msg: string
  readonly fields?: LogFields
}

/** Logs warnings, each topic only so often. */
export interface LogThrottle {
  /** Logs a warning, unless this topic was logged in the last minute. For warnings that anyone can trigger. */
  perMinute(line: ThrottledLine): void
  /** Logs a warning only the first time for its topic. */
  once(line: ThrottledLine): void
}

/** After this many topics no new one is logged. The platform has a few dozen types. */
const maxTopics = 200

/** Creates a throttle that keeps repeated warnings out of the log. `common`: fields of every line. */
export function createLogThrottle(log: Log, clock: Pick<Clock, 'now'>, common: LogFields = {}): LogThrottle {
  const loggedAt = new Map<string, number>()
  const warn = (line: ThrottledLine, periodMs: number) => {
    const last = loggedAt.get(line.topic)
    const now = clock.now()
    if (last === undefined ? loggedAt.size >= maxTopics : now - last < periodMs) return
    loggedAt.set(line.topic, now)
    log.warn(line.msg, { ...common, ...line.fields })
  }
  return {
    perMinute: line => warn(line, minuteMs),
    once: line => warn(line, Number.POSITIVE_INFINITY),
  }
}
