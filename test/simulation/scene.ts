import type { FakeClock } from '../fake-clock.ts'
import type { Dice } from './dice.ts'
import type { FaultyDatabase } from './faulty-database.ts'

/** The configuration of a simulated run. */
export interface Settings {
  readonly windowMs: number
  readonly handoverMs: number
  readonly openTurns: number
  readonly perUserPerMinute: number
  readonly maxRuns: number
  readonly runTimeoutMs: number
  readonly placeholder: string
  readonly language: 'zh-CN' | 'en'
  /** Missing if the account has no self-built app. */
  readonly replyFormat?: 'auto' | 'text' | 'markdown'
  readonly askWithinMs: number
  readonly deliverWithinMs: number
}

/** The parts that all actors of a simulated run share. */
export interface Scene {
  readonly clock: FakeClock
  readonly dice: Dice
  readonly settings: Settings
  readonly db: FaultyDatabase
  /** Adds a line to the trace, if the run is traced. */
  note(text: string): void
  /** Counts an event that the simulation must cover. */
  count(what: Happening): void
  /** Reports a broken law. Ends the run. */
  broken(law: string): void
  /** When the last disturbance (start, failed commit, clock change) was, in monotonic time. */
  quietSince(): number
  /** Whether the wall clock was set. Then laws about durations can't be checked. */
  clockWasSet(): boolean
  /** The time of the daemon's process, or of the last one. It doesn't go back when the wall clock does. */
  processNow(): number
  /** Calls `ring` after `ms` of monotonic time. */
  after(ms: number, ring: () => void): void
}

/** The events that must happen often enough. Otherwise the simulation tests less than it claims. */
export const happenings = [
  'message',
  'duplicate',
  'refresh',
  'callback refused',
  'crash',
  'crash with work in progress',
  'graceful stop',
  'commit failed',
  'clock set forward',
  'clock set back',
  'gateway killed',
  'gateway stopped',
  'connection cut',
  'connection silent',
  'asked',
  'asked again in a new boot',
  'session used by another client',
  'stopped by another client',
  'merged',
  'handover',
  'final not fetched',
  'finish frame served',
  'finish frame served again',
  'answered',
  'empty',
  'failed',
  'stopped',
  'expired',
  'busy',
  'refused',
  'expiry reported',
  'answer longer than a frame',
  'resumed',
  'posted',
  'posted again',
  'delivered',
  'delivery refused',
  'delivery unknown',
  'dead letter',
  'message to the app',
  'send request',
  'send request repeated',
  'idempotencyKey reused',
  'welcome',
  'welcome requested again',
  'message sent',
  'further message of a delivery sent',
  'message sent again',
  'duplicate check switched off',
  'duplicate not shown',
  'file uploaded',
  'app on hold',
  'held',
  'minute limit reached',
  'crash around a message',
  'sent in parts',
  'sent as a file',
  'direct message delivered',
  'direct message partial',
  'direct message refused',
  'direct message unknown',
  'direct message expired',
  'response_url after the app',
  'rest by response_url',
] as const

export type Happening = (typeof happenings)[number]
