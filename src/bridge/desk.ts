import type { Agent, Platform, Store } from '../domain/ports.ts'
import type { Say } from '../fallback/notice.ts'
import type { Clock, Log, Random, Timers } from '../world.ts'
import type { LiveAnswers } from './live.ts'

/** What the bridge knows of one account. */
export interface AccountDesk {
  readonly id: string
  readonly agentId: string
  readonly say: Say
  readonly placeholder: string
  readonly welcomeText?: string
  readonly windowMs: number
  readonly handoverMs: number
}

/** What happened, for the counters of the private listener. */
export interface Meter {
  turnEnded(end: string): void
  firstText(ms: number): void
  answered(ms: number): void
  attempt(route: string, outcome: string): void
}

/** Everything that the bridge works with; `app.ts` fills it. */
export interface Desk {
  readonly store: Store
  readonly agent: Agent
  readonly platform: Platform
  readonly live: LiveAnswers
  readonly accounts: ReadonlyMap<string, AccountDesk>
  readonly clock: Clock
  readonly random: Random
  readonly timers: Timers
  readonly log: Log
  readonly meter: Meter
  readonly limits: {
    readonly openTurns: number
    readonly perUserPerMinute: number
    readonly maxRuns: number
    readonly runTimeoutMs: number
  }
  /** Something new may be due: looks at the scheduler's sources again. */
  wake(): void
}

/** Resolves when `work` has, or after `limitMs`; what then still goes on is left alone. */
export async function waitAtMost({ timers, clock }: Desk, limitMs: number, work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>()
  const cancel = timers.at(clock.now() + limitMs, late.resolve)
  await Promise.race([work, late.promise])
  cancel()
}

/** The sentences of an account; of the first one when the account has left the config while turns of it remain. */
export function sayOf(desk: Desk, account: string): Say {
  const found = desk.accounts.get(account) ?? desk.accounts.values().next().value
  if (found === undefined) throw new Error('no account is configured')
  return found.say
}
