import { formatSessionKey } from '../../domain/routing.ts'
import type { Turn } from '../../domain/turn.ts'
import { isCode } from '../../errors.ts'
import { traced } from '../../core/streaming/advance.ts'
import type { BridgeContext } from '../context.ts'

/** A turn whose own agent cannot be made: nothing was asked yet, so it goes to the bound one, and is claimed again. */
export async function useFallbackAgent({ store, clock }: BridgeContext, { id }: Turn, agentId: string): Promise<void> {
  const at = clock.now()
  await store.update(id, stored => {
    const { fallbackAgentId: _, ...rest } = stored
    const sessionKey = formatSessionKey(agentId, stored.conversation)
    const moved: Turn = { ...rest, agentId, sessionKey, pending: { state: 'queued', dueAt: at } }
    return { save: [traced(moved, { at, kind: 'routed', agent: agentId })] }
  })
}

/** Whether a reset was refused because the agent of a user is not there any more; a new one begins anew in any case. */
export async function isRemoved({ agent, dynamicAgents }: BridgeContext, turn: Turn, error: unknown): Promise<boolean> {
  const { agentId, fallbackAgentId } = turn
  if (fallbackAgentId === undefined || !isCode(error, 'gateway_refused') || agent.lacksAdmin()) return false
  if (await agent.knowsAgent(agentId).catch(() => true)) return false
  await dynamicAgents.forget(agentId)
  return true
}
