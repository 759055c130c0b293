import type { Connection } from '../link/socket.ts'
import { type Json, listAt, objectAt, stringAt, stringsAt } from '../link/frames.ts'

/** An agent of the gateway. `isUnlimited`: it may execute any command without asking. `isPlain`: as a new one would be. */
export interface ListedAgent {
  readonly id: string
  readonly isUnlimited: boolean
  readonly isPlain: boolean
}

/** All that the gateway knows. Rejects as `Connection.request`. */
export async function listAgents(link: Connection): Promise<readonly ListedAgent[]> {
  const [list, snapshot] = await Promise.all([link.request('agents.list', {}), link.request('config.get', {})])
  const config = objectAt(snapshot, 'config')
  const tools = objectAt(config, 'tools')
  const entries = objectAt(objectAt(config, 'agents'), 'entries')
  const toolsOf = (id: string) => objectAt(objectAt(entries, id), 'tools')
  return listAt(list, 'agents').map(agent => {
    const id = stringAt(agent, 'id') ?? ''
    // The mode says how commands are run, host policy included, but not whether the tool for it is there.
    const isUnlimited = stringAt(agent, 'defaultPermissionMode') === 'full' && hasExec(tools, toolsOf(id))
    return { id, isUnlimited, isPlain: Object.keys(toolsOf(id)).length === 0 }
  })
}

/** Names under which a policy of tools can mean commands. */
const execNames = ['exec', 'group:runtime']
/** Profiles that come without commands. */
const harmlessProfiles = ['minimal', 'messaging']

/** Whether the tool for commands is left to an agent: a profile of its own replaces the one for all, lists only restrict. */
function hasExec(all: Json, own: Json): boolean {
  const profile = stringAt(own, 'profile') ?? stringAt(all, 'profile') ?? ''
  if (harmlessProfiles.includes(profile)) return false
  return [all, own].every(policy => {
    const [allow, deny] = [stringsAt(policy, 'allow'), stringsAt(policy, 'deny')]
    const isAllowed = allow.length === 0 || allow.some(meansExec)
    return isAllowed && !deny.some(meansExec)
  })
}

/** Names in a policy may have stars. */
function meansExec(pattern: string): boolean {
  const parts = pattern.toLowerCase().split('*').map(RegExp.escape)
  return execNames.some(name => new RegExp(`^${parts.join('.*')}$`).test(name))
}
