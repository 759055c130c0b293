import { messageOf } from '../errors.ts'
import type { Cancel, Clock, Log, Timers } from '../world.ts'

/** A recurring task. `nextDue` returns when to call `run` next, and must be cheap. Times are epoch ms. */
export interface Source {
  readonly name: string
  nextDue(): number | undefined
  run(now: number): Promise<void>
}

/** Pause after a source fails, so that a broken store does not cause a busy loop. */
const failurePauseMs = 1_000

/** Timers do not notice when the clock is set. The scheduler checks the clock at least this often. */
const maxSleepMs = 10_000

/**
 * The only timer of the process. It sleeps until the earliest source or alarm is due. `wake` makes it check all sources, at most
 * once per turn of the event loop. A source never runs twice at the same time.
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

  /** Checks every source in the next turn of the event loop. Call it when `nextDue` of a source may have changed. */
  wake(): void {
    if (this.pending?.isWake !== true) this.sleep(this.clock.now(), true)
  }

  /** Starts no more sources and waits for the running ones. Alarms still ring until `close`. */
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

  /** Always sets a new timer: after the clock was set forward, the old one may ring long after it is due. */
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
