import type { Agent, Approval } from '../../domain/agent.ts'
import { messageOf } from '../../errors.ts'
import type { Clock, Log } from '../../world.ts'
import type { AdminRequest } from './request.ts'
import type { Connection } from '../link/socket.ts'
import { type Json, listAt, numberAt, objectAt, stringAt } from '../link/frames.ts'
import { GatewayRefusal } from '../link/rpc.ts'

export interface ApprovalDeps {
  readonly clock: Clock
  readonly log: Log
  /** Whether administrators are configured at the moment. */
  hasApprovers(): boolean
}

/** The pending approvals of all sessions, kept up to date from the gateway's events. Nothing is stored. */
export class Approvals {
  private readonly request: AdminRequest
  private readonly world: ApprovalDeps
  private readonly pending = new Map<string, Approval>()
  private readonly listeners: ((approval: Approval) => void)[] = []

  constructor(link: Connection, request: AdminRequest, world: ApprovalDeps) {
    this.request = request
    this.world = world
    link.subscribe({
      followsSession: () => false,
      event: (event, payload) => this.handleEvent(event, payload),
      // Events during a break are lost, so the whole list is read after each connect.
      status: ({ state }) =>
        void (state === 'up' && world.hasApprovers() && families.forEach(one => this.refresh(one))),
    })
  }

  readonly list: Agent['approvals'] = () => {
    const now = this.world.clock.now()
    return [...this.pending.values()].filter(({ expiresAt }) => expiresAt > now)
  }

  readonly listen: Agent['onApproval'] = listener => void this.listeners.push(listener)

  readonly approve: Agent['approve'] = async (id, decision) => {
    try {
      await this.request(`${familyOf(id)}.approval.resolve`, { id, decision })
      this.pending.delete(id)
      return true
    } catch (error) {
      const reason = error instanceof GatewayRefusal ? error.details['reason'] : undefined
      if (reason !== 'APPROVAL_NOT_FOUND' && reason !== 'APPROVAL_ALREADY_RESOLVED') throw error
      this.pending.delete(id)
      return false
    }
  }

  private handleEvent(event: string, payload: Json): void {
    const [, what] = /^(?:exec|plugin)\.approval\.(\w+)$/.exec(event) ?? []
    if (what === 'requested') this.add(payload)
    if (what === 'resolved' || what === 'removed') this.pending.delete(stringAt(payload, 'id') ?? '')
  }

  private async refresh(family: Family): Promise<void> {
    try {
      const { pending } = this
      const before = [...pending.keys()].filter(id => familyOf(id) === family)
      const items = listAt(await this.request(`${family}.approval.list`, {}), 'list')
      for (const id of before) if (!items.some(item => item['id'] === id)) pending.delete(id)
      for (const item of items) this.add(item)
    } catch (error) {
      this.world.log.warn('cannot list pending approvals', { family, error: messageOf(error) })
    }
  }

  private add(payload: Json): void {
    const request = objectAt(payload, 'request')
    const id = stringAt(payload, 'id')
    if (id === undefined) return
    const runId = stringAt(request, 'runId')
    const approval: Approval = {
      id,
      ...(runId !== undefined && { runId }),
      sessionKey: (stringAt(request, 'sessionKey') ?? '').toLowerCase(),
      kind: familyOf(id) === 'exec' ? 'command' : 'plugin',
      command: stringAt(request, 'command') ?? linesOf(request),
      expiresAt: numberAt(payload, 'expiresAtMs') ?? Infinity,
    }
    const isNew = !this.pending.has(id)
    this.pending.set(id, approval)
    if (isNew) for (const listener of this.listeners) listener(approval)
  }
}

/** The gateway has a family of methods and events for commands, and one for plugins. Ids of the second begin with its name. */
const families = ['exec', 'plugin'] as const

type Family = (typeof families)[number]

function familyOf(id: string): Family {
  return id.startsWith('plugin:') ? 'plugin' : 'exec'
}

function linesOf(request: Json): string {
  const lines = ['title', 'description', 'detail'].map(name => stringAt(request, name)?.trim() ?? '')
  return lines.filter(line => line !== '').join('\n')
}
