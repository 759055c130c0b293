import { readFileSync } from 'node:fs'
import type { BridgeContext } from '../bridge/context.ts'
import { createReceive } from '../bridge/callback/receive.ts'
import type { Config } from '../config/config.ts'
import type { Metrics } from '../http/metrics.ts'
import type { KeyRing } from '../wecom/callback/keys.ts'
import type { EndpointDeps } from '../wecom/callback/endpoint.ts'
import { createPlatform, type PlatformOptions } from '../wecom/platform.ts'
import type { World } from '../world.ts'
import type { ConfigSnapshot, PlatformSettings } from './active-config.ts'
import { bridgeSettings } from './bridge-context.ts'
import { type KeyRings, mountsOf, ringsOf } from './mounts.ts'
import { rememberVerified } from './remembered.ts'
import { loadReplacedKeys } from './replaced-keys.ts'
import { readStartFiles } from './start-files.ts'
import { type DaemonOptions, adminToken, linkOf } from './state-folder.ts'

/** Dependencies that all config snapshots share. */
export interface ConfigDeps {
  readonly options: DaemonOptions
  readonly world: World
  readonly platform: Omit<PlatformOptions, keyof PlatformSettings>
  readonly endpoint: EndpointDeps
}

export function openConfigDeps(
  options: DaemonOptions,
  world: World,
  { context, metrics }: { context: BridgeContext; metrics: Metrics },
): ConfigDeps {
  const { fetch, clock, random, log } = world
  const { store, spool, timers } = context
  return {
    options,
    world,
    platform: {
      fetch,
      clock,
      timers,
      random,
      log: log.area('wecom'),
      tokens: store.tokens,
      openMedia: source => spool.open(source),
      createFile: name => spool.create(name),
      onTokenRefresh: account => metrics.tokenRefreshed(account),
    },
    endpoint: {
      receive: createReceive(context),
      clock,
      random,
      log: log.area('wecom'),
      observe(event) {
        if (event.kind === 'refused') return metrics.refused(event)
        metrics.callback(event)
        if (event.type === 'echo' && event.result === 'ok') rememberVerified(store, event, log)
      },
    },
  }
}

/**
 * Creates everything that depends on the config, without changing the running daemon. Throws if that fails, for example because
 * a file cannot be read. `before` is the snapshot to replace: parts that did not change are kept.
 */
export function createSnapshot(config: Config, deps: ConfigDeps, before?: ConfigSnapshot): ConfigSnapshot {
  const { options, world } = deps
  const loadedAt = world.clock.now()
  const restored = before === undefined ? loadReplacedKeys(options.stateDir, loadedAt) : undefined
  const rings = ringsOf(config, before?.rings, loadedAt, restored)
  const platformSettings = platformSettingsOf(config, rings)
  return {
    config,
    loadedAt,
    settings: bridgeSettings(config),
    adminToken: adminToken(config, options.stateDir, world),
    link: linkOf(config),
    startFiles: readStartFiles(config),
    // A client that is kept also keeps its cached access tokens and tags.
    platform:
      before !== undefined && Bun.deepEquals(before.platformSettings, platformSettings)
        ? before.platform
        : createPlatform({ ...deps.platform, ...platformSettings }),
    platformSettings,
    rings,
    mounts: mountsOf(config, rings, deps.endpoint),
  }
}

function platformSettingsOf({ accounts, network, webhooks, media }: Config, rings: KeyRings): PlatformSettings {
  const { timeoutMs, apiBaseUrl, mediaHosts, egressProxyUrl, caFile } = network
  const apps = accounts.flatMap(({ id, agent }) => {
    if (agent === undefined) return []
    const { corpId, corpSecret, agentId, allowAppChat } = agent
    return [[id, { corpId, corpSecret, agentId, allowAppChat }] as const]
  })
  const botKeys = Array.from(rings, ([id, { bot }]) => [id, bot === undefined ? [] : aesKeysOf(bot)] as const)
  return {
    network: {
      timeoutMs,
      apiBaseUrl,
      moreHosts: mediaHosts,
      ...(egressProxyUrl !== undefined && { proxy: egressProxyUrl }),
      ...(caFile !== undefined && { ca: readFileSync(caFile, 'utf8') }),
    },
    apps: new Map(apps),
    botKeys: new Map(botKeys),
    webhooks,
    maxMediaBytes: media.maxBytes,
  }
}

/** Media is encrypted with the key of the callback that links to it, which may be one that a reload replaced. */
function aesKeysOf({ encodingAESKey, replaced }: KeyRing): readonly string[] {
  return [...new Set([encodingAESKey, ...replaced.map(keys => keys.encodingAESKey)])]
}
