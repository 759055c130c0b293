import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LinkStatus } from '../../src/domain/agent.ts'
import { Connection } from '../../src/gateway/link/socket.ts'
import { loadDevice } from '../../src/gateway/link/device.ts'
import type { Json } from '../../src/gateway/link/frames.ts'
import { type Credentials, Handshake, type PairingMemory, type Purpose } from '../../src/gateway/link/handshake.ts'
import { backoffMs } from '../../src/scheduler/backoff.ts'
import { Scheduler } from '../../src/scheduler/scheduler.ts'
import type { OpenSocket } from '../../src/world.ts'
import { FakeClock } from '../fake-clock.ts'
import { quietWorld } from '../scenarios/daemon.ts'

const start = 1_780_000_000_000

export function memoryOf(isPaired: boolean): PairingMemory {
  let known = isPaired
  return {
    isPaired: () => known,
    remember() {
      known = true
    },
    forget() {
      known = false
    },
  }
}

/** A scheduler whose time passes only when the test advances its clock. */
export function silentTimers() {
  const clock = new FakeClock(start)
  const scheduler = new Scheduler(clock, quietWorld().log)
  scheduler.start()
  return { clock, timers: scheduler }
}

export interface LinkOptions {
  readonly url: string
  /** Default: `users`. */
  readonly purpose?: Purpose
  readonly hasApprovers?: boolean
  readonly slowRetryMs?: number
  readonly credentials?: Credentials
  readonly isPaired?: boolean
  readonly followsSession?: (sessionKey: string) => boolean
  /** The jitter: 0 is the shortest pause, 1 the longest. */
  readonly fraction?: number
  readonly openSocket?: OpenSocket
  readonly isAwaited?: () => Promise<boolean>
}

/** A connection over real sockets, with timers that fire when the test advances the clock. */
export function openLink(options: LinkOptions) {
  const { clock, timers } = silentTimers()
  const log: string[] = []
  const world = quietWorld(log)
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-link-'))
  const memory = memoryOf(options.isPaired ?? true)
  const device = loadDevice(join(folder, 'device.pem'))
  const {
    purpose = 'users',
    hasApprovers = false,
    credentials = { token: 'link-token' },
    slowRetryMs,
    openSocket = world.openSocket,
    isAwaited,
  } = options
  const handshake = new Handshake({ purpose, hasApprovers }, credentials, device, 'test', memory)
  const random = { bytes: world.random.bytes, fraction: () => options.fraction ?? 0 }
  const link = { clock, timers, random, openSocket, log: world.log.area('gateway'), ...(isAwaited && { isAwaited }) }
  const optionsAt = (url: string) => ({ url, handshake, backoffMs, ...(slowRetryMs !== undefined && { slowRetryMs }) })
  const connection = new Connection(optionsAt(options.url), link)
  const events: { event: string; payload: Json }[] = []
  const statuses: LinkStatus[] = []
  connection.subscribe({
    event: (event, payload) => void events.push({ event, payload }),
    status: status => void statuses.push(status),
    followsSession: options.followsSession ?? (() => false),
  })
  return {
    connection,
    clock,
    timers,
    memory,
    events,
    statuses,
    log,
    pass: (ms: number) => clock.advanceTo(clock.now() + ms),
    reopen: (url: string) => connection.reopen(optionsAt(url)),
    close() {
      connection.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
