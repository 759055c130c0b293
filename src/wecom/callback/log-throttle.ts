import type { Clock, Log, LogFields } from '../../world.ts'

/** A sentence for the operator. `topic` tells repetitions apart and must not come from an unverified request. */
export interface ThrottledLine {
  readonly topic: string
  readonly msg: string
  readonly fields?: LogFields
}

export interface LogThrottle {
  /** Logs a warning, unless this topic was logged during the last minute: strangers may cause it at will. */
  perMinute(complaint: ThrottledLine): void
  /** Logs a warning the first time only. */
  once(complaint: ThrottledLine): void
}

const silenceMs = 60_000
/** Beyond these many topics nothing new is logged; a platform has some dozens of kinds. */
const mostTopics = 200

/** Keeps a log readable while the same thing goes wrong again and again. */
export function createLogThrottle(log: Log, clock: Pick<Clock, 'now'>, account: string): LogThrottle {
  const saidAt = new Map<string, number>()
  const say = (complaint: ThrottledLine, silence: number) => {
    const last = saidAt.get(complaint.topic)
    const now = clock.now()
    if (last === undefined ? saidAt.size >= mostTopics : now - last < silence) return
    saidAt.set(complaint.topic, now)
    log.warn(complaint.msg, { account, ...complaint.fields })
  }
  return {
    perMinute: complaint => say(complaint, silenceMs),
    once: complaint => say(complaint, Number.POSITIVE_INFINITY),
  }
}
