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

/** The scheduler as timers, in a time that passes only when a test says so. */
export function silentTimers() {
  const clock = new FakeClock(start)
  const scheduler = new Scheduler(clock, quietWorld().log)
  scheduler.start()
  return { clock, timers: scheduler }
}

export interface LinkOptions {
  readonly url: string
  /** `users` unless told otherwise. */
  readonly purpose?: Purpose
  readonly hasApprovers?: boolean
  readonly slowPaceMs?: number
  readonly credentials?: Credentials
  readonly isPaired?: boolean
  readonly isHeld?: (sessionKey: string) => boolean
  /** Of jitter: 0 is the shortest pause, 1 the longest. */
  readonly fraction?: number
  readonly openSocket?: OpenSocket
}

/** A connection over real sockets whose timers ring when the test advances the clock. */
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
    slowPaceMs,
    openSocket = world.openSocket,
  } = options
  const handshake = new Handshake({ purpose, hasApprovers }, credentials, device, 'test', memory)
  const random = { bytes: world.random.bytes, fraction: () => options.fraction ?? 0 }
  const link = { clock, timers, random, openSocket, log: world.log.area('gateway') }
  const optionsAt = (url: string) => ({ url, handshake, backoffMs, ...(slowPaceMs !== undefined && { slowPaceMs }) })
  const connection = new Connection(optionsAt(options.url), link)
  const heard: { event: string; payload: Json }[] = []
  const statuses: LinkStatus[] = []
  connection.subscribe({
    event: (event, payload) => void heard.push({ event, payload }),
    status: status => void statuses.push(status),
    isHeld: options.isHeld ?? (() => false),
  })
  return {
    connection,
    clock,
    timers,
    memory,
    heard,
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
