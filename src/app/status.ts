import type { Account, Config } from '../config/config.ts'
import { isBarred, type LinkStatus } from '../domain/agent.ts'
import { callbackPaths } from '../domain/callback-path.ts'
import type { Store } from '../domain/ports.ts'
import type { Spool } from '../domain/spool.ts'
import { messageOf } from '../errors.ts'
import type { Metrics } from '../http/metrics.ts'

/** The sources of `status`. */
export interface StatusDeps {
  readonly version: string
  readonly node: string
  readonly startedAt: number
  readonly now: number
  readonly config: Config
  readonly loadedAt: number
  /** Why the last reload was rejected; undefined if the config file is active. */
  readonly reloadProblem: string | undefined
  readonly store: Store
  readonly spool: Pick<Spool, 'usage'>
  /** The users' link to the gateway. Only this link is required for readiness. */
  readonly gateway: LinkStatus
  /** How to let agents ask their users, if they can't. */
  readonly questionsHint: string | undefined
  readonly admin: LinkStatus
  /** Warnings about the agents that answer users. */
  readonly agents: { readonly safety?: Component; readonly agents?: Component }
  readonly metrics: Metrics
  /** Since when the daemon stops. */
  readonly stoppingSince: number | undefined
  /** Remembers since when the store is in its state. */
  readonly sinceOf: (component: string, state: string) => number
  /** The state of the app of an account. */
  readonly appFacts: (account: string) => Promise<AppFacts>
  /** The current outage of a route. The webhook route is shared by all accounts. */
  readonly outageOn: (route: 'app' | 'response_url' | 'webhook', account: string) => Unreachable | undefined
}

/** An outage: WeCom does not answer. Times are epoch ms. */
export interface Unreachable {
  readonly since: number
  readonly lastAt: number
  readonly reason: string
  readonly hint?: string
}

/** The state of an app. Times are epoch ms. */
export interface AppFacts {
  /** Absent before its first use. */
  readonly token?: { readonly expiresAt: number }
  /** The highest number of messages to a single member in the last minute and hour. */
  readonly quota: { readonly minute: number; readonly hour: number }
  /** Set if deliveries of this app are held until an operator fixes a problem. */
  readonly held?: { readonly since: number; readonly errcode?: number; readonly hint?: string }
  /** The last event from WeCom about an inactive app. */
  readonly activity?: { readonly event: string; readonly at: number; readonly effectAt?: number }
}

/** The state of one part of the daemon. `reason` explains a problem, `hint` how to fix it. Times are epoch ms. */
export interface Component {
  readonly state: string
  readonly since?: number
  readonly reason?: string
  readonly hint?: string
}

/** Builds the answer of `GET /api/status`. Without a working store, the parts that need it are left out. */
export async function reportStatus(deps: StatusDeps) {
  const { version, node, startedAt, config, loadedAt, reloadProblem, store, gateway, admin, stoppingSince } = deps
  const probed = await probeStore(store)
  const storeState = { ...probed, since: deps.sinceOf('store', probed.state) }
  const isUp = storeState.state === 'up' && gateway.state === 'up'
  const robots = deps.outageOn('webhook', config.defaultAccount)
  const work: Partial<Awaited<ReturnType<typeof readWork>>> = storeState.state === 'up' ? await readWork(store) : {}
  return {
    version,
    startedAt,
    node,
    ready: isUp && stoppingSince === undefined,
    components: {
      store: storeState,
      gateway,
      admin,
      ...describeDynamicAgents(deps),
      ...describeQuestions(deps),
      ...deps.agents,
      ...(robots !== undefined && { webhooks: { state: 'unreachable', ...robots } }),
      ...(stoppingSince !== undefined && { daemon: { state: 'stopping', since: stoppingSince } }),
    },
    accounts: await Promise.all(
      config.accounts.map(account => describeAccount(deps, account, storeState.state === 'up')),
    ),
    ...work,
    spool: deps.spool.usage(),
    failures: deps.metrics.failures(deps.now),
    config: { loadedAt, ...(reloadProblem !== undefined && { complaint: reloadProblem }) },
  }
}

/** Reports that dynamic agents are enabled but cannot be created, because the admin link has no admin scope. */
function describeDynamicAgents({ config, admin }: StatusDeps): { readonly dynamicAgents?: Component } {
  if (!config.dynamicAgents.enabled || !isBarred(admin)) return {}
  const { since, hint } = admin
  const reason = 'dynamic agents need the admin scope; until it is granted, the bound agents answer'
  return { dynamicAgents: { state: 'bound', since, reason, ...(hint !== undefined && { hint }) } }
}

/** Reports that agents can't ask their users, because the device was paired before wecomd asked for that scope. */
function describeQuestions({ gateway: { since }, questionsHint }: StatusDeps): { readonly questions?: Component } {
  if (questionsHint === undefined) return {}
  const reason = "agents can't ask their users anything: this device was paired without the scope operator.questions"
  return { questions: { state: 'barred', since, reason, hint: `${questionsHint}; then restart wecomd` } }
}

async function probeStore(store: Store): Promise<Component> {
  try {
    await store.probe()
    return { state: 'up' }
  } catch (error) {
    return {
      state: 'down',
      reason: messageOf(error),
      hint: 'check free disk space and the permissions of the state folder',
    }
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

async function describeAccount(deps: StatusDeps, { id, name, enabled, bot, agent }: Account, storeIsUp: boolean) {
  const { config, metrics } = deps
  const isDefault = id === config.defaultAccount
  const acceptsCallbacks = agent?.token !== undefined && agent.encodingAESKey !== undefined
  const unreachable = (route: 'app' | 'response_url') => {
    const outage = deps.outageOn(route, id)
    return outage === undefined ? {} : { unreachable: outage }
  }
  return {
    id,
    ...(name !== undefined && { name }),
    enabled,
    ...(bot !== undefined && {
      bot: {
        paths: callbackPaths('bot', id, isDefault),
        ...metrics.surface(id, 'bot'),
        ...unreachable('response_url'),
      },
    }),
    ...(agent !== undefined && {
      app: {
        paths: acceptsCallbacks ? callbackPaths('app', id, isDefault) : [],
        ...metrics.surface(id, 'app'),
        ...unreachable('app'),
        ...(storeIsUp && (await deps.appFacts(id))),
      },
    }),
  }
}
