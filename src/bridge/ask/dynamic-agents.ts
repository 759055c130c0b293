import type { Agent } from '../../domain/agent.ts'
import type { KeyValue } from '../../domain/ports.ts'
import type { Routed } from '../../domain/routing.ts'
import { WecomdError } from '../../errors.ts'
import type { Clock, Log } from '../../world.ts'

/**
 * Stored per agent. `making` is stored before the gateway is asked to create it, so that a creation that a crash cut
 * off is finished by the next start. `made`: it exists.
 */
type State = 'making' | 'made'

/** How long a question waits for a gateway that can't be reached. */
const gatewayWaitMs = 30_000
/** After a refusal or a timeout, fall back to the bound agents for this long. */
const pauseMs = 60_000

type AgentMakerPort = Pick<Agent, 'lacksAdmin' | 'knowsAgent' | 'makeAgent'>

/**
 * Dynamic agents: agents that belong to one user or one group. They are created at the gateway when they are first
 * needed (docs/adr/0010-dynamic-agents.md). Which ones exist is stored, so that a restart doesn't ask the gateway
 * again.
 */
export class DynamicAgents {
  private readonly keyValue: KeyValue
  private readonly agent: AgentMakerPort
  private readonly clock: Clock
  private readonly log: Log
  private readonly known = new Set<string>()
  private readonly inProgress = new Map<string, Promise<boolean>>()
  private pausedUntil = 0
  private downSince: number | undefined

  constructor(keyValue: KeyValue, agent: AgentMakerPort, clock: Clock, log: Log) {
    this.keyValue = keyValue
    this.agent = agent
    this.clock = clock
    this.log = log
  }

  /**
   * The agent for a new turn. While creation is paused, a user without a dynamic agent gets the bound one at once.
   * `fallbackAgentId` is set if the agent is dynamic: it answers if the dynamic one can't be created.
   */
  async choose(routed: Routed): Promise<{ readonly agentId: string; readonly fallbackAgentId?: string }> {
    const { agentId } = routed
    if (routed.rule !== 'dynamic') return { agentId }
    if (this.isPaused() && !(await this.isMade(agentId))) return { agentId: routed.fallbackAgentId }
    return { agentId, fallbackAgentId: routed.fallbackAgentId }
  }

  /**
   * Creates the agent unless it exists. Resolves to false if the bound agent has to answer instead. Rejects if it is
   * worth trying again soon. Calls for one id at the same time share one request.
   */
  ensure(id: string): Promise<boolean> {
    const creation = this.inProgress.get(id) ?? this.create(id).finally(() => this.inProgress.delete(id))
    this.inProgress.set(id, creation)
    return creation
  }

  /** The agent no longer exists at the gateway: the next `ensure` creates it again. */
  async forget(id: string): Promise<void> {
    this.known.delete(id)
    await this.keyValue.set(keyOf(id), '')
  }

  private async create(id: string): Promise<boolean> {
    if (await this.isMade(id)) return true
    if (this.isPaused()) return false
    const isUnfinished = (await this.keyValue.get(keyOf(id))) === 'making'
    try {
      // An agent with this id that we did not create belongs to the operator: use it, and never change it.
      if (isUnfinished || !(await this.agent.knowsAgent(id))) {
        await this.setState(id, 'making')
        await this.agent.makeAgent(id, isUnfinished)
      }
    } catch (error) {
      if (!(error instanceof WecomdError)) throw error
      if (error.code === 'gateway_refused' && !isUnfinished) await this.forget(id)
      this.pauseAfter(error)
      return false
    }
    this.downSince = undefined
    await this.setState(id, 'made')
    this.known.add(id)
    this.log.info('dynamic agent created') // without its id, which contains a user id
    return true
  }

  /**
   * Pauses creation after a failure. Rethrows it instead while the gateway has been down for less than `gatewayWaitMs`.
   */
  private pauseAfter(error: WecomdError): void {
    const now = this.clock.now()
    this.downSince ??= now
    if (error.code === 'gateway_down' && now < this.downSince + gatewayWaitMs) throw error
    this.downSince = undefined
    this.pausedUntil = now + pauseMs
    this.log.warn('dynamic agents cannot be created, bound agents answer for now', {
      code: error.code,
      hint: error.hint,
    })
  }

  private isPaused(): boolean {
    return this.agent.lacksAdmin() || this.clock.now() < this.pausedUntil
  }

  private async isMade(id: string): Promise<boolean> {
    if (this.known.has(id)) return true
    const isMade = (await this.keyValue.get(keyOf(id))) === 'made'
    if (isMade) this.known.add(id)
    return isMade
  }

  private setState(id: string, state: State): Promise<void> {
    return this.keyValue.set(keyOf(id), state)
  }
}

function keyOf(id: string): string {
  return `agent:${id}`
}
