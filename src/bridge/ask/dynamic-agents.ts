import type { Agent } from '../../domain/agent.ts'
import type { KeyValue } from '../../domain/ports.ts'
import type { Routed } from '../../domain/routing.ts'
import { WecomdError } from '../../errors.ts'
import type { Clock, Log } from '../../world.ts'

/** `making` is written when the gateway does not know it and before it is asked: what a kill cuts short is finished. */
type State = 'making' | 'made'

/** How long a question waits for a gateway that cannot be asked. */
const patienceMs = 30_000
/** After a refusal, or in vain, the bound agents answer for so long. */
const barredMs = 60_000

type AgentMakerPort = Pick<Agent, 'lacksAdmin' | 'knowsAgent' | 'makeAgent'>

/** Agents that belong to one user or one group. They are made when they are first needed, and the store knows which are. */
export class DynamicAgents {
  private readonly keyValue: KeyValue
  private readonly agent: AgentMakerPort
  private readonly clock: Clock
  private readonly log: Log
  private readonly made = new Set<string>()
  private readonly underWay = new Map<string, Promise<boolean>>()
  private barredUntil = 0
  private downSince: number | undefined

  constructor(keyValue: KeyValue, agent: AgentMakerPort, clock: Clock, log: Log) {
    this.keyValue = keyValue
    this.agent = agent
    this.clock = clock
    this.log = log
  }

  /** Who answers now; `boundAgentId` is who does if the agent turns out not to be to be had. */
  async settle(routed: Routed): Promise<{ readonly agentId: string; readonly fallbackAgentId?: string }> {
    const { agentId } = routed
    if (routed.rule !== 'dynamic') return { agentId }
    if (this.isBarred() && !(await this.isMade(agentId))) return { agentId: routed.fallbackAgentId }
    return { agentId, fallbackAgentId: routed.fallbackAgentId }
  }

  /** Makes it unless that was done. False where the bound one has to answer; rejects when it is to be tried again soon. */
  make(id: string): Promise<boolean> {
    const making = this.underWay.get(id) ?? this.makeOnce(id).finally(() => this.underWay.delete(id))
    this.underWay.set(id, making)
    return making
  }

  /** The gateway does not know it any more. */
  async forget(id: string): Promise<void> {
    this.made.delete(id)
    await this.keyValue.set(memoOf(id), '')
  }

  private async makeOnce(id: string): Promise<boolean> {
    if (await this.isMade(id)) return true
    if (this.isBarred()) return false
    const isUnfinished = (await this.keyValue.get(memoOf(id))) === 'making'
    try {
      // One that is there already is somebody's, and stays as it is.
      if (isUnfinished || !(await this.agent.knowsAgent(id))) {
        await this.remember(id, 'making')
        await this.agent.makeAgent(id, isUnfinished)
      }
    } catch (error) {
      if (!(error instanceof WecomdError)) throw error
      if (error.code === 'gateway_refused' && !isUnfinished) await this.forget(id)
      this.fail(error)
      return false
    }
    this.downSince = undefined
    await this.remember(id, 'made')
    this.made.add(id)
    this.log.info('an agent was made') // its id is that of a user
    return true
  }

  /** Throws when it is worth another try soon. */
  private fail(error: WecomdError): void {
    const now = this.clock.now()
    this.downSince ??= now
    if (error.code === 'gateway_down' && now < this.downSince + patienceMs) throw error
    this.downSince = undefined
    this.barredUntil = now + barredMs
    this.log.warn('agents cannot be made for now, the bound ones answer', { code: error.code, hint: error.hint })
  }

  private isBarred(): boolean {
    return this.agent.lacksAdmin() || this.clock.now() < this.barredUntil
  }

  private async isMade(id: string): Promise<boolean> {
    if (this.made.has(id)) return true
    const isMade = (await this.keyValue.get(memoOf(id))) === 'made'
    if (isMade) this.made.add(id)
    return isMade
  }

  private remember(id: string, state: State): Promise<void> {
    return this.keyValue.set(memoOf(id), state)
  }
}

function memoOf(id: string): string {
  return `agent:${id}`
}
