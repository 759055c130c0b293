import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AccountDesk, Desk } from '../bridge/desk.ts'
import { Holds } from '../bridge/holds.ts'
import { LiveAnswers } from '../bridge/live.ts'
import type { Config } from '../config/config.ts'
import type { Platform, Spool, Store } from '../domain/ports.ts'
import { speaker } from '../fallback/notice.ts'
import { createChatAgent } from '../gateway/chat-agent.ts'
import type { Connection } from '../gateway/connection.ts'
import type { Observations } from '../http/observations.ts'
import type { Scheduler } from '../scheduler/scheduler.ts'
import { openSpool } from '../store/spool.ts'
import { orderAt } from '../streaming/home.ts'
import { createPlatform } from '../wecom/platform.ts'
import type { Clock, World } from '../world.ts'
import type { AppOptions } from './state-folder.ts'

/** Everything that the bridge works with. */
export async function openDesk(
  { config, stateDir }: AppOptions,
  world: World,
  made: { scheduler: Scheduler; store: Store; connection: Connection; observations: Observations },
): Promise<Desk> {
  const { clock, random, log } = world
  const { scheduler, store, connection, observations } = made
  const spool = openSpool({ folder: join(stateDir, 'spool'), roots: config.admin.mediaRoots })
  const accounts = deskAccounts(config)
  const holds = new Holds(store.memos)
  await holds.load(accounts.keys())
  return {
    store,
    agent: createChatAgent(connection, { clock, timers: scheduler, log: log.area('gateway') }),
    platform: openPlatform(config, world, store, spool, observations),
    spool,
    holds,
    live: new LiveAnswers(),
    accounts,
    clock,
    random,
    timers: scheduler,
    log: log.area('bridge'),
    meter: observations,
    timezone: config.timezone,
    limits: { ...config.limits, maxRuns: config.gateway.maxRuns, runTimeoutMs: config.gateway.runTimeoutMs },
    nextOrder: rising(clock),
    wake: () => scheduler.wake(),
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

function openPlatform(
  config: Config,
  { fetch, clock, random, log }: World,
  store: Store,
  spool: Spool,
  observations: Observations,
): Platform {
  const { timeoutMs, apiBaseUrl, mediaHosts, egressProxyUrl, caFile } = config.network
  const apps = config.accounts.flatMap(({ id, agent }) => (agent === undefined ? [] : [[id, agent] as const]))
  return createPlatform({
    fetch,
    clock,
    random,
    log: log.area('wecom'),
    network: {
      timeoutMs,
      apiBaseUrl,
      moreHosts: mediaHosts,
      ...(egressProxyUrl !== undefined && { proxy: egressProxyUrl }),
      ...(caFile !== undefined && { ca: readFileSync(caFile, 'utf8') }),
    },
    apps: new Map(apps),
    webhooks: config.webhooks,
    tokens: store.tokens,
    openMedia: source => spool.open(source),
    onTokenRefresh: account => observations.tokenRefreshed(account),
  })
}

function deskAccounts(config: Config): Map<string, AccountDesk> {
  const say = speaker(config.language)
  return new Map(
    config.accounts.map(({ id, bot, agent }) => [
      id,
      {
        id,
        agentId: config.gateway.agentId,
        say,
        placeholder: bot?.streamPlaceholderContent ?? '',
        windowMs: bot?.stream.windowMs ?? 0,
        handoverMs: bot?.stream.handoverMs ?? 0,
        tellsFeedback: bot?.feedback === 'tell',
        ...(bot !== undefined && bot.reasoning !== 'fold' && { thoughts: bot.reasoning }),
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
