import type { Connection } from '../link/socket.ts'
import { type Json, listAt, objectAt, stringAt, stringsAt } from '../link/frames.ts'

/** An agent of the gateway. */
export interface ListedAgent {
  readonly id: string
  /** It can execute any command without approval. */
  readonly isUnlimited: boolean
  /** It has no tool settings of its own, like a newly created agent. */
  readonly isPlain: boolean
}

/** Lists all agents of the gateway. Rejects like `Connection.request`. */
export async function listAgents(link: Connection): Promise<readonly ListedAgent[]> {
  const [list, snapshot] = await Promise.all([link.request('agents.list', {}), link.request('config.get', {})])
  const config = objectAt(snapshot, 'config')
  const tools = objectAt(config, 'tools')
  const entries = objectAt(objectAt(config, 'agents'), 'entries')
  const toolsOf = (id: string) => objectAt(objectAt(entries, id), 'tools')
  return listAt(list, 'agents').map(agent => {
    const id = stringAt(agent, 'id') ?? ''
    // The mode covers approval and the host's policy, but not whether the agent has the exec tool at all.
    const isUnlimited = stringAt(agent, 'defaultPermissionMode') === 'full' && hasExec(tools, toolsOf(id))
    return { id, isUnlimited, isPlain: Object.keys(toolsOf(id)).length === 0 }
  })
}

/** Names in a tool policy that include the exec tool. */
const execNames = ['exec', 'group:runtime']
/** Tool profiles without the exec tool. */
const profilesWithoutExec = ['minimal', 'messaging']

/** Whether an agent has the exec tool. Its own profile replaces the global one. Allow and deny lists only restrict. */
function hasExec(all: Json, own: Json): boolean {
  const profile = stringAt(own, 'profile') ?? stringAt(all, 'profile') ?? ''
  if (profilesWithoutExec.includes(profile)) return false
  return [all, own].every(policy => {
    const [allow, deny] = [stringsAt(policy, 'allow'), stringsAt(policy, 'deny')]
    const isAllowed = allow.length === 0 || allow.some(matchesExec)
    return isAllowed && !deny.some(matchesExec)
  })
}

/** A policy may use `*` as a wildcard. */
function matchesExec(pattern: string): boolean {
  const parts = pattern.toLowerCase().split('*').map(RegExp.escape)
  return execNames.some(name => new RegExp(`^${parts.join('.*')}$`).test(name))
}
