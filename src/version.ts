import { arch, platform } from 'node:os'
import { version as packageVersion } from '../package.json'

// Stamped by scripts/build.ts; from source there is nothing to stamp.
declare const BUILD_VERSION: unknown
declare const BUILD_COMMIT: unknown
declare const BUILD_TARGET: unknown

/** What this build is, for `wecomd version`, the status page and the gateway's list of clients. */
export const build = {
  version: typeof BUILD_VERSION === 'string' ? BUILD_VERSION : packageVersion,
  commit: typeof BUILD_COMMIT === 'string' ? BUILD_COMMIT : 'source',
  bun: Bun.version,
  target: typeof BUILD_TARGET === 'string' ? BUILD_TARGET : `${platform()}-${arch()}`,
} as const
