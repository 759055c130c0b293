import type { Account, Config } from '../config/config.ts'
import { isBarred, type LinkStatus } from '../domain/agent.ts'
import { callbackPaths } from '../domain/callback-path.ts'
import type { Store } from '../domain/ports.ts'
import { messageOf } from '../errors.ts'
import type { Metrics } from '../http/metrics.ts'

/** What `status` looks at. */
export interface StatusDeps {
  readonly version: string
  readonly node: string
  readonly startedAt: number
  readonly config: Config
  readonly loadedAt: number
  /** Why the config file is not the one that is active. */
  readonly complaint: string | undefined
  readonly store: Store
  /** The users' link to the gateway; the other one is not needed to be ready. */
  readonly gateway: LinkStatus
  readonly admin: LinkStatus
  /** What is wrong with the agents that answer. */
  readonly agents: { readonly safety?: Component; readonly agents?: Component }
  readonly observations: Metrics
  readonly isStopping: boolean
  /** What is known of the app of an account. */
  readonly appFacts: (account: string) => Promise<AppFacts>
  /** Since when WeCom gives no answer on a way of an account; that of the group robots belongs to none. */
  readonly silenceOn: (route: 'app' | 'response_url' | 'webhook', account: string) => Unreachable | undefined
}

/** WeCom gives no answer; times are epoch ms. */
export interface Unreachable {
  readonly since: number
  readonly lastAt: number
  readonly reason: string
  readonly hint?: string
}

/** How an app does; times are epoch ms. */
export interface AppFacts {
  /** Absent before its first use. */
  readonly token?: { readonly expiresAt: number }
  /** The most that any member was sent in the last minute and in the last hour. */
  readonly quota: { readonly minute: number; readonly hour: number }
  /** Why everything of this app waits for the operator. */
  readonly held?: { readonly since: number; readonly errcode?: number; readonly hint?: string }
  /** What the platform last said about an app that nobody uses. */
  readonly activity?: { readonly event: string; readonly at: number; readonly effectAt?: number }
}

/** One part of the daemon; `reason` and `hint` say what is wrong and what to do. Times are epoch ms. */
export interface Component {
  readonly state: string
  readonly since?: number
  readonly reason?: string
  readonly hint?: string
}

/** The answer of `GET /api/status` (`definitions.md` 8). */
export async function reportStatus(desk: StatusDeps) {
  const { version, node, startedAt, config, loadedAt, complaint, store, gateway, admin, isStopping } = desk
  const storeState = await probeStore(store)
  const isUp = storeState.state === 'up' && gateway.state === 'up'
  const robots = desk.silenceOn('webhook', config.defaultAccount)
  const work: Partial<Awaited<ReturnType<typeof readWork>>> = storeState.state === 'up' ? await readWork(store) : {}
  return {
    version,
    startedAt,
    node,
    ready: isUp && !isStopping,
    components: {
      store: storeState,
      gateway,
      admin,
      ...describeOwnAgents(desk),
      ...desk.agents,
      ...(robots !== undefined && { webhooks: { state: 'unreachable', ...robots } }),
      ...(isStopping && { daemon: { state: 'stopping' } }),
    },
    accounts: await Promise.all(
      config.accounts.map(account => describeAccount(desk, account, storeState.state === 'up')),
    ),
    ...work,
    config: { loadedAt, ...(complaint !== undefined && { complaint }) },
  }
}

/** Why users and groups do without agents of their own. */
function describeOwnAgents({ config, admin }: StatusDeps): { readonly dynamicAgents?: Component } {
  if (!config.dynamicAgents.enabled || !isBarred(admin)) return {}
  const { since, hint } = admin
  const reason = 'without admin scope no agent can be made: the bound agents answer'
  return { dynamicAgents: { state: 'bound', since, reason, ...(hint !== undefined && { hint }) } }
}

async function probeStore(store: Store): Promise<Component> {
  try {
    await store.probe()
    return { state: 'up' }
  } catch (error) {
    return { state: 'down', reason: messageOf(error), hint: 'look at free disk space and at the state folder' }
  }
}

async function readWork(store: Store) {
  const [turns, outbox] = await Promise.all([store.counts(), store.outbox.summary()])
  return {
    turns: {
      open: turns.open,
      waiting: turns.unclaimed,
      asking: turns.open - turns.unclaimed - turns.states.closing,
    },
    outbox: {
      queued: outbox.states.queued + outbox.states.sending,
      held: outbox.states.held,
      ...(outbox.oldestAt !== undefined && { oldestAt: outbox.oldestAt }),
    },
    dead: outbox.dead,
  }
}

async function describeAccount(desk: StatusDeps, { id, name, enabled, bot, agent }: Account, storeIsUp: boolean) {
  const { config, observations } = desk
  const isDefault = id === config.defaultAccount
  const takesCallbacks = agent?.token !== undefined && agent.encodingAESKey !== undefined
  const unreachable = (route: 'app' | 'response_url') => {
    const silence = desk.silenceOn(route, id)
    return silence === undefined ? {} : { unreachable: silence }
  }
  return {
    id,
    ...(name !== undefined && { name }),
    enabled,
    ...(bot !== undefined && {
      bot: {
        paths: callbackPaths('bot', id, isDefault),
        ...observations.surface(id, 'bot'),
        ...unreachable('response_url'),
      },
    }),
    ...(agent !== undefined && {
      app: {
        paths: takesCallbacks ? callbackPaths('app', id, isDefault) : [],
        ...observations.surface(id, 'app'),
        ...unreachable('app'),
        ...(storeIsUp && (await desk.appFacts(id))),
      },
    }),
  }
}
