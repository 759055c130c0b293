import type { Agent, StartFile } from '../domain/agent.ts'
import type { Log } from '../world.ts'
import { createAdminRequest, lacksScope } from './admin-request.ts'
import { AgentMaker } from './agent-maker.ts'
import type { ChatAgent } from './chat-agent.ts'
import type { Connection } from './connection.ts'
import type { ReloadGate } from './reload-gate.ts'

/** The part of the agent that needs admin scope. */
export type AdminAgent = Omit<Agent, keyof ChatAgent>

export interface AdminWorld {
  readonly log: Log
  /** What a new agent finds in its workspace, now. */
  startFiles(): readonly StartFile[]
}

/** Over the admin link. Nothing that a user wrote goes this way. */
export function createAdminAgent(link: Connection, gate: ReloadGate, { log, startFiles }: AdminWorld): AdminAgent {
  const request = createAdminRequest(link, log)
  const maker = new AgentMaker(request, gate, startFiles, log)
  return {
    lacksAdmin: () => lacksScope(link),
    canReset: () => link.status.state === 'up',
    async reset(key, reason) {
      await request('sessions.reset', { key, reason })
    },
    makeAgent: maker.make,
  }
}
