import type { BridgeContext } from '../bridge/context.ts'
import type { Config } from '../config/config.ts'
import type { StartFile } from '../domain/agent.ts'
import type { Endpoint } from '../domain/endpoint.ts'
import type { Platform } from '../domain/ports.ts'
import type { PlatformOptions } from '../wecom/platform.ts'
import type { KeyRings } from './mounts.ts'
import type { Link } from './state-folder.ts'

/** What the bridge knows of a config. */
export type BridgeSettings = Pick<
  BridgeContext,
  'accounts' | 'timezone' | 'limits' | 'administratorsIn' | 'passedCommands' | 'route'
>

/** What of a config matters to the platform. */
export type PlatformSettings = Pick<PlatformOptions, 'network' | 'apps' | 'botKeys' | 'webhooks' | 'maxMediaBytes'>

/** All that is made of one config. */
export interface ConfigSnapshot {
  readonly config: Config
  readonly loadedAt: number
  readonly settings: BridgeSettings
  readonly adminToken: string
  readonly link: Link
  /** What a new agent finds in its workspace. */
  readonly startFiles: readonly StartFile[]
  readonly platform: Platform
  readonly platformSettings: PlatformSettings
  readonly rings: KeyRings
  /** By path. */
  readonly mounts: ReadonlyMap<string, Endpoint>
}

/** The generation by which the daemon runs. Whoever wants to see reloads looks here each time, and keeps nothing. */
export class ActiveConfig {
  private current: ConfigSnapshot | undefined

  get now(): ConfigSnapshot {
    if (this.current === undefined) throw new Error('no config was loaded yet')
    return this.current
  }

  /** Everything changes at once. */
  replace(next: ConfigSnapshot): void {
    this.current = next
  }
}
