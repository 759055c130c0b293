import type { Connection } from './connection.ts'
import { type Json, listAt, objectAt, stringAt, stringsAt } from './frames.ts'

/** The agents of the gateway that may execute any command without asking. Rejects as `Connection.request`. */
export async function findUnlimited(link: Connection): Promise<readonly string[]> {
  const [agents, snapshot] = await Promise.all([listAgents(link), link.request('config.get', {})])
  const config = objectAt(snapshot, 'config')
  const tools = objectAt(config, 'tools')
  const entries = objectAt(objectAt(config, 'agents'), 'entries')
  const toolsOf = (id: string) => objectAt(objectAt(entries, id), 'tools')
  return agents.flatMap(({ id, isFull }) => (isFull && hasExec(tools, toolsOf(id)) ? [id] : []))
}

async function listAgents(link: Connection) {
  return listAt(await link.request('agents.list', {}), 'agents').map(agent => ({
    id: stringAt(agent, 'id') ?? '',
    // Says how commands are run, host policy included, but not whether the tool for it is there.
    isFull: stringAt(agent, 'defaultPermissionMode') === 'full',
  }))
}

/** Names under which a policy of tools can mean commands. */
const execNames = ['exec', 'group:runtime', '*']
/** Profiles that come without commands. */
const harmlessProfiles = ['minimal', 'messaging']

/** Whether the tool for commands is left to an agent: a profile of its own replaces the one for all, lists only restrict. */
function hasExec(all: Json, own: Json): boolean {
  const profile = stringAt(own, 'profile') ?? stringAt(all, 'profile') ?? ''
  if (harmlessProfiles.includes(profile)) return false
  return [all, own].every(policy => {
    const [allow, deny] = [stringsAt(policy, 'allow'), stringsAt(policy, 'deny')]
    const isAllowed = allow.length === 0 || allow.some(name => execNames.includes(name))
    return isAllowed && !deny.some(name => execNames.includes(name))
  })
}
