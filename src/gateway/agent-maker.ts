import type { Agent, StartFile } from '../domain/agent.ts'
import { WecomdError } from '../errors.ts'
import type { Log } from '../world.ts'
import type { AdminRequest } from './admin-request.ts'
import { stringAt } from './frames.ts'
import type { ReloadGate } from './reload-gate.ts'
import { GatewayRefusal } from './rpc.ts'

/** One that is to be made, and who waits for it. */
interface Wanted {
  readonly id: string
  readonly isUnfinished: boolean
  readonly done: PromiseWithResolvers<void>
}

/** Makes agents in the gateway. Those that are wanted at the same time are made together: each change holds all questions up. */
export class AgentMaker {
  private readonly request: AdminRequest
  private readonly gate: ReloadGate
  private readonly startFiles: () => readonly StartFile[]
  private readonly log: Log
  private wanted: Wanted[] = []
  private isAtWork = false

  /** `startFiles`: what a new agent finds in its workspace. */
  constructor(request: AdminRequest, gate: ReloadGate, startFiles: () => readonly StartFile[], log: Log) {
    this.request = request
    this.gate = gate
    this.startFiles = startFiles
    this.log = log
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
    while (this.wanted.length > 0) {
      const fresh: Wanted[] = []
      await this.gate.pass(async () => {
        const batch = this.wanted.splice(0)
        const made = await Promise.all(batch.map(one => this.create(one)))
        fresh.push(...batch.filter((_, index) => made[index] !== 'failed'))
        return made.includes('new')
      })
      // Known to the gateway from here on.
      await Promise.all(fresh.map(one => this.equip(one)))
    }
    this.isAtWork = false
  }

  /** Never rejects: who waits does. */
  private async create({ id, isUnfinished, done }: Wanted): Promise<'new' | 'unfinished' | 'failed'> {
    try {
      const answer = await this.request('agents.create', { name: id })
      const given = stringAt(answer, 'agentId')
      if (given === id) return 'new'
      done.reject(new WecomdError('gateway_refused', `agents.create: asked for ${id}, was given ${given}`))
    } catch (error) {
      const exists = error instanceof GatewayRefusal && /already exists/.test(error.message)
      if (exists && isUnfinished) return 'unfinished'
      if (exists) done.resolve()
      else done.reject(error)
    }
    return 'failed'
  }

  private async equip({ id, done }: Wanted): Promise<void> {
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
      if (/not found/.test(error.message)) throw new WecomdError('gateway_down', error.message, { cause: error })
      this.log.warn('a new agent goes without a file of its workspace', { agent: agentId, file: name })
    }
  }
}
