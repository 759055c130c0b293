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
      status: ({ state }) => void (state === 'up' && world.hasApprovers() && this.refresh()),
    })
  }

  readonly list: Agent['approvals'] = () => {
    const now = this.world.clock.now()
    return [...this.pending.values()].filter(({ expiresAt }) => expiresAt > now)
  }

  readonly listen: Agent['onApproval'] = listener => void this.listeners.push(listener)

  readonly approve: Agent['approve'] = async (id, decision) => {
    try {
      await this.request('exec.approval.resolve', { id, decision })
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
    if (event === 'exec.approval.requested') this.add(payload)
    if (event === 'exec.approval.resolved') this.pending.delete(stringAt(payload, 'id') ?? '')
  }

  private async refresh(): Promise<void> {
    try {
      const { pending } = this
      const before = new Set(pending.keys())
      const items = listAt(await this.request('exec.approval.list', {}), 'list')
      for (const id of before) if (!items.some(item => item['id'] === id)) pending.delete(id)
      for (const item of items) this.add(item)
    } catch (error) {
      this.world.log.warn('cannot list pending approvals', { error: messageOf(error) })
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
      command: stringAt(request, 'command') ?? '',
      expiresAt: numberAt(payload, 'expiresAtMs') ?? Infinity,
    }
    const isNew = !this.pending.has(id)
    this.pending.set(id, approval)
    if (isNew) for (const listener of this.listeners) listener(approval)
  }
}
