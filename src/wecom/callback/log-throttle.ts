import type { Clock, Log, LogFields } from '../../world.ts'

/** A sentence for the operator. `topic` tells repetitions apart and must not come from an unverified request. */
export interface Complaint {
  readonly topic: string
  readonly msg: string
  readonly fields?: LogFields
}

export interface Complaints {
  /** Logs a warning, unless this topic was logged during the last minute: strangers may cause it at will. */
  sometimes(complaint: Complaint): void
  /** Logs a warning the first time only. */
  once(complaint: Complaint): void
}

const silenceMs = 60_000
/** Beyond these many topics nothing new is logged; a platform has some dozens of kinds. */
const mostTopics = 200

/** Keeps a log readable while the same thing goes wrong again and again. */
export function createComplaints(log: Log, clock: Pick<Clock, 'now'>, account: string): Complaints {
  const saidAt = new Map<string, number>()
  const say = (complaint: Complaint, silence: number) => {
    const last = saidAt.get(complaint.topic)
    const now = clock.now()
    if (last === undefined ? saidAt.size >= mostTopics : now - last < silence) return
    saidAt.set(complaint.topic, now)
    log.warn(complaint.msg, { account, ...complaint.fields })
  }
  return {
    sometimes: complaint => say(complaint, silenceMs),
    once: complaint => say(complaint, Number.POSITIVE_INFINITY),
  }
}
