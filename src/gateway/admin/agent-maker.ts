import type { Agent, StartFile } from '../../domain/agent.ts'
import { WecomdError } from '../../errors.ts'
import type { Clock, Log } from '../../world.ts'
import { type AdminRequest, whenUp } from './request.ts'
import type { Connection } from '../link/socket.ts'
import { stringAt } from '../link/frames.ts'
import type { ReloadGate } from '../chat/reload-gate.ts'
import { GatewayRefusal } from '../link/rpc.ts'

/** One that is to be made, and who waits for it. */
interface AgentRequest {
  readonly id: string
  readonly isUnfinished: boolean
  readonly done: PromiseWithResolvers<void>
}

export interface AgentMakerDeps {
  readonly clock: Clock
  readonly log: Log
  /** What a new agent finds in its workspace, now. */
  startFiles(): readonly StartFile[]
}

/** It takes a second; meanwhile nobody is asked. */
const createWithinMs = 5_000

/** Makes agents in the gateway. Those that are wanted at the same time are made together: each change holds all questions up. */
export class AgentMaker {
  private readonly link: Connection
  private readonly request: AdminRequest
  private readonly clock: Clock
  private readonly gate: ReloadGate
  private readonly startFiles: () => readonly StartFile[]
  private readonly log: Log
  private wanted: AgentRequest[] = []
  private isAtWork = false

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
    this.wanted.push({ id, isUnfinished, done })
    void this.work()
    return done.promise
  }

  private async work(): Promise<void> {
    if (this.isAtWork) return
    this.isAtWork = true
    while (this.wanted.length > 0) await this.makeAll()
    this.isAtWork = false
  }

  /** Never rejects: who waits does. Questions are held up only while there is something to be done. */
  private async makeAll(): Promise<void> {
    try {
      await whenUp(this.link)
    } catch (error) {
      for (const { done } of this.wanted.splice(0)) done.reject(error)
      return
    }
    const fresh: AgentRequest[] = []
    await this.gate.pass(async () => {
      const batch = this.wanted.splice(0)
      let madeAt: number | undefined
      const make = async (one: AgentRequest) => {
        const made = await this.create(one)
        if (made !== 'failed') fresh.push(one)
        if (made === 'new') madeAt = this.clock.now()
      }
      await Promise.all(batch.map(make))
      return madeAt
    })
    // Known to the gateway from here on.
    await Promise.all(fresh.map(one => this.equip(one)))
  }

  /** Never rejects: who waits does. */
  private async create({ id, isUnfinished, done }: AgentRequest): Promise<'new' | 'unfinished' | 'failed'> {
    try {
      const answer = await this.request('agents.create', { name: id }, createWithinMs)
      const given = stringAt(answer, 'agentId')
      if (given === id) return 'new'
      done.reject(new WecomdError('gateway_refused', 'agents.create: the gateway has made one of another name'))
    } catch (error) {
      const exists = error instanceof GatewayRefusal && /already exists/.test(error.message)
      if (exists && isUnfinished) return 'unfinished'
      if (exists) done.resolve()
      else done.reject(error)
    }
    return 'failed'
  }

  private async equip({ id, done }: AgentRequest): Promise<void> {
    try {
      for (const { name, content } of this.startFiles()) await this.place(id, name, content)
      done.resolve()
    } catch (error) {
      done.reject(error)
    }
  }

  private async place(agentId: string, name: string, content: string): Promise<void> {
    try {
      await this.request('agents.files.set', { agentId, name, content })
    } catch (error) {
      if (!(error instanceof GatewayRefusal)) throw error
      if (/not found/.test(error.message))
        throw new WecomdError('gateway_down', 'a new agent is not known to the gateway yet', { cause: error })
      this.log.warn('a new agent goes without a file of its workspace', { file: name, code: error.gatewayCode })
    }
  }
}
