import { hostname } from 'node:os'

/** Undoes a registration; harmless when called twice. */
export type Cancel = () => void

/** What there is to undo before anything was registered. */
export const nothingToCancel: Cancel = () => {}

/** Wall clock in epoch milliseconds, and one-shot alarms. Only the scheduler sets alarms; everybody else asks it. */
export interface Clock {
  now(): number
  alarm(at: number, ring: () => void): Cancel
}

/** Waits that the scheduler keeps for others, so that there is one timer in the process. */
export interface Timers {
  at(when: number, ring: () => void): Cancel
}

export interface Random {
  bytes(count: number): Uint8Array
  /** 0 <= n < 1, for jitter only. */
  fraction(): number
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

/** One line each. Never pass a secret, message text or a user id. */
export interface Log {
  debug(msg: string, fields?: LogFields): void
  info(msg: string, fields?: LogFields): void
  warn(msg: string, fields?: LogFields): void
  error(msg: string, fields?: LogFields): void
  /** A log whose lines carry `area`. */
  area(name: string): Log
}

/** The part of `fetch` that we use; `proxy` and `tls` are Bun's. */
export type Fetch = (url: string, init?: BunFetchRequestInit) => Promise<Response>

/** A client WebSocket, text frames only. `bufferedBytes` is what `send` has not yet handed to the kernel. */
export interface Socket {
  send(text: string): void
  close(code?: number, reason?: string): void
  /** Ends at once, also while still connecting. */
  terminate(): void
  bufferedBytes(): number
}

export interface SocketEvents {
  message(text: string): void
  /** Called exactly once, whatever happened. */
  close(code: number, reason: string): void
}

export type OpenSocket = (url: string, options: { ca?: string }, events: SocketEvents) => Socket

/** The doors to the outside. `app.ts` hands them to the adapters; tests hand in others. */
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

/** setTimeout counts in a signed 32-bit integer; a later alarm rings early and its owner looks at the clock again. */
const maxTimerMs = 2_000_000_000

export const realClock: Clock = {
  now: () => Date.now(),
  alarm(at, ring) {
    const timer = setTimeout(ring, Math.min(Math.max(0, at - Date.now()), maxTimerMs))
    return () => clearTimeout(timer)
  },
}

export const realRandom: Random = {
  bytes: count => crypto.getRandomValues(new Uint8Array(count)),
  fraction: () => Math.random(),
}

const openRealSocket: OpenSocket = (url, options, events) => {
  const socket = new WebSocket(url, options.ca === undefined ? {} : { tls: { ca: options.ca } })
  socket.addEventListener('message', message => {
    if (typeof message.data === 'string') events.message(message.data)
  })
  socket.addEventListener('close', event => events.close(event.code, event.reason))
  return {
    send: text => socket.send(text),
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
    bufferedBytes: () => socket.bufferedAmount,
  }
}

/** How much of a log is written, and how: `pretty` for terminals, JSON lines otherwise. */
export interface LogStyle {
  level: LogLevel
  format: 'json' | 'pretty'
}

/** Writes log lines to `write`, each in the style of that moment. */
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
