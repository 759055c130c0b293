import { join } from 'node:path'
import type { AccountSettings, BridgeContext } from '../bridge/context.ts'
import { AppBreaker } from '../bridge/deliver/breaker.ts'
import { LiveAnswers } from '../bridge/ask/live.ts'
import { DynamicAgents } from '../bridge/ask/dynamic-agents.ts'
import type { Config } from '../config/config.ts'
import type { Agent } from '../domain/agent.ts'
import { administratorsOf } from '../domain/policy.ts'
import type { Store } from '../domain/ports.ts'
import { routeOf } from '../domain/routing.ts'
import type { Spool } from '../domain/spool.ts'
import { createTranslator } from '../core/notices/notices.ts'
import { createAdminAgent } from '../gateway/admin/admin-agent.ts'
import { createChatAgent } from '../gateway/chat/chat-agent.ts'
import { ReloadGate } from '../gateway/chat/reload-gate.ts'
import type { Metrics } from '../http/metrics.ts'
import type { Scheduler } from '../scheduler/scheduler.ts'
import { openSpool } from '../store/spool.ts'
import { orderAt } from '../core/fallback/plan.ts'
import type { Clock, World } from '../world.ts'
import type { ActiveConfig, BridgeSettings } from './active-config.ts'
import type { Links } from './links.ts'
import { userNames } from './state-folder.ts'

/** Creates the context of the bridge. Everything that a reload can change is a getter that reads the active config. */
export function openBridgeContext(
  active: ActiveConfig,
  stateDir: string,
  world: World,
  parts: { scheduler: Scheduler; store: Store; links: Links; metrics: Metrics },
): BridgeContext {
  const { clock, random, log } = world
  const { scheduler, store, links, metrics } = parts
  const spool = openSpool({
    folder: join(stateDir, 'spool'),
    get roots() {
      return active.now.config.admin.mediaRoots
    },
    get quotaBytes() {
      return spooledFiles * active.now.config.media.maxBytes
    },
  })
  const agent = openAgent(active, world, { scheduler, links, spool })
  return {
    store,
    agent,
    spool,
    breaker: new AppBreaker(store.keyValue),
    dynamicAgents: new DynamicAgents(store.keyValue, agent, clock, log.area('bridge')),
    live: new LiveAnswers(),
    clock,
    random,
    timers: scheduler,
    log: log.area('bridge'),
    meter: metrics,
    nameOf: userNames(stateDir, world),
    nextOrder: increasingOrder(clock),
    wake: () => scheduler.wake(),
    // A reload replaces the following.
    get platform() {
      return active.now.platform
    },
    get accounts() {
      return active.now.settings.accounts
    },
    get timezone() {
      return active.now.settings.timezone
    },
    get limits() {
      return active.now.settings.limits
    },
    get passedCommands() {
      return active.now.settings.passedCommands
    },
    administratorsIn: account => active.now.settings.administratorsIn(account),
    route: (conversation, sender) => active.now.settings.route(conversation, sender),
  }
}

/** Creates the agent: chat goes over the users' link, administration over the admin link. */
function openAgent(
  active: ActiveConfig,
  { clock, log, fetch }: World,
  { scheduler, links, spool }: { scheduler: Scheduler; links: Links; spool: Spool },
): Agent {
  const gate = new ReloadGate(clock, scheduler)
  return {
    ...createChatAgent(links.users, gate, {
      clock,
      timers: scheduler,
      log: log.area('gateway'),
      fetch,
      createFile: name => spool.create(name),
    }),
    ...createAdminAgent(links.admin, gate, {
      clock,
      log: log.area('gateway-admin'),
      startFiles: () => active.now.startFiles,
      hasApprovers: () => active.now.link.hasApprovers,
    }),
  }
}

/** Derives the settings of the bridge from a config. */
export function bridgeSettings(config: Config): BridgeSettings {
  const { timezone, limits, gateway, commands, bindings, dynamicAgents } = config
  const ids = config.accounts.map(({ id }) => id)
  const administrators = new Map(ids.map(id => [id, administratorsOf(id, dynamicAgents.adminUsers, ids)]))
  const administratorsIn = (account: string) => administrators.get(account) ?? []
  return {
    accounts: accountSettings(config),
    timezone,
    limits: { ...limits, maxRuns: gateway.maxRuns, runTimeoutMs: gateway.runTimeoutMs },
    administratorsIn,
    passedCommands: commands.pass.map(name => name.replace(/^[/／]/, '').toLowerCase()),
    route(conversation, sender) {
      const dynamic = { ...dynamicAgents, adminUsers: administratorsIn(conversation.account) }
      return routeOf({ bindings, fallback: gateway.agentId, dynamic }, conversation, sender)
    },
  }
}

/** The current retention, also after a reload. */
export function retentionOf(active: ActiveConfig): Config['retention'] {
  return {
    get contentDays() {
      return active.now.config.retention.contentDays
    },
    get rowDays() {
      return active.now.config.retention.rowDays
    },
  }
}

/** Creates order numbers that follow the clock but always increase, even within the same millisecond. */
function increasingOrder(clock: Clock): () => number {
  let last = 0
  return () => {
    last = Math.max(last + 1, orderAt(clock.now()))
    return last
  }
}

/** The spool has room for this many files of `media.maxBytes`. */
const spooledFiles = 25
/** The policy of a Bot or an app that is not configured. */
const denyAll = { policy: 'disabled', allowFrom: [], applies: 'all' } as const
/** Used by accounts without a Bot; equals the default of `bot.joinWindowMs`. */
const defaultJoinWindowMs = 3_000

function accountSettings(config: Config): Map<string, AccountSettings> {
  return new Map(
    config.accounts.map(({ id, bot, agent, paths, texts }) => [
      id,
      {
        id,
        translate: createTranslator(config.language, { ...config.texts, ...texts }),
        policies: {
          bot: { policy: bot?.dm ?? denyAll, setting: `${paths.bot}.dm` },
          app: { policy: agent?.dm ?? denyAll, setting: `${paths.app}.dm` },
        },
        placeholder: bot?.streamPlaceholderContent ?? '',
        windowMs: bot?.stream.windowMs ?? 0,
        handoverMs: bot?.stream.handoverMs ?? 0,
        joinWindowMs: bot?.joinWindowMs ?? defaultJoinWindowMs,
        agentGetsFeedback: bot?.feedback === 'tell',
        thoughts: bot?.reasoning ?? 'fold',
        ...(bot?.welcomeText !== undefined && { welcomeText: bot.welcomeText }),
        ...(agent !== undefined && {
          corpId: agent.corpId,
          app: {
            replyFormat: agent.replyFormat,
            allowAppChat: agent.allowAppChat,
            ...(agent.welcomeText !== undefined && { welcomeText: agent.welcomeText }),
          },
        }),
      },
    ]),
  )
}
