import type { Agent, StartFile } from '../../domain/agent.ts'
import { WecomdError } from '../../errors.ts'
import type { Clock, Log } from '../../world.ts'
import { type AdminRequest, whenUp } from './request.ts'
import type { Connection } from '../link/socket.ts'
import { stringAt } from '../link/frames.ts'
import type { ReloadGate } from '../chat/reload-gate.ts'
import { GatewayRefusal } from '../link/rpc.ts'

/** An agent to create, and the promise of the caller. `isUnfinished`: an earlier attempt was cut short. */
interface AgentRequest {
  readonly id: string
  readonly isUnfinished: boolean
  readonly done: PromiseWithResolvers<void>
}

export interface AgentMakerDeps {
  readonly clock: Clock
  readonly log: Log
  /** The files that a new agent starts with, read at the time of the call. */
  startFiles(): readonly StartFile[]
}

/** Creating an agent takes up to 1.2 s. No question is sent meanwhile, so the wait is short. */
const createTimeoutMs = 5_000

/** Creates agents in the gateway. Concurrent requests form one batch, because each change delays all questions. */
export class AgentMaker {
  private readonly link: Connection
  private readonly request: AdminRequest
  private readonly clock: Clock
  private readonly gate: ReloadGate
  private readonly startFiles: () => readonly StartFile[]
  private readonly log: Log
  private queue: AgentRequest[] = []
  private isWorking = false

  constructor(link: Connection, request: AdminRequest, gate: ReloadGate, world: AgentMakerDeps) {
    this.link = link
    this.request = request
    this.gate = gate
    this.clock = world.clock
    this.log = world.log
    this.startFiles = world.startFiles
  }

  readonly knows: Agent['knowsAgent'] = async agentId => {
    try {
      await this.request('agents.files.list', { agentId })
      return true
    } catch (error) {
      if (error instanceof GatewayRefusal && /not found/.test(error.message)) return false
      throw error
    }
  }

  readonly make: Agent['makeAgent'] = (id, isUnfinished) => {
    const done = Promise.withResolvers<void>()
    this.queue.push({ id, isUnfinished, done })
    void this.work()
    return done.promise
  }

  private async work(): Promise<void> {
    if (this.isWorking) return
    this.isWorking = true
    while (this.queue.length > 0) await this.makeQueued()
    this.isWorking = false
  }

  /** Never rejects; the callers' promises do. The gate is closed only for the duration of the batch. */
  private async makeQueued(): Promise<void> {
    try {
      await whenUp(this.link)
    } catch (error) {
      for (const { done } of this.queue.splice(0)) done.reject(error)
      return
    }
    const unequipped: AgentRequest[] = []
    await this.gate.runChange(async () => {
      const batch = this.queue.splice(0)
      let madeAt: number | undefined
      const make = async (one: AgentRequest) => {
        const made = await this.create(one)
        if (made !== 'failed') unequipped.push(one)
        if (made === 'new') madeAt = this.clock.now()
      }
      await Promise.all(batch.map(make))
      return madeAt
    })
    // Only now does the gateway know the agents, so that it accepts their files.
    await Promise.all(unequipped.map(one => this.writeStartFiles(one)))
  }

  /** Never rejects; the caller's promise does. An existing agent is left as it is, unless it is unfinished. */
  private async create({ id, isUnfinished, done }: AgentRequest): Promise<'new' | 'unfinished' | 'failed'> {
    try {
      const answer = await this.request('agents.create', { name: id }, createTimeoutMs)
      const createdId = stringAt(answer, 'agentId')
      if (createdId === id) return 'new'
      done.reject(new WecomdError('gateway_refused', 'agents.create: the gateway created an agent with another id'))
    } catch (error) {
      const exists = error instanceof GatewayRefusal && /already exists/.test(error.message)
      if (exists && isUnfinished) return 'unfinished'
      if (exists) done.resolve()
      else done.reject(error)
    }
    return 'failed'
  }

  private async writeStartFiles({ id, done }: AgentRequest): Promise<void> {
    try {
      for (const { name, content } of this.startFiles()) await this.writeFile(id, name, content)
      done.resolve()
    } catch (error) {
      done.reject(error)
    }
  }

  private async writeFile(agentId: string, name: string, content: string): Promise<void> {
    try {
      await this.request('agents.files.set', { agentId, name, content })
    } catch (error) {
      if (!(error instanceof GatewayRefusal)) throw error
      if (/not found/.test(error.message))
        throw new WecomdError('gateway_down', 'agents.files.set: the gateway does not know the new agent yet', {
          cause: error,
        })
      this.log.warn('gateway rejected a start file; creating the agent without it', {
        file: name,
        code: error.gatewayCode,
      })
    }
  }
}
