import type { Account, Config } from '../config/config.ts'
import { isDynamicAgentId } from '../domain/dynamic-agent.ts'
import { type DmPolicy, decide } from '../domain/policy.ts'
import { messageOf } from '../errors.ts'
import { type ListedAgent, listAgents } from '../gateway/admin/agent-list.ts'
import type { Scheduler } from '../scheduler/scheduler.ts'
import type { Component } from './status.ts'
import { nothingToCancel, type World } from '../world.ts'
import type { ActiveConfig } from './active-config.ts'
import type { Links } from './links.ts'

/** Minimum time between two checks: the gateway reports a config change for every agent that is created. */
const minIntervalMs = 60_000

/** Problems of agents that users can reach. */
interface AgentProblems {
  /** Agents that may run any command without approval, and that everyone can write to. */
  readonly unlimited: readonly string[]
  /** Agents named in the config that do not exist in the gateway. */
  readonly unknown: readonly string[]
}

type AgentWarning = Component & ReturnType<typeof describeUnlimited>

/**
 * Compares the agents in the config with those of the gateway, and warns about unknown and about unsafe ones: by default OpenClaw
 * lets an agent run any command without approval, so anyone who can write to the Bot could run commands on the gateway host.
 */
export class AgentWatch {
  private readonly active: ActiveConfig
  private readonly links: Links
  private readonly world: World
  private readonly timers: Scheduler
  private found: AgentProblems & { readonly since: number } = { unlimited: [], unknown: [], since: 0 }
  private checkedAt = 0
  private cancelCheck = nothingToCancel

  constructor(active: ActiveConfig, links: Links, world: World, timers: Scheduler) {
    this.active = active
    this.links = links
    this.world = world
    this.timers = timers
    links.users.subscribe({
      followsSession: () => false,
      event: event => void (event === 'config.changed' && this.scheduleCheck(this.checkedAt + minIntervalMs)),
      status: ({ state }) => void (state === 'up' && this.check()),
    })
  }

  /** The warnings as components of `status`. */
  get components(): { readonly safety?: AgentWarning; readonly agents?: AgentWarning } {
    const { unlimited, unknown, since } = this.found
    return {
      ...(unlimited.length > 0 && { safety: { state: 'unlimited', since, ...describeUnlimited(unlimited) } }),
      ...(unknown.length > 0 && { agents: { state: 'unknown', since, ...describeUnknown(unknown) } }),
    }
  }

  /** Checks now. Call it after the config or the link to the gateway changed. */
  check(): void {
    this.checkedAt = this.world.clock.now()
    this.checkNow().catch(error =>
      this.world.log.debug('listing the agents of the gateway failed', { error: messageOf(error) }),
    )
  }

  private scheduleCheck(at: number): void {
    this.cancelCheck()
    this.cancelCheck = this.timers.at(Math.max(at, this.world.clock.now()), () => this.check())
  }

  private async checkNow(): Promise<void> {
    const { clock, log } = this.world
    if (this.links.users.status.state !== 'up') return
    const found = findProblems(this.active.now.config, await listAgents(this.links.users))
    const { unlimited, unknown } = this.found
    if (Bun.deepEquals(found, { unlimited, unknown })) return
    this.found = { ...found, since: clock.now() }
    for (const { reason, hint } of Object.values(this.components)) log.warn(reason, { hint })
  }
}

function describeUnlimited(agents: readonly string[]) {
  return {
    reason: `anyone who can write to the Bot or the app can run commands on the gateway host without approval, through: ${agents.join(', ')}`,
    hint: `on the gateway host, run openclaw exec-policy preset cautious (asks for approval) or openclaw config set tools.deny '["exec"]' (forbids it); or set dm.applies to "all" and list the allowed users in dm.allowFrom`,
  }
}

function describeUnknown(agents: readonly string[]) {
  return {
    reason: `the gateway has no agent ${agents.join(', ')}, so users bound to it get no answer`,
    hint: `change bindings or gateway.agentId, or run on the gateway host: openclaw agents add ${agents[0]}`,
  }
}

function findProblems(config: Config, listed: readonly ListedAgent[]): AgentProblems {
  const { accounts, dynamicAgents } = config
  const enabled = accounts.filter(account => account.enabled)
  const open = enabled.filter(({ bot, agent }) =>
    [bot, agent].some(surface => surface !== undefined && isOpenToAll(surface.dm)),
  )
  const known = new Set(listed.map(({ id }) => id))
  const exposed = boundAgents(config, open)
  const unlimited = listed.filter(({ isUnlimited }) => isUnlimited)
  const isOfUsers = ({ id, isPlain }: ListedAgent) => isPlain || isDynamicAgentId(id)
  const { enabled: isDynamic, dmCreateAgent, groupEnabled } = dynamicAgents
  const haveOwn = isDynamic && (dmCreateAgent || groupEnabled) && open.length > 0
  const reached = unlimited.map(({ id }) => id).filter(id => exposed.has(id))
  const ofUsers = haveOwn ? unlimited.filter(isOfUsers) : []
  return {
    // The agents of users and groups are reported as one entry: there can be many, and their ids contain user ids.
    unlimited: [
      ...reached.filter(id => !isDynamicAgentId(id)),
      ...(ofUsers.length > 0 || reached.some(isDynamicAgentId) ? ['the agents of users and groups'] : []),
    ],
    unknown: [...boundAgents(config, enabled)].filter(id => !known.has(id.toLowerCase())),
  }
}

/** Whether messages from every user reach the agent. */
function isOpenToAll(dm: DmPolicy): boolean {
  return decide(dm, '', { kind: 'chat' }).isAllowed
}

/** The agents that a binding or the default can select for users of these accounts. */
function boundAgents({ bindings, gateway }: Config, accounts: readonly Account[]): ReadonlySet<string> {
  if (accounts.length === 0) return new Set()
  const ids = accounts.map(({ id }) => id)
  const matches = (account = '*') => account === '*' || ids.includes(account)
  return new Set([
    gateway.agentId,
    ...bindings.flatMap(({ agentId, match }) => (matches(match.accountId) ? [agentId] : [])),
  ])
}
