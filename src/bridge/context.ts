import type { Agent } from '../domain/agent.ts'
import type { Conversation, Surface } from '../domain/message.ts'
import type { DmPolicy } from '../domain/policy.ts'
import type { Platform, Store } from '../domain/ports.ts'
import type { Routed } from '../domain/routing.ts'
import type { Spool } from '../domain/spool.ts'
import type { ReplyFormat, Thoughts } from '../domain/turn.ts'
import type { Translate } from '../core/notices/notices.ts'
import type { Clock, Log, Random, Timers } from '../world.ts'
import type { AppBreaker } from './deliver/breaker.ts'
import type { LiveAnswers } from './ask/live.ts'
import type { DynamicAgents } from './ask/dynamic-agents.ts'

/** What the bridge knows of one account. */
export interface AccountSettings {
  readonly id: string
  readonly translate: Translate
  readonly placeholder: string
  readonly welcomeText?: string
  readonly thoughts: Thoughts
  /** The agent hears of thumbs up and down, which are counted in any case. */
  readonly tellsFeedback?: boolean
  readonly policies: Readonly<Record<Surface, AccessSettings>>
  readonly windowMs: number
  readonly handoverMs: number
  readonly joinWindowMs: number
  /** Absent where the account has no self-built app. */
  readonly app?: AppDesk
}

/** Who may use a Bot or an app, and where an administrator changes that. */
export interface AccessSettings {
  readonly policy: DmPolicy
  readonly setting: string
}

export interface AppDesk {
  readonly replyFormat: ReplyFormat
  readonly allowAppChat: boolean
  readonly welcomeText?: string
}

/** What happened, for the counters of the private listener. */
export interface Meter {
  turnEnded(end: string): void
  firstText(ms: number): void
  answered(ms: number): void
  attempt(route: string, outcome: string): void
  feedback(account: string, verdict: string): void
}

/** Everything that the bridge works with; `app.ts` fills it. */
export interface BridgeContext {
  readonly store: Store
  readonly agent: Agent
  readonly platform: Platform
  readonly spool: Spool
  readonly breaker: AppBreaker
  readonly live: LiveAnswers
  readonly dynamicAgents: DynamicAgents
  readonly accounts: ReadonlyMap<string, AccountSettings>
  readonly clock: Clock
  readonly random: Random
  readonly timers: Timers
  readonly log: Log
  readonly meter: Meter
  /** IANA name: where a day of the welcome begins. */
  readonly timezone: string
  readonly limits: {
    readonly openTurns: number
    readonly perUserPerMinute: number
    readonly maxRuns: number
    readonly runTimeoutMs: number
    readonly askWithinMs: number
    readonly deliverWithinMs: number
    /** Deliveries to WeCom that may wait at most before scripts are refused. */
    readonly outbox: number
  }
  /** Commands of the gateway that users may use who may use commands. */
  readonly passedCommands: readonly string[]
  /** Who may answer for commands that wait for approval, in an account. */
  administratorsIn(account: string): readonly string[]
  /** The agent of the gateway that answers a sender in a conversation. */
  route(conversation: Conversation, sender: string): Routed
  /** Rises with every call: the order of what goes to one target. */
  nextOrder(): number
  /** Something new may be due: looks at the scheduler's sources again. */
  wake(): void
}

/** Resolves when `work` has, or after `limitMs`; what then still goes on is left alone. */
export async function waitAtMost(
  { timers, clock }: BridgeContext,
  limitMs: number,
  work: Promise<unknown>,
): Promise<void> {
  const late = Promise.withResolvers<void>()
  const cancel = timers.at(clock.now() + limitMs, late.resolve)
  await Promise.race([work, late.promise])
  cancel()
}

/** The sentences of an account; of the first one when the account has left the config while turns of it remain. */
export function translatorOf(context: BridgeContext, account: string): Translate {
  const found = context.accounts.get(account) ?? context.accounts.values().next().value
  if (found === undefined) throw new Error('no account is configured')
  return found.translate
}
