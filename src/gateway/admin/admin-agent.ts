import { type Agent, isBarred } from '../../domain/agent.ts'
import { createAdminRequest } from './request.ts'
import { AgentMaker, type AgentMakerDeps } from './agent-maker.ts'
import { Approvals, type ApprovalDeps } from './approvals.ts'
import type { ChatAgent } from '../chat/chat-agent.ts'
import type { Connection } from '../link/socket.ts'
import type { ReloadGate } from '../chat/reload-gate.ts'

/** The part of `Agent` that needs admin scope. */
export type AdminAgent = Omit<Agent, keyof ChatAgent>

/** The dependencies of the admin agent. */
export type AdminAgentDeps = ApprovalDeps & AgentMakerDeps

/** Implements the admin part of `Agent` over the admin link. User text is never sent over this link. */
export function createAdminAgent(link: Connection, gate: ReloadGate, world: AdminAgentDeps): AdminAgent {
  const request = createAdminRequest(link, world.log)
  const approvals = new Approvals(link, request, world)
  const maker = new AgentMaker(link, request, gate, world)
  return {
    lacksAdmin: () => isBarred(link.status),
    canReset: () => link.status.state === 'up',
    async reset(key, reason) {
      await request('sessions.reset', { key, reason })
    },
    knowsAgent: maker.knows,
    makeAgent: maker.make,
    approvals: approvals.list,
    onApproval: approvals.listen,
    approve: approvals.approve,
  }
}
