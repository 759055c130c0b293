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
import type { ConfigSource } from './state-folder.ts'

/** Of these a change takes effect only at the next start. */
const fixedPaths = ['server', 'admin.host', 'admin.port', 'stateDir', 'store']

export interface ReloadDeps {
  readonly active: ActiveConfig
  readonly shop: ConfigDeps
  readonly links: Links
  readonly desk: BridgeContext
  readonly agentWatch: AgentWatch
}

type ReloadResult =
  | { readonly kind: 'taken'; readonly changed: readonly string[]; readonly warnings: readonly string[] }
  | { readonly kind: 'refused'; readonly complaints: readonly string[]; readonly hint: string }

/** A file that is wrong is complained about by `wecomd check` as well; one that needs a restart is not. */
const hints = { wrong: 'wecomd check tells more', fixed: 'restart wecomd, or put back what was there' } as const

/** Reads the config again, and takes it as a whole or not at all. */
export class Reloader {
  private readonly source: ConfigSource
  private readonly house: ReloadDeps
  private settings: Settings
  private refusal: string | undefined
  private last: Promise<void> = Promise.resolve()
  private isStopped = false
  private unwatch = nothingToCancel

  constructor(source: ConfigSource, house: ReloadDeps) {
    this.source = source
    this.house = house
    this.settings = source.settings
  }

  /** From here on a changed file is noticed. */
  watch(): void {
    const { shop, desk } = this.house
    const { timers } = desk
    this.unwatch = watchConfig(this.source.file, { ...shop.world, timers }, () => void this.reload())
  }

  /** Why the file is not what is active; undefined when it is. */
  get complaint(): string | undefined {
    return this.refusal
  }

  /** One after the other; resolves when this one is over. Never rejects. */
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
    const { active, shop } = this.house
    const { log } = shop.world
    this.source.reloading()
    const verdict = await this.take().catch(
      (error): ReloadResult => ({
        kind: 'refused',
        complaints: [messageOf(error)],
        hint: hints.wrong,
      }),
    )
    this.source.reloaded(active.now.config)
    if (verdict.kind === 'taken') {
      this.refusal = undefined
      for (const warning of verdict.warnings) log.warn('the config has a doubtful place', { complaint: warning })
      log.info('config reloaded', { changed: verdict.changed })
    } else {
      const { complaints, hint } = verdict
      this.refusal = complaints.join('; ')
      log.error('config NOT reloaded, the one before stays active', { complaints, hint })
    }
  }

  private async take(): Promise<ReloadResult> {
    const { active, shop, links, desk, agentWatch } = this.house
    const { config, settings, issues: complaints } = this.source.load()
    if (config === undefined || settings === undefined) {
      const errors = complaints.filter(({ severity }) => severity === 'error')
      return { kind: 'refused', complaints: errors.map(formatIssue), hint: hints.wrong }
    }
    const changed = changedPaths(this.settings, settings)
    const fixed = changed.filter(isFixed)
    if (fixed.length > 0) {
      return { kind: 'refused', complaints: fixed.map(path => `${path}: a change needs a restart`), hint: hints.fixed }
    }
    const before = active.now
    const next = createSnapshot(config, shop, before)
    await desk.breaker.load([...next.settings.accounts.keys()].filter(id => !before.settings.accounts.has(id)))
    const isNewLink = !Bun.deepEquals(before.link, next.link)
    const link = isNewLink ? linkOptions(next.link, shop.options) : undefined
    // Whatever could fail has been done: from here on the new config is the one that is active.
    active.replace(next)
    this.settings = settings
    if (link !== undefined) links.reopen(link)
    if (before.platform !== next.platform) await this.tryHeldAgain(desk)
    desk.wake()
    agentWatch.look()
    const authorities = changedPaths(authoritiesOf(before), authoritiesOf(next))
    return {
      kind: 'taken',
      changed: [...new Set([...changed, ...authorities])],
      warnings: complaints.map(formatIssue),
    }
  }

  /** What waits for the operator may go now; else it is tried within a minute anyway. */
  private async tryHeldAgain({ breaker, store, clock, log }: BridgeContext): Promise<void> {
    for (const account of breaker.accounts()) {
      breaker.probe(account)
      await store.outbox
        .unhold(account, clock.now())
        .catch(error => log.warn('what waits could not be tried at once', { account, error: messageOf(error) }))
    }
  }
}

function isFixed(path: string): boolean {
  return fixedPaths.some(fixed => path === fixed || path.startsWith(`${fixed}.`))
}

/** What the files of authorities hold, by the keys that name them. */
function authoritiesOf({ platformSettings, link }: ConfigSnapshot): Readonly<Record<string, unknown>> {
  return { 'channels.wecom.network.caFile': platformSettings.network.ca, 'gateway.caFile': link.ca }
}
