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
  /** Whether there is anybody who may answer, now. */
  hasApprovers(): boolean
}

/** Commands that wait for approval, as the gateway tells of them: to all links with the right, of all sessions. */
export class Approvals {
  private readonly request: AdminRequest
  private readonly world: ApprovalDeps
  private readonly waiting = new Map<string, Approval>()
  private readonly listeners: ((approval: Approval) => void)[] = []

  constructor(link: Connection, request: AdminRequest, world: ApprovalDeps) {
    this.request = request
    this.world = world
    link.subscribe({
      isHeld: () => false,
      event: (event, payload) => this.hear(event, payload),
      // What was asked for, and what was decided, while nobody listened.
      status: ({ state }) => void (state === 'up' && world.hasApprovers() && this.refill()),
    })
  }

  readonly list: Agent['approvals'] = () => {
    const now = this.world.clock.now()
    return [...this.waiting.values()].filter(({ expiresAt }) => expiresAt > now)
  }

  readonly listen: Agent['onApproval'] = listener => void this.listeners.push(listener)

  readonly approve: Agent['approve'] = async (id, decision) => {
    try {
      await this.request('exec.approval.resolve', { id, decision })
      this.waiting.delete(id)
      return true
    } catch (error) {
      const reason = error instanceof GatewayRefusal ? error.details['reason'] : undefined
      if (reason !== 'APPROVAL_NOT_FOUND' && reason !== 'APPROVAL_ALREADY_RESOLVED') throw error
      this.waiting.delete(id)
      return false
    }
  }

  private hear(event: string, payload: Json): void {
    if (event === 'exec.approval.requested') this.add(payload)
    if (event === 'exec.approval.resolved') this.waiting.delete(stringAt(payload, 'id') ?? '')
  }

  private async refill(): Promise<void> {
    try {
      const { waiting } = this
      const before = new Set(waiting.keys())
      const items = listAt(await this.request('exec.approval.list', {}), 'list')
      for (const id of before) if (!items.some(item => item['id'] === id)) waiting.delete(id)
      for (const item of items) this.add(item)
    } catch (error) {
      this.world.log.warn('what waits for approval is not known', { error: messageOf(error) })
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
    const isNew = !this.waiting.has(id)
    this.waiting.set(id, approval)
    if (isNew) for (const listener of this.listeners) listener(approval)
  }
}
