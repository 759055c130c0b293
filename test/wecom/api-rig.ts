import type { Platform, Tokens } from '../../src/domain/ports.ts'
import type { MediaBytes } from '../../src/domain/spool.ts'
import { createPlatform, type PlatformOptions } from '../../src/wecom/platform.ts'
import { createLog, type Log, realClock, realWorld } from '../../src/world.ts'

/** A log whose lines a test can read. */
export function keptLog(): { readonly log: Log; readonly lines: readonly string[] } {
  const lines: string[] = []
  return {
    lines,
    log: createLog(line => void lines.push(line), realClock.now, { level: 'debug', format: 'json' }),
  }
}

export const { fetch } = realWorld(keptLog().log)

/** A token store in memory. */
export function memoryTokens(): Tokens & { readonly rows: Map<string, { value: string; expiresAt: number }> } {
  const rows = new Map<string, { value: string; expiresAt: number }>()
  return {
    rows,
    load: async key => rows.get(key),
    save: async (key, token) => void rows.set(key, { ...token }),
  }
}

/** Bytes that are read in chunks of `step`. */
export function bytesOf(bytes: Uint8Array, step = 65_536): MediaBytes {
  return {
    bytes: bytes.length,
    async *open() {
      for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step)
    },
  }
}

export const start = 1_780_000_000_000
export const salesApp = { corpId: 'wwCORP', corpSecret: 'SALES-SECRET', agentId: 1000002, allowAppChat: false }
export const robotKey = '693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa'

export interface Rig {
  readonly platform: Platform
  readonly lines: readonly string[]
  readonly clock: { time: number; now(): number }
  /** The accounts whose token was refreshed, in order. */
  readonly refreshed: readonly string[]
}

/** A platform for `apiBaseUrl`, with one app (account `default`) and one robot (`ops`). */
export function openRig(apiBaseUrl: string, more: Partial<PlatformOptions> = {}): Rig {
  const { log, lines } = keptLog()
  const refreshed: string[] = []
  const clock = { time: start, now: () => clock.time }
  const platform = createPlatform({
    fetch,
    clock,
    random: { bytes: count => new Uint8Array(count).fill(0xab), fraction: () => 0.5 },
    log,
    apps: new Map([['default', salesApp]]),
    timers: { at: (when, ring) => realClock.alarm(realClock.now() + when - clock.now(), ring) },
    botKeys: new Map(),
    webhooks: { ops: robotKey },
    tokens: memoryTokens(),
    openMedia: async () => bytesOf(Buffer.from('%PDF-1.7 bytes')),
    createFile: () => Promise.reject(new Error('unexpected file')),
    maxMediaBytes: 83_886_080,
    onTokenRefresh: account => void refreshed.push(account),
    ...more,
    network: { apiBaseUrl, moreHosts: [], timeoutMs: 5_000, ...more.network },
  })
  return { platform, lines, clock, refreshed }
}

export const toBob = { kind: 'user', ids: ['bob'] } as const
export const hello = { kind: 'text', content: '你好 "hello"' } as const
export const checked = { unchecked: false } as const
