import type { Clock } from '../../world.ts'
import { type RpcAnswer, type Params, refuse } from './frames.ts'
import type { Disk } from './runs/history.ts'

/** The workspace files that clients may write. */
const fileNames = ['AGENTS.md', 'SOUL.md', 'IDENTITY.md', 'USER.md', 'BOOTSTRAP.md', 'MEMORY.md']

export interface EchoAgentDeps {
  readonly clock: Clock
  readonly disk: Disk
  /** Delay before a changed config takes effect. Another change restarts the delay. */
  readonly reloadMs: number
  readonly permissionMode?: string | undefined
  /** Called when a changed config takes effect. */
  readonly onReload: () => void
}

/** The agents. A new one is on disk at once, but the running process knows it only after it reloads its config. */
export class EchoAgents {
  private readonly deps: EchoAgentDeps
  private known: ReadonlySet<string>
  private cancelReload = () => {}

  constructor(deps: EchoAgentDeps) {
    this.deps = deps
    this.known = new Set(deps.disk.agents.keys())
  }

  isKnown(id: string): boolean {
    return this.known.has(id)
  }

  list(): object {
    return { defaultId: 'main', agents: Array.from(this.known, id => ({ id, ...this.permissions })) }
  }

  config(): object {
    return { agents: { entries: Object.fromEntries(Array.from(this.known, id => [id, {}])) } }
  }

  /** The echo agent runs no commands; a test can make it report that it does. */
  private get permissions(): object {
    const { permissionMode } = this.deps
    return permissionMode === undefined ? {} : { defaultPermissionMode: permissionMode }
  }

  create({ name }: Params): RpcAnswer {
    const { agents } = this.deps.disk
    const agentId = String(name)
      .toLowerCase()
      .replaceAll(/[^a-z0-9_-]+/g, '-')
    if (agents.has(agentId)) return refuse('INVALID_REQUEST', `agent "${agentId}" already exists`)
    agents.set(agentId, new Map())
    this.reload()
    return { ok: true, payload: { ok: true, agentId, name, workspace: `/workspace/${agentId}` } }
  }

  delete({ agentId }: Params): RpcAnswer {
    this.deps.disk.agents.delete(String(agentId))
    this.reload()
    return { ok: true, payload: { ok: true, agentId } }
  }

  listFiles(params: Params): RpcAnswer {
    const agentId = String(params['agentId'])
    if (!this.known.has(agentId)) return refuse('INVALID_REQUEST', `agent "${agentId}" not found`)
    return { ok: true, payload: { agentId, files: fileNames.map(name => ({ name })) } }
  }

  setFile(params: Params): RpcAnswer {
    const [agentId, name] = [String(params['agentId']), String(params['name'])]
    const files = this.known.has(agentId) ? this.deps.disk.agents.get(agentId) : undefined
    if (files === undefined) return refuse('INVALID_REQUEST', `agent "${agentId}" not found`)
    if (!fileNames.includes(name)) return refuse('INVALID_REQUEST', `unsupported file "${name}"`)
    files.set(name, String(params['content']))
    return { ok: true, payload: { ok: true, agentId, file: { name, missing: false } } }
  }

  private reload(): void {
    const { clock, disk, reloadMs, onReload } = this.deps
    this.cancelReload()
    this.cancelReload = clock.alarm(clock.now() + reloadMs, () => {
      this.known = new Set(disk.agents.keys())
      onReload()
    })
  }
}
