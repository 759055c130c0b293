import type { Delivery } from '../../domain/delivery.ts'
import { formatSessionKey } from '../../domain/routing.ts'
import type { Turn } from '../../domain/turn.ts'
import { isCode } from '../../errors.ts'
import { traced } from '../../core/streaming/advance.ts'
import type { BridgeContext } from '../context.ts'

/** A turn whose own agent cannot be made: nothing was asked yet, so it goes to the bound one, and is claimed anew. */
export async function useFallbackAgent(
  { store, clock }: BridgeContext,
  delivery: Delivery,
  { id }: Turn,
  agentId: string,
): Promise<void> {
  const at = clock.now()
  await store.update(id, stored => {
    const { boundAgentId: _, ...rest } = stored
    const moved: Turn = { ...rest, agentId, sessionKey: formatSessionKey(agentId, stored.conversation) }
    return {
      save: [traced(moved, { at, kind: 'routed', agent: agentId })],
      settle: [{ ...delivery, state: 'queued', dueAt: at }],
    }
  })
}

/** The gateway does not know the agent of a turn any more: it is made again, and then asked. */
export async function recreateAgent(
  { store, clock, dynamicAgents }: BridgeContext,
  delivery: Delivery,
  turn: Turn,
): Promise<void> {
  await dynamicAgents.forget(turn.agentId)
  await store.outbox.write({ settle: [{ ...delivery, state: 'queued', dueAt: clock.now() }] })
}

/** Whether a reset was refused because the agent of a user is not there any more; a new one begins anew in any case. */
export async function isRemoved({ agent, dynamicAgents }: BridgeContext, turn: Turn, error: unknown): Promise<boolean> {
  const { agentId, boundAgentId } = turn
  if (boundAgentId === undefined || !isCode(error, 'gateway_refused') || agent.lacksAdmin()) return false
  if (await agent.knowsAgent(agentId).catch(() => true)) return false
  await dynamicAgents.forget(agentId)
  return true
}
