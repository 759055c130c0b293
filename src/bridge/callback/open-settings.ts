import type { Conversation, Surface } from '../../domain/message.ts'
import { formatSessionKey } from '../../domain/routing.ts'
import type { CommandRules } from '../../core/streaming/commands.ts'
import type { OpenSettings } from '../../core/streaming/open.ts'
import type { AccountSettings, BridgeContext } from '../context.ts'

type Configured = Pick<BridgeContext, 'limits' | 'passedCommands' | 'administratorsIn'>

/** What is known only when the message is there. */
interface Circumstances extends Pick<CommandRules, 'canReset' | 'approvals'> {
  readonly surface: Surface
  readonly conversation: Conversation
  /** Who answers, and who does where that agent cannot be created. */
  readonly agent: { readonly agentId: string; readonly fallbackAgentId?: string }
}

/** How a message to an account is opened: from its settings, the limits, and the circumstances. The store gives the stream id. */
export function openSettingsOf(
  { limits, passedCommands, administratorsIn }: Configured,
  account: AccountSettings,
  { surface, conversation, agent, canReset, approvals }: Circumstances,
): Omit<OpenSettings, 'streamId'> {
  return {
    ...agent,
    sessionKey: formatSessionKey(agent.agentId, conversation),
    windowMs: account.windowMs,
    handoverMs: account.handoverMs,
    joinWindowMs: account.joinWindowMs,
    openTurnsLimit: limits.openTurns,
    perUserPerMinuteLimit: limits.perUserPerMinute,
    askWithinMs: limits.askWithinMs,
    rules: {
      ...account.policies[surface],
      passes: passedCommands,
      canReset,
      administrators: administratorsIn(account.id),
      approvals,
    },
    thoughts: account.thoughts,
    ...(account.app && { dm: { format: account.app.replyFormat, deliverWithinMs: limits.deliverWithinMs } }),
  }
}
