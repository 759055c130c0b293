import { messageOf } from '../errors.ts'
import type { Cancel, Clock, Log, Timers } from '../world.ts'

/** Something that waits. `nextDue` is cheap and says when `run` wants to be called next; both use epoch ms. */
export interface Source {
  readonly name: string
  nextDue(): number | undefined
  run(now: number): Promise<void>
}

/** A source that failed is left alone for this long, so that a broken store does not spin. */
const failurePauseMs = 1_000

/** A timer does not notice that the clock was set; so long it may take until somebody looks. */
const maxSleepMs = 10_000

/**
 * The one timer of the process: it sleeps until the earliest source or alarm is due. `wake` makes it look again, at
 * most once per turn of the event loop. A source never runs twice at the same time.
 */
export class Scheduler implements Timers {
  private readonly sources: Source[] = []
  private readonly running = new Map<string, Promise<void>>()
  private readonly pausedUntil = new Map<string, number>()
  private readonly alarms = new Set<{ readonly when: number; readonly ring: () => void }>()
  private readonly clock: Clock
  private readonly log: Log
  private pending: { readonly when: number; readonly isWake: boolean; readonly cancel: Cancel } | undefined
  private stopped = true

  constructor(clock: Clock, log: Log) {
    this.clock = clock
    this.log = log
  }

  add(source: Source): void {
    this.sources.push(source)
  }

  at(when: number, ring: () => void): Cancel {
    const alarm = { when, ring }
    this.alarms.add(alarm)
    this.sleepUntil(when)
    return () => void this.alarms.delete(alarm)
  }

  start(): void {
    this.stopped = false
    this.wake()
  }

  /** Looks at every source in the next turn of the event loop, whatever the timer that runs was set for. */
  wake(): void {
    if (this.pending?.isWake !== true) this.sleep(this.clock.now(), true)
  }

  /** Stops starting sources and resolves when the running ones have ended. Alarms still ring until `close`. */
  async stop(): Promise<void> {
    this.stopped = true
    await Promise.all(this.running.values())
  }

  close(): void {
    this.pending?.cancel()
    this.alarms.clear()
  }

  private sleepUntil(due: number): void {
    const when = Math.min(due, this.clock.now() + maxSleepMs)
    if (this.pending === undefined || this.pending.when > when) this.sleep(when, false)
  }

  /** A timer runs in the time that passes: when the clock was set forward, one that is due by now may still be far off. */
  private sleep(when: number, isWake: boolean): void {
    this.pending?.cancel()
    this.pending = { when, isWake, cancel: this.clock.alarm(when, () => this.runDue()) }
  }

  private runDue(): void {
    this.pending = undefined
    const now = this.clock.now()
    const due = [...this.alarms].filter(alarm => alarm.when <= now)
    for (const alarm of due) if (this.alarms.delete(alarm)) alarm.ring()
    if (!this.stopped) for (const source of this.sources) this.startIfDue(source, now)
    const next = this.nextDue()
    if (next !== undefined) this.sleepUntil(next)
  }

  private startIfDue(source: Source, now: number): void {
    if (this.running.has(source.name)) return
    const due = this.dueAt(source)
    if (due === undefined || due > now) return
    const done = source
      .run(now)
      .catch(error => {
        this.pausedUntil.set(source.name, this.clock.now() + failurePauseMs)
        this.log.error('a scheduled source failed', { source: source.name, error: messageOf(error) })
      })
      .finally(() => {
        this.running.delete(source.name)
        this.wake()
      })
    this.running.set(source.name, done)
  }

  private nextDue(): number | undefined {
    const idle = this.stopped ? [] : this.sources.filter(source => !this.running.has(source.name))
    const times = [...idle.map(source => this.dueAt(source)), ...[...this.alarms].map(alarm => alarm.when)]
    return times.reduce(
      (earliest, at) => (at !== undefined && (earliest === undefined || at < earliest) ? at : earliest),
      undefined,
    )
  }

  private dueAt(source: Source): number | undefined {
    const due = source.nextDue()
    if (due === undefined) return undefined
    return Math.max(due, this.pausedUntil.get(source.name) ?? 0)
  }
}
