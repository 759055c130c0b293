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

/** Everything that the bridge works with. */
export function openBridgeContext(
  active: ActiveConfig,
  stateDir: string,
  world: World,
  made: { scheduler: Scheduler; store: Store; links: Links; observations: Metrics },
): BridgeContext {
  const { clock, random, log } = world
  const { scheduler, store, links, observations } = made
  const spool = openSpool({
    folder: join(stateDir, 'spool'),
    get roots() {
      return active.now.config.admin.mediaRoots
    },
    get quotaBytes() {
      return spooledMedia * active.now.config.media.maxBytes
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
    meter: observations,
    nextOrder: rising(clock),
    wake: () => scheduler.wake(),
    // What a reload replaces.
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

/** The agent over both links. */
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

/** What the bridge knows of a config. */
export function bridgeSettings(config: Config): BridgeSettings {
  const { timezone, limits, gateway, commands, bindings, dynamicAgents } = config
  const ids = config.accounts.map(({ id }) => id)
  const administrators = new Map(ids.map(id => [id, administratorsOf(id, dynamicAgents.adminUsers, ids)]))
  const administratorsIn = (account: string) => administrators.get(account) ?? []
  return {
    accounts: deskAccounts(config),
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

/** How long things are kept, now. */
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

/** Never the same twice, also within a millisecond. */
function rising(clock: Clock): () => number {
  let last = 0
  return () => {
    last = Math.max(last + 1, orderAt(clock.now()))
    return last
  }
}

/** So many of the largest media fit into the spool. */
const spooledMedia = 25
/** Of what is not configured. */
const nobody = { policy: 'disabled', allowFrom: [], applies: 'all' } as const
/** Of an account without a Bot. */
const defaultJoinWindowMs = 3_000

function deskAccounts(config: Config): Map<string, AccountSettings> {
  return new Map(
    config.accounts.map(({ id, bot, agent, paths, texts }) => [
      id,
      {
        id,
        translate: createTranslator(config.language, { ...config.texts, ...texts }),
        policies: {
          bot: { policy: bot?.dm ?? nobody, setting: `${paths.bot}.dm` },
          app: { policy: agent?.dm ?? nobody, setting: `${paths.app}.dm` },
        },
        placeholder: bot?.streamPlaceholderContent ?? '',
        windowMs: bot?.stream.windowMs ?? 0,
        handoverMs: bot?.stream.handoverMs ?? 0,
        joinWindowMs: bot?.joinWindowMs ?? defaultJoinWindowMs,
        tellsFeedback: bot?.feedback === 'tell',
        thoughts: bot?.reasoning ?? 'fold',
        ...(bot?.welcomeText !== undefined && { welcomeText: bot.welcomeText }),
        ...(agent !== undefined && {
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
