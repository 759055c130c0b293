import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'

/** Cancels a registration. A second call has no effect. */
export type Cancel = () => void

/** The initial value of a `Cancel` variable, before anything is registered. */
export const nothingToCancel: Cancel = () => {}

/** Times in epoch milliseconds, with one-shot alarms. Only the scheduler sets alarms; other code uses `Timers`. */
export interface Clock {
  /** For all waits: it never goes back while the process runs, and is ahead of the host's clock once that was set back. */
  now(): number
  /** The host's clock, for times that others set or check. */
  wall(): number
  alarm(at: number, ring: () => void): Cancel
}

/** One-shot timers, implemented by the scheduler, so that the process needs a single real timer. */
export interface Timers {
  at(when: number, ring: () => void): Cancel
}

export interface Random {
  bytes(count: number): Uint8Array
  /** A number from 0 (inclusive) to 1 (exclusive). Not secure: use it for jitter only. */
  fraction(): number
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

/** Each call writes one line. Never pass a secret, a message text or a user id. */
export interface Log {
  debug(msg: string, fields?: LogFields): void
  info(msg: string, fields?: LogFields): void
  warn(msg: string, fields?: LogFields): void
  error(msg: string, fields?: LogFields): void
  /** Returns a log that marks its lines with this area. */
  area(name: string): Log
}

/** The subset of `fetch` in use. `proxy` and `tls` are Bun extensions. */
export type Fetch = (url: string, init?: BunFetchRequestInit) => Promise<Response>

/** A client WebSocket for text frames. `bufferedBytes` counts the bytes that `send` has not yet passed to the kernel. */
export interface Socket {
  send(text: string): void
  close(code?: number, reason?: string): void
  /** Closes without a handshake, also while connecting. */
  terminate(): void
  bufferedBytes(): number
}

export interface SocketEvents {
  message(text: string): void
  /** Called exactly once, also if the connection was never opened; then `reason` is why, in Bun's words. */
  close(code: number, reason: string): void
}

export type OpenSocket = (url: string, options: { ca?: string }, events: SocketEvents) => Socket

/** All access to the outside world: time, randomness, network, host. `app.ts` passes it to the adapters; tests pass fakes. */
export interface World {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly fetch: Fetch
  readonly openSocket: OpenSocket
  readonly host: string
  readonly pid: number
}

export function realWorld(log: Log): World {
  return {
    clock: realClock,
    random: realRandom,
    log,
    fetch: (url, init) => fetch(url, init),
    openSocket: openRealSocket,
    host: hostname(),
    pid: process.pid,
  }
}

/**
 * Writes a secret that only this user may read. The file has either its old content or all of the new one, also after a
 * power cut or on a full disk. Throws what the file system throws.
 */
export function writeSecretFile(file: string, text: string): void {
  const draft = `${file}.new`
  const handle = openSync(draft, 'w', 0o600)
  try {
    fchmodSync(handle, 0o600)
    writeFileSync(handle, text)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(draft, file)
  const folder = openSync(dirname(file), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

/** setTimeout overflows at 2^31 ms. A later alarm rings early, and its owner then checks the clock and sets a new one. */
const maxTimerMs = 2_000_000_000

/** What a host has: a clock that can be set, a time that only passes (both in milliseconds), and timers. */
export interface Host {
  wall(): number
  passed(): number
  after(ms: number, ring: () => void): Cancel
}

/** The clock of a process on this host. When the host's clock is set forward, so is this one. */
export function steadyClock({ wall, passed, after }: Host): Clock {
  let last = { at: wall(), passed: passed() }
  const now = () => {
    const steady = last.at + passed() - last.passed
    const at = wall()
    if (at < steady) return Math.floor(steady)
    last = { at, passed: passed() }
    return at
  }
  return { now, wall, alarm: (at, ring) => after(Math.max(0, at - now()), ring) }
}

export const realClock: Clock = steadyClock({
  wall: () => Date.now(),
  passed: () => performance.now(),
  after(ms, ring) {
    const timer = setTimeout(ring, Math.min(ms, maxTimerMs))
    return () => clearTimeout(timer)
  },
})

export const realRandom: Random = {
  bytes: count => crypto.getRandomValues(new Uint8Array(count)),
  fraction: () => Math.random(),
}

const openRealSocket: OpenSocket = (url, options, events) => {
  const socket = new WebSocket(url, options.ca === undefined ? {} : { tls: { ca: options.ca } })
  socket.addEventListener('message', message => {
    if (typeof message.data === 'string') events.message(message.data)
  })
  let failure = ''
  // The message names the URL before its reason.
  socket.addEventListener('error', event => {
    failure = /failed: (.*)$/s.exec('message' in event ? event.message : '')?.[1] ?? ''
  })
  socket.addEventListener('close', event => events.close(event.code, event.reason || failure))
  return {
    send: text => socket.send(text),
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
    bufferedBytes: () => socket.bufferedAmount,
  }
}

/** The lowest level to log, and the format: `pretty` for terminals, `json` for one JSON object per line. */
export interface LogStyle {
  level: LogLevel
  format: 'json' | 'pretty'
}

/** Creates a log that passes lines to `write`. `style` is read for each line, so a reload can change it. */
export function createLog(write: (line: string) => void, now: () => number, style: LogStyle): Log {
  const ranks: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }
  const make = (area: string): Log => {
    const at = (level: LogLevel) => (msg: string, fields?: LogFields) => {
      if (ranks[level] < ranks[style.level]) return
      const format = style.format === 'json' ? formatJson : formatPretty
      write(format(now(), level, area, msg, fields))
    }
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), area: make }
  }
  return make('app')
}

function formatJson(now: number, level: LogLevel, area: string, msg: string, fields?: LogFields): string {
  return JSON.stringify({ time: new Date(now).toISOString(), level, area, msg, ...fields })
}

function formatPretty(now: number, level: LogLevel, area: string, msg: string, fields?: LogFields): string {
  const time = new Date(now).toTimeString().slice(0, 8)
  const rest = Object.entries(fields ?? {})
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${formatValue(value)}`)
    .join('')
  return `${time} ${level.padEnd(5)} ${area.padEnd(9)} ${msg}${rest}`
}

function formatValue(value: LogFields[string]): string {
  const text = Array.isArray(value) ? value.join(', ') : String(value)
  return /\s/.test(text) ? JSON.stringify(text) : text
}
