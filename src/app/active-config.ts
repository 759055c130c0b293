import type { BridgeContext } from '../bridge/context.ts'
import type { Config } from '../config/config.ts'
import type { StartFile } from '../domain/agent.ts'
import type { Endpoint } from '../domain/endpoint.ts'
import type { Platform } from '../domain/ports.ts'
import type { PlatformOptions } from '../wecom/platform.ts'
import type { KeyRings } from './mounts.ts'
import type { Link } from './state-folder.ts'

/** The settings that the bridge reads. */
export type BridgeSettings = Pick<
  BridgeContext,
  'accounts' | 'timezone' | 'limits' | 'administratorsIn' | 'passedCommands' | 'route'
>

/** The settings of the WeCom client. If none of them changes, a reload keeps the client. */
export type PlatformSettings = Pick<PlatformOptions, 'network' | 'apps' | 'botKeys' | 'webhooks' | 'maxMediaBytes'>

/** Everything that is created from one config. Immutable: a reload creates the next one. */
export interface ConfigSnapshot {
  readonly config: Config
  readonly loadedAt: number
  readonly settings: BridgeSettings
  readonly adminToken: string
  readonly link: Link
  /** The initial workspace files of a new agent. */
  readonly startFiles: readonly StartFile[]
  readonly platform: Platform
  readonly platformSettings: PlatformSettings
  readonly rings: KeyRings
  /** Callback endpoints by path. */
  readonly mounts: ReadonlyMap<string, Endpoint>
}

/** The current snapshot. Read `now` on every use and do not keep it, otherwise reloads are missed. */
export class ActiveConfig {
  private current: ConfigSnapshot | undefined

  get now(): ConfigSnapshot {
    if (this.current === undefined) throw new Error('no config is loaded yet')
    return this.current
  }

  /** Activates a snapshot. All its settings take effect at the same moment. */
  replace(next: ConfigSnapshot): void {
    this.current = next
  }
}
