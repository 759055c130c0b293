import { formatSessionKey } from '../../domain/routing.ts'
import { traced, type Turn } from '../../domain/turn.ts'
import { isCode } from '../../errors.ts'
import type { BridgeContext } from '../context.ts'

/**
 * Moves a turn to the bound agent because its dynamic agent can't be created. Nothing was asked yet, so the task is
 * queued again and its next claim prepares the question for the new session.
 */
export async function useFallbackAgent({ store, clock }: BridgeContext, { id }: Turn, agentId: string): Promise<void> {
  const at = clock.now()
  await store.update(id, stored => {
    const { fallbackAgentId: _, ...rest } = stored
    const sessionKey = formatSessionKey(agentId, stored.conversation)
    const moved: Turn = { ...rest, agentId, sessionKey, pending: { state: 'queued', dueAt: at } }
    return { save: [traced(moved, { at, kind: 'routed', agent: agentId })] }
  })
}

/**
 * Whether the gateway refused a reset because the dynamic agent was removed there. Then the reset counts as done: the
 * agent is created again for the next question, with an empty session.
 */
export async function wasAgentRemoved(
  { agent, dynamicAgents }: BridgeContext,
  turn: Turn,
  error: unknown,
): Promise<boolean> {
  const { agentId, fallbackAgentId } = turn
  if (fallbackAgentId === undefined || !isCode(error, 'gateway_refused') || agent.lacksAdmin()) return false
  if (await agent.knowsAgent(agentId).catch(() => true)) return false
  await dynamicAgents.forget(agentId)
  return true
}
