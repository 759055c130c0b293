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

/** The gateway is asked at most so often; its config changes with each agent that is made. */
const everyMs = 60_000

/** What is wrong with agents that users can reach. */
interface Found {
  /** They may execute any command, and everybody can write to them (`definitions.md` 14). */
  readonly unlimited: readonly string[]
  /** The gateway does not know them. */
  readonly unknown: readonly string[]
}

type Told = Component & ReturnType<typeof tellUnlimited>

/** Compares the agents that the config names with those of the gateway. */
export class AgentWatch {
  private readonly active: ActiveConfig
  private readonly links: Links
  private readonly world: World
  private readonly timers: Scheduler
  private found: Found & { readonly since: number } = { unlimited: [], unknown: [], since: 0 }
  private lookedAt = 0
  private cancelLook = nothingToCancel

  constructor(active: ActiveConfig, links: Links, world: World, timers: Scheduler) {
    this.active = active
    this.links = links
    this.world = world
    this.timers = timers
    links.users.subscribe({
      followsSession: () => false,
      event: event => void (event === 'config.changed' && this.lookAt(this.lookedAt + everyMs)),
      status: ({ state }) => void (state === 'up' && this.look()),
    })
  }

  /** What `status` says of it. */
  get components(): { readonly safety?: Told; readonly agents?: Told } {
    const { unlimited, unknown, since } = this.found
    return {
      ...(unlimited.length > 0 && { safety: { state: 'unlimited', since, ...tellUnlimited(unlimited) } }),
      ...(unknown.length > 0 && { agents: { state: 'unknown', since, ...tellUnknown(unknown) } }),
    }
  }

  /** The config is another one, or the gateway. */
  look(): void {
    this.lookedAt = this.world.clock.now()
    this.lookNow().catch(error =>
      this.world.log.debug('the agents of the gateway are not known', { error: messageOf(error) }),
    )
  }

  private lookAt(at: number): void {
    this.cancelLook()
    this.cancelLook = this.timers.at(Math.max(at, this.world.clock.now()), () => this.look())
  }

  private async lookNow(): Promise<void> {
    const { clock, log } = this.world
    if (this.links.users.status.state !== 'up') return
    const found = judge(this.active.now.config, await listAgents(this.links.users))
    const { unlimited, unknown } = this.found
    if (Bun.deepEquals(found, { unlimited, unknown })) return
    this.found = { ...found, since: clock.now() }
    for (const { reason, hint } of Object.values(this.components)) log.warn(reason, { hint })
  }
}

function tellUnlimited(agents: readonly string[]) {
  return {
    reason: `anybody who can write to the Bot or the app can have commands executed on the gateway host, without being asked: ${agents.join(', ')}`,
    hint: `on the gateway host: openclaw exec-policy preset cautious (asks first), or openclaw config set tools.deny '["exec"]' (never); or set dm.applies to "all" with a list in dm.allowFrom, so that only those reach the agent`,
  }
}

function tellUnknown(agents: readonly string[]) {
  return {
    reason: `the gateway knows no agent ${agents.join(', ')}, so nobody who is bound to it is answered`,
    hint: `change bindings or gateway.agentId, or on the gateway host: openclaw agents add ${agents[0]}`,
  }
}

function judge(config: Config, listed: readonly ListedAgent[]): Found {
  const { accounts, dynamicAgents } = config
  const enabled = accounts.filter(account => account.enabled)
  const open = enabled.filter(({ bot, agent }) => [bot, agent].some(one => one !== undefined && isForAll(one.dm)))
  const known = new Set(listed.map(({ id }) => id))
  const exposed = boundAgents(config, open)
  const unlimited = listed.filter(({ isUnlimited }) => isUnlimited)
  const isOfUsers = ({ id, isPlain }: ListedAgent) => isPlain || isDynamicAgentId(id)
  const { enabled: areMade, dmCreateAgent, groupEnabled } = dynamicAgents
  const haveOwn = areMade && (dmCreateAgent || groupEnabled) && open.length > 0
  const reached = unlimited.map(({ id }) => id).filter(id => exposed.has(id))
  const ofUsers = haveOwn ? unlimited.filter(isOfUsers) : []
  return {
    // Those of users and groups are told as one: there may be many, and their ids are those of users.
    unlimited: [
      ...reached.filter(id => !isDynamicAgentId(id)),
      ...(ofUsers.length > 0 || reached.some(isDynamicAgentId) ? ['the agents of users and groups'] : []),
    ],
    unknown: [...boundAgents(config, enabled)].filter(id => !known.has(id.toLowerCase())),
  }
}

/** Whether everybody's chat reaches the agent. */
function isForAll(dm: DmPolicy): boolean {
  return decide(dm, '', { kind: 'chat' }).isAllowed
}

/** The agents that users of these accounts can be bound to. */
function boundAgents({ bindings, gateway }: Config, accounts: readonly Account[]): ReadonlySet<string> {
  if (accounts.length === 0) return new Set()
  const ids = accounts.map(({ id }) => id)
  const fits = (account = '*') => account === '*' || ids.includes(account)
  return new Set([
    gateway.agentId,
    ...bindings.flatMap(({ agentId, match }) => (fits(match.accountId) ? [agentId] : [])),
  ])
}
