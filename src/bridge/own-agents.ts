import type { Agent } from '../domain/agent.ts'
import type { Memos } from '../domain/ports.ts'
import type { Routed } from '../domain/routing.ts'
import { isCode, messageOf } from '../errors.ts'
import type { Log } from '../world.ts'

/** A memo says `making` from before the gateway is asked, so that what a kill cuts short is finished. */
type State = 'making' | 'made'

/** Agents that belong to one user or one group. They are made when they are first needed, and the store knows which are. */
export class OwnAgents {
  private readonly memos: Memos
  private readonly agent: Pick<Agent, 'lacksAdmin' | 'makeAgent'>
  private readonly log: Log
  private readonly made = new Set<string>()

  constructor(memos: Memos, agent: Pick<Agent, 'lacksAdmin' | 'makeAgent'>, log: Log) {
    this.memos = memos
    this.agent = agent
    this.log = log
  }

  /** Who answers now; `boundAgentId` is who does if the agent turns out not to be to be had. */
  async settle(routed: Routed): Promise<{ readonly agentId: string; readonly boundAgentId?: string }> {
    const { agentId } = routed
    if (routed.rule !== 'dynamic') return { agentId }
    if (this.agent.lacksAdmin() && !(await this.isMade(agentId))) return { agentId: routed.instead }
    return { agentId, boundAgentId: routed.instead }
  }

  /** Makes it unless that was done. False when the gateway refuses; rejects when it cannot be asked now. */
  async make(id: string): Promise<boolean> {
    if (await this.isMade(id)) return true
    const isUnfinished = (await this.stateOf(id)) === 'making'
    if (!isUnfinished) await this.remember(id, 'making')
    try {
      await this.agent.makeAgent(id, isUnfinished)
    } catch (error) {
      if (!isCode(error, 'gateway_refused')) throw error
      await this.forget(id)
      this.log.warn('an agent could not be made, the bound one answers', { agent: id, error: messageOf(error) })
      return false
    }
    await this.remember(id, 'made')
    this.made.add(id)
    this.log.info('an agent was made', { agent: id })
    return true
  }

  /** The gateway does not know it any more. */
  async forget(id: string): Promise<void> {
    this.made.delete(id)
    await this.memos.remember(memoOf(id), '')
  }

  private async isMade(id: string): Promise<boolean> {
    if (this.made.has(id)) return true
    const isMade = (await this.stateOf(id)) === 'made'
    if (isMade) this.made.add(id)
    return isMade
  }

  private stateOf(id: string): Promise<string | undefined> {
    return this.memos.recall(memoOf(id))
  }

  private remember(id: string, state: State): Promise<void> {
    return this.memos.remember(memoOf(id), state)
  }
}

function memoOf(id: string): string {
  return `agent:${id}`
}
