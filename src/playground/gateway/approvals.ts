import type { Clock } from '../../world.ts'
import { type RpcAnswer, type Emit, type Params, refuse } from './frames.ts'

export type ApprovalDecision = 'allow-once' | 'deny'

/** What needs an approval: a command, or the step of a plugin. */
export type EchoWish = { readonly command: string } | { readonly title: string; readonly description: string }

interface PendingApproval {
  readonly payload: Params & { readonly id: string }
  readonly decide: (decision: ApprovalDecision) => void
}

export interface EchoApprovalDeps {
  readonly clock: Clock
  readonly emit: Emit
  readonly newId: () => string
  /** Whether a client is connected that can approve. */
  readonly hasApprover: () => boolean
}

const withinMs = 1_800_000

/** Commands that wait for approval. They are kept in memory only, so a restart of the gateway loses them. */
export class EchoApprovals {
  private readonly deps: EchoApprovalDeps
  private readonly waiting = new Map<string, PendingApproval>()
  private readonly decided = new Map<string, ApprovalDecision>()

  constructor(deps: EchoApprovalDeps) {
    this.deps = deps
  }

  /** Resolves to the decision, or to undefined if no client can approve. */
  async ask(
    { sessionKey, runId }: { readonly sessionKey: string; readonly runId: string },
    wanted: EchoWish,
  ): Promise<ApprovalDecision | undefined> {
    const { clock, emit, newId, hasApprover: isHeard } = this.deps
    if (!isHeard()) return undefined
    const approvalKind = 'command' in wanted ? 'exec' : 'plugin'
    const id = approvalKind === 'exec' ? newId() : `plugin:${newId()}`
    const host = approvalKind === 'exec' ? { host: 'gateway' } : { pluginId: 'echo' }
    const request = { ...wanted, ...host, allowedDecisions: ['allow-once', 'deny'], sessionKey, runId }
    const createdAtMs = clock.now()
    const payload = { approvalKind, id, request, createdAtMs, expiresAtMs: createdAtMs + withinMs }
    const decision = Promise.withResolvers<ApprovalDecision>()
    this.waiting.set(id, { payload, decide: decision.resolve })
    const cancel = clock.alarm(payload.expiresAtMs, () => this.decide(id, 'deny'))
    emit(`${approvalKind}.approval.requested`, payload)
    return await decision.promise.finally(cancel)
  }

  list(kind: 'exec' | 'plugin'): object {
    return Array.from(this.waiting.values(), ({ payload }) => payload).filter(one => one['approvalKind'] === kind)
  }

  resolve(params: Params): RpcAnswer {
    const [id, decision] = [String(params['id']), params['decision']]
    if (decision !== 'allow-once' && decision !== 'deny') return refuse('INVALID_REQUEST', 'invalid decision')
    const before = this.decided.get(id)
    if (before === decision) return { ok: true, payload: { ok: true } }
    const [message, reason] =
      before === undefined
        ? ['unknown or expired approval id', 'APPROVAL_NOT_FOUND']
        : ['approval already resolved', 'APPROVAL_ALREADY_RESOLVED']
    if (!this.decide(id, decision)) return refuse('INVALID_REQUEST', message, { details: { reason } })
    return { ok: true, payload: { ok: true } }
  }

  /** Denies what still waits when its run has ended. */
  close(runId: string): void {
    for (const [id, { payload }] of this.waiting) {
      if (JSON.stringify(payload).includes(JSON.stringify(runId))) this.decide(id, 'deny')
    }
  }

  private decide(id: string, decision: ApprovalDecision): boolean {
    const waiting = this.waiting.get(id)
    if (waiting === undefined) return false
    this.waiting.delete(id)
    this.decided.set(id, decision)
    this.deps.emit(`${waiting.payload['approvalKind'] as string}.approval.resolved`, {
      ...waiting.payload,
      decision,
      ts: this.deps.clock.now(),
    })
    waiting.decide(decision)
    return true
  }
}
