import type { FakeClock } from '../fake-clock.ts'
import type { Dice } from './dice.ts'
import type { FaultyDatabase } from './faulty-database.ts'

/** What the operator of a simulated run has configured. */
export interface Settings {
  readonly windowMs: number
  readonly handoverMs: number
  readonly openTurns: number
  readonly perUserPerMinute: number
  readonly maxRuns: number
  readonly runTimeoutMs: number
  readonly placeholder: string
  readonly language: 'zh-CN' | 'en'
  /** Absent where the account has no self-built app. */
  readonly replyFormat?: 'auto' | 'text' | 'markdown'
  readonly askWithinMs: number
  readonly deliverWithinMs: number
}

/** What everybody in a simulated run shares. */
export interface Scene {
  readonly clock: FakeClock
  readonly dice: Dice
  readonly settings: Settings
  readonly db: FaultyDatabase
  /** One line of the trace of a run that is told. */
  note(text: string): void
  /** Something happened that the simulation must not go without. */
  count(what: Happening): void
  /** A law was broken: ends the run. */
  broken(law: string): void
  /** Since when nothing has kept the daemon from its work, in the time that passes. */
  quietSince(): number
  /** Whether somebody has set the clock: then nobody can tell how long ago something was. */
  clockWasSet(): boolean
  /** Rings after `ms` of the time that passes. */
  after(ms: number, ring: () => void): void
}

/** What must happen often enough for the simulation to mean something. */
export const happenings = [
  'message',
  'duplicate',
  'refresh',
  'refusal of a callback',
  'crash',
  'crash with work under way',
  'stop with grace',
  'commit failed',
  'clock set forward',
  'clock set back',
  'gateway killed',
  'gateway stopped',
  'connection cut',
  'connection silent',
  'asked',
  'asked again in a new boot',
  'occupied by somebody else',
  'stopped by somebody else',
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
  'said that one expired',
  'answer longer than a frame',
  'resumed',
  'posted',
  'posted again',
  'delivered',
  'delivery refused',
  'delivery unknown',
  'dead letter',
  'message to the app',
  'sent first',
  'sent first again',
  'key used for something else',
  'welcome',
  'welcome once more',
  'message sent',
  'message sent after another',
  'message sent again',
  'equal message sent unchecked',
  'duplicate not shown',
  'file uploaded',
  'app on hold',
  'held back',
  'budget of a minute used up',
  'crash around a message',
  'in parts',
  'as a file',
  'direct message delivered',
  'direct message delivered to some',
  'direct message refused',
  'direct message unknown',
  'direct message too late',
  'brought by response_url instead',
  'rest brought by response_url',
] as const

export type Happening = (typeof happenings)[number]
