import { type Conversation, isOutsider, type Surface } from '../../domain/message.ts'
import { formatSessionKey } from '../../domain/routing.ts'
import type { CommandRules } from '../../core/streaming/commands.ts'
import type { OpenSettings } from '../../core/streaming/open.ts'
import type { AccountSettings, BridgeContext } from '../context.ts'

type Configured = Pick<BridgeContext, 'limits' | 'passedCommands' | 'administratorsIn'>

/** The inputs that depend on the message. */
interface MessageContext extends Pick<CommandRules, 'canReset' | 'approvals'> {
  readonly surface: Surface
  readonly sender: string
  readonly conversation: Conversation
  /** The agent, and the one that answers if it can't be created. */
  readonly agent: { readonly agentId: string; readonly fallbackAgentId?: string }
}

/** Collects the settings for `openTurn`, from the account, the limits and the message. The stream id comes from the store. */
export function openSettingsOf(
  { limits, passedCommands, administratorsIn }: Configured,
  account: AccountSettings,
  { surface, sender, conversation, agent, canReset, approvals }: MessageContext,
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
    ...(account.app &&
      !isOutsider(sender) && {
        dm: { format: account.app.replyFormat, deliverWithinMs: limits.deliverWithinMs },
      }),
  }
}
