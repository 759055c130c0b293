import type { BridgeContext } from '../bridge/context.ts'
import { changedPaths } from '../config/changes.ts'
import { formatIssue } from '../config/issues.ts'
import type { Settings } from '../config/schema.ts'
import { messageOf } from '../errors.ts'
import { nothingToCancel } from '../world.ts'
import type { ActiveConfig, ConfigSnapshot } from './active-config.ts'
import type { AgentWatch } from './agent-watch.ts'
import { watchConfig } from './config-watch.ts'
import { createSnapshot, type ConfigDeps } from './config-snapshot.ts'
import { type Links, linkOptions } from './links.ts'
import { saveReplacedKeys } from './replaced-keys.ts'
import type { ConfigSource } from './state-folder.ts'

/** Changes to these sections take effect only after a restart. */
const restartPaths = ['server', 'admin.host', 'admin.port', 'stateDir', 'store']

export interface ReloadDeps {
  readonly active: ActiveConfig
  readonly configDeps: ConfigDeps
  readonly links: Links
  readonly context: BridgeContext
  readonly agentWatch: AgentWatch
}

type ReloadResult =
  | { readonly kind: 'applied'; readonly changed: readonly string[]; readonly warnings: readonly string[] }
  | { readonly kind: 'rejected'; readonly problems: readonly string[]; readonly hint: string }

/** `wecomd check` finds invalid configs, but not changes that need a restart. */
const hints = {
  invalid: 'run wecomd check for details',
  restart: 'restart wecomd, or restore the previous values',
} as const

/** Reloads the config. A new config is applied as a whole or rejected as a whole. */
export class Reloader {
  private readonly source: ConfigSource
  private readonly deps: ReloadDeps
  private settings: Settings
  private lastProblem: string | undefined
  private last: Promise<void> = Promise.resolve()
  private isStopped = false
  private unwatch = nothingToCancel

  constructor(source: ConfigSource, deps: ReloadDeps) {
    this.source = source
    this.deps = deps
    this.settings = source.settings
  }

  /** Starts to reload whenever the file changes. */
  watch(): void {
    const { configDeps, context } = this.deps
    const { timers } = context
    this.unwatch = watchConfig(this.source.file, { ...configDeps.world, timers }, () => void this.reload())
  }

  /** Why the last reload was rejected; undefined if the config file is active. */
  get problem(): string | undefined {
    return this.lastProblem
  }

  /** Reloads after any reload in progress. Resolves when done and never rejects. */
  reload(): Promise<void> {
    this.last = this.last.then(() => (this.isStopped ? undefined : this.reloadNow()))
    return this.last
  }

  async stop(): Promise<void> {
    this.isStopped = true
    this.unwatch()
    await this.last
  }

  private async reloadNow(): Promise<void> {
    const { active, configDeps } = this.deps
    const { log } = configDeps.world
    this.source.reloading()
    const result = await this.apply().catch(
      (error): ReloadResult => ({
        kind: 'rejected',
        problems: [messageOf(error)],
        hint: hints.invalid,
      }),
    )
    this.source.reloaded(active.now.config)
    if (result.kind === 'applied') {
      this.lastProblem = undefined
      for (const warning of result.warnings) log.warn('config warning', { warning })
      log.info('config reloaded', { changed: result.changed })
    } else {
      const { problems, hint } = result
      this.lastProblem = problems.join('; ')
      log.error('config reload rejected; keeping the previous config', { problems, hint })
    }
  }

  private async apply(): Promise<ReloadResult> {
    const { active, configDeps, links, context, agentWatch } = this.deps
    const { config, settings, issues } = this.source.load()
    if (config === undefined || settings === undefined) {
      const errors = issues.filter(({ severity }) => severity === 'error')
      return { kind: 'rejected', problems: errors.map(formatIssue), hint: hints.invalid }
    }
    const changed = changedPaths(this.settings, settings)
    const fixed = changed.filter(needsRestart)
    if (fixed.length > 0) {
      return { kind: 'rejected', problems: fixed.map(path => `${path}: a change needs a restart`), hint: hints.restart }
    }
    const before = active.now
    const next = createSnapshot(config, configDeps, before)
    await context.breaker.load([...next.settings.accounts.keys()].filter(id => !before.settings.accounts.has(id)))
    const isNewLink = !Bun.deepEquals(before.link, next.link)
    const link = isNewLink ? linkOptions(next.link, configDeps.options) : undefined
    // Nothing below can fail, so from here on the new config is active.
    active.replace(next)
    saveReplacedKeys(configDeps.options.stateDir, next.rings, configDeps.world)
    this.settings = settings
    if (link !== undefined) links.reopen(link)
    if (before.platform !== next.platform) await this.retryHeld(context)
    context.wake()
    agentWatch.check()
    const caFiles = changedPaths(caContentsOf(before), caContentsOf(next))
    return {
      kind: 'applied',
      changed: [...new Set([...changed, ...caFiles])],
      warnings: issues.map(formatIssue),
    }
  }

  /** Retries held deliveries: the new config may have fixed their problem. Otherwise each app is probed once a minute. */
  private async retryHeld({ breaker, store, clock, log }: BridgeContext): Promise<void> {
    for (const account of breaker.accounts()) {
      breaker.allowProbe(account)
      await store.outbox
        .unhold(account, clock.now())
        .catch(error =>
          log.warn('releasing held deliveries failed; retrying within a minute', { account, error: messageOf(error) }),
        )
    }
  }
}

function needsRestart(path: string): boolean {
  return restartPaths.some(fixed => path === fixed || path.startsWith(`${fixed}.`))
}

/** The contents of the CA files by config key: a file can change while its path stays the same. */
function caContentsOf({ platformSettings, link }: ConfigSnapshot): Readonly<Record<string, unknown>> {
  return { 'channels.wecom.network.caFile': platformSettings.network.ca, 'gateway.caFile': link.ca }
}
