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

/** The settings of one account, with defaults filled in. A reload replaces the whole object. */
export interface AccountSettings {
  readonly id: string
  /** Of its app. */
  readonly corpId?: string
  readonly translate: Translate
  readonly placeholder: string
  readonly welcomeText?: string
  readonly thoughts: Thoughts
  /** Passes a user's thumbs up or down on to the agent. They are counted either way. */
  readonly agentGetsFeedback?: boolean
  readonly policies: Readonly<Record<Surface, AccessSettings>>
  readonly windowMs: number
  readonly handoverMs: number
  readonly joinWindowMs: number
  /** Missing if the account has no self-built app. */
  readonly app?: AppSettings
}

/** Access control of a Bot or an app. `setting` is the config key that a denied user is shown. */
export interface AccessSettings {
  readonly policy: DmPolicy
  readonly setting: string
}

export interface AppSettings {
  readonly replyFormat: ReplyFormat
  readonly allowAppChat: boolean
  readonly welcomeText?: string
}

/** Counters for `/metrics`. Durations are in ms. */
export interface Meter {
  turnEnded(end: string): void
  /** `at` is epoch ms. */
  turnFailed(cause: string, at: number): void
  firstText(ms: number): void
  answered(ms: number): void
  attempt(route: string, outcome: string): void
  feedback(account: string, verdict: string): void
}

/**
 * The dependencies of the bridge. `src/app/bridge-context.ts` builds it. Settings are getters there, so that a reload
 * takes effect at the next read: read them when they are needed and keep no copy.
 */
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
  /** Names a user in the log, without telling who it is. */
  nameOf(userid: string): string
  /** IANA name, such as `Asia/Shanghai`. The app's welcome is sent once per calendar day of this time zone. */
  readonly timezone: string
  readonly limits: {
    readonly openTurns: number
    readonly perUserPerMinute: number
    readonly maxRuns: number
    readonly runTimeoutMs: number
    readonly askWithinMs: number
    readonly deliverWithinMs: number
    /** With this many unfinished deliveries, `send` is refused with `overloaded`. */
    readonly outbox: number
  }
  /** Gateway commands for users who are allowed to use commands, without the slash (`commands.pass`). */
  readonly passedCommands: readonly string[]
  /** The users of an account who may approve commands of the agent. */
  administratorsIn(account: string): readonly string[]
  /** Chooses the agent for a sender in a conversation: a binding, a dynamic agent or the default. */
  route(conversation: Conversation, sender: string): Routed
  /** Rises with every call. Deliveries to one target are sent in this order. */
  nextOrder(): number
  /** Makes the scheduler ask its sources again when they are due. */
  wake(): void
}

/** Waits for `work`, at most `limitMs`. Unfinished work is not cancelled. Rejects if `work` rejects first. */
export async function waitAtMost(
  { timers, clock }: BridgeContext,
  limitMs: number,
  work: Promise<unknown>,
): Promise<void> {
  const timeout = Promise.withResolvers<void>()
  const cancel = timers.at(clock.now() + limitMs, timeout.resolve)
  await Promise.race([work, timeout.promise])
  cancel()
}

/**
 * The notice texts of an account. An account can leave the config while some of its turns are unfinished: they get the
 * texts of the first account.
 */
export function translatorOf(context: BridgeContext, account: string): Translate {
  const found = context.accounts.get(account) ?? context.accounts.values().next().value
  if (found === undefined) throw new Error('no account is configured')
  return found.translate
}
