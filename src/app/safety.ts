import { isOwnAgentId } from '../domain/dynamic-agent.ts'
import { messageOf } from '../errors.ts'
import { findUnlimited } from '../gateway/exec-policy.ts'
import type { Scheduler } from '../scheduler/scheduler.ts'
import type { Component } from '../status.ts'
import { nothingToCancel, type World } from '../world.ts'
import type { Active } from './active.ts'
import type { Links } from './links.ts'

/** The gateway is asked at most so often; its config changes with each agent that is made. */
const everyMs = 60_000

/** Watches whether people who are not listed can reach an agent that may execute any command (`definitions.md` 14). */
export class Safety {
  private readonly active: Active
  private readonly links: Links
  private readonly world: World
  private readonly timers: Scheduler
  private found: { readonly agents: readonly string[]; readonly since: number } | undefined
  private lookedAt = 0
  private cancelLook = nothingToCancel

  constructor(active: Active, links: Links, world: World, timers: Scheduler) {
    this.active = active
    this.links = links
    this.world = world
    this.timers = timers
    links.users.subscribe({
      isHeld: () => false,
      event: event => void (event === 'config.changed' && this.lookAt(this.lookedAt + everyMs)),
      status: ({ state }) => void (state === 'up' && this.look()),
    })
  }

  /** What `status` says of it; undefined while nothing is known to be wrong. */
  get component(): Component | undefined {
    if (this.found === undefined) return undefined
    const { agents, since } = this.found
    return { state: 'unlimited', since, reason: reasonOf(agents), hint: hintFor(agents) }
  }

  /** The config is another one, or the gateway. */
  look(): void {
    this.lookedAt = this.world.clock.now()
    this.lookNow().catch(error =>
      this.world.log.debug('what agents may execute is not known', { error: messageOf(error) }),
    )
  }

  private lookAt(at: number): void {
    this.cancelLook()
    this.cancelLook = this.timers.at(Math.max(at, this.world.clock.now()), () => this.look())
  }

  private async lookNow(): Promise<void> {
    const { clock, log } = this.world
    if (this.links.users.status.state !== 'up') return
    const agents = exposedOf(this.active, await findUnlimited(this.links.users))
    if (agents.length === 0) this.found = undefined
    if (agents.length === 0 || Bun.deepEquals(agents, this.found?.agents)) return
    this.found = { agents, since: clock.now() }
    log.warn(reasonOf(agents), { hint: hintFor(agents) })
  }
}

function reasonOf(agents: readonly string[]): string {
  const named = agents.slice(0, 5).join(', ')
  const who = agents.length > 5 ? `${named} and ${agents.length - 5} more` : named
  return `anybody who can write to the Bot or the app can have commands executed on the gateway host, without being asked: ${who}`
}

function hintFor([agent = 'main']: readonly string[]): string {
  return `on the gateway host: openclaw exec-policy preset cautious (asks first), or openclaw config set agents.entries.${agent}.tools.deny '["exec"]' (never); or set dm.applies to "all", so that only listed users reach the agent`
}

/** Those of the unlimited agents that everybody reaches. */
function exposedOf({ now: { config } }: Active, unlimited: readonly string[]): readonly string[] {
  const { accounts, bindings, gateway, dynamicAgents } = config
  const open = accounts.filter(({ enabled, bot, agent }) => {
    const isOpen = [bot, agent].some(one => one !== undefined && one.dm.applies !== 'all')
    return enabled && isOpen
  })
  if (open.length === 0) return []
  const ids = open.map(({ id }) => id)
  const isReached = (account = '*') => account === '*' || ids.includes(account)
  const bound = bindings.filter(({ match }) => isReached(match.accountId)).map(({ agentId }) => agentId)
  const reached = new Set([gateway.agentId, ...bound])
  return unlimited.filter(id => reached.has(id) || (dynamicAgents.enabled && isOwnAgentId(id)))
}
