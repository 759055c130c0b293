import type { LinkStatus } from '../../domain/agent.ts'
import { isCode, WecomdError } from '../../errors.ts'
import { type Cancel, type Log, nothingToCancel, type OpenSocket, type Random, type Socket } from '../../world.ts'
import { decodeFrame, isUnfollowedEvent, type Json, type JsonText, numberAt, stringAt } from './frames.ts'
import { type Handshake, type Hello, questionScope, type ScopeRequest } from './handshake.ts'
import { describeClose, explainRefusal } from './refusal.ts'
import { Retry, type RetryDeps } from './retry.ts'
import { Rpc } from './rpc.ts'

const connectTimeoutMs = 15_000
const requestTimeoutMs = 30_000
/** Above this many unsent bytes, large frames wait for the gateway to catch up. */
const bufferedLimitBytes = 1024 * 1024
const drainCheckMs = 50
const settledCheckMs = 50
/** Backoff between connects. Errors that only an operator can fix use the slow retry instead. */
const backoffLimits = { firstMs: 1_000, mostMs: 10_000 }
const defaultSlowRetryMs = 10_000

/** Where and how to connect. `slowRetryMs` is the pause after errors that only an operator can fix. */
export interface ConnectionOptions {
  readonly url: string
  readonly ca?: string
  readonly handshake: Handshake
  readonly slowRetryMs?: number
  readonly backoffMs: (attempt: number, limits: { firstMs: number; mostMs: number }, fraction: number) => number
}

export interface ConnectionDeps extends RetryDeps {
  readonly random: Random
  readonly openSocket: OpenSocket
  readonly log: Log
}

/** One socket, with its pending requests and the scopes it requested. */
interface LiveSocket {
  readonly socket: Socket
  readonly rpc: Rpc
  readonly requested: ScopeRequest
}

/** A subscriber to the link. Events of sessions that no subscriber follows are dropped without being parsed. */
export interface ConnectionEvents {
  event(event: string, payload: Json): void
  status(status: LinkStatus): void
  followsSession(sessionKey: string, isFinal: boolean): boolean
}

/**
 * One WebSocket to the gateway for the whole life of the daemon: handshake, watchdog, reconnect. A broken link is a
 * state, not an exception: `status` has the reason and a hint for the operator. Only requests reject.
 */
export class Connection {
  private options: ConnectionOptions
  private readonly world: ConnectionDeps
  private readonly listeners: ConnectionEvents[] = []
  private live: LiveSocket | undefined
  private current: LinkStatus
  private latestHello: Hello | undefined
  private attempt = 0
  private lastFrameAt = 0
  private stopped = true
  private readonly retry: Retry
  private cancelWatchdog = nothingToCancel
  /** How an operator lets agents ask their users, if this device was paired without that. */
  questionsHint: string | undefined

  constructor(options: ConnectionOptions, world: ConnectionDeps) {
    this.options = options
    this.world = world
    this.retry = new Retry(world, () => {
      if (!this.stopped) this.connect()
    })
    this.current = { state: 'connecting', since: world.clock.now() }
  }

  get status(): LinkStatus {
    return this.current
  }

  /** The gateway's hello; undefined while the link is not up. */
  get hello(): Hello | undefined {
    return this.current.state === 'up' ? this.latestHello : undefined
  }

  /** The latest hello, kept while the link is down; undefined before the first connect. */
  get lastHello(): Hello | undefined {
    return this.latestHello
  }

  /** The gateway's HTTP origin. It serves HTTP on the host and port of the WebSocket. */
  get http(): { readonly origin: string; readonly ca?: string } {
    const { url, ca } = this.options
    const { protocol, host } = new URL(url)
    return { origin: `${protocol === 'wss:' ? 'https' : 'http'}://${host}`, ...(ca !== undefined && { ca }) }
  }

  subscribe(listener: ConnectionEvents): void {
    this.listeners.push(listener)
  }

  /** Starts connecting. Does nothing when already started. */
  start(): void {
    if (!this.stopped) return
    this.stopped = false
    this.connect()
  }

  /** Closes the link for good. Pending requests reject with `gateway_down`. */
  stop(): void {
    this.stopped = true
    this.retry.cancel()
    this.cancelWatchdog()
    this.live?.socket.close(1000, 'wecomd stopping')
    this.live?.socket.terminate()
  }

  /** Reconnects with another address or other credentials. Pending requests fail as for any broken link. */
  reopen(options: ConnectionOptions): void {
    this.options = options
    if (this.stopped) return
    const { live } = this
    this.live = undefined
    this.attempt = 0
    this.retry.cancel()
    this.cancelWatchdog()
    live?.socket.close(1000, 'another gateway')
    live?.socket.terminate()
    this.setStatus({ state: 'connecting', since: this.world.clock.now() })
    this.connect()
  }

  /** Rejects with `gateway_down` while the link is not up, otherwise like `Rpc.request`. */
  async request(method: string, params: Json | JsonText, timeoutMs = requestTimeoutMs): Promise<Json> {
    const { live } = this
    if (this.current.state !== 'up' || live === undefined) {
      throw new WecomdError('gateway_down', `${method}: not connected to the gateway`)
    }
    return live.rpc.request(live.socket, method, params, timeoutMs)
  }

  /** Resolves when the link is up, refused or waiting for pairing, or after `ms`. */
  async settled(ms: number): Promise<void> {
    const { clock, timers } = this.world
    const until = clock.now() + ms
    while (['connecting', 'down'].includes(this.current.state) && clock.now() < until) {
      await new Promise<void>(resolve => timers.at(clock.now() + settledCheckMs, resolve))
    }
  }

  /** Resolves when at most 1 MiB is unsent. Large frames wait for it, so that small requests are not stuck. */
  async drained(): Promise<void> {
    const { clock, timers } = this.world
    while ((this.live?.socket.bufferedBytes() ?? 0) > bufferedLimitBytes) {
      await new Promise<void>(resolve => timers.at(clock.now() + drainCheckMs, resolve))
    }
  }

  private connect(): void {
    const { clock, timers, openSocket } = this.world
    const { url, ca, handshake } = this.options
    if (this.current.state === 'up') this.setStatus({ state: 'connecting', since: clock.now() })
    const timeout = timers.at(clock.now() + connectTimeoutMs, () => live.socket.terminate())
    const socket = openSocket(url, ca === undefined ? {} : { ca }, {
      message: text => this.receive(live, text, timeout),
      close: (code, reason) => {
        timeout()
        this.onClosed(live, code, reason)
      },
    })
    const live: LiveSocket = { socket, rpc: new Rpc(clock, timers), requested: handshake.nextScopeRequest() }
    this.live = live
  }

  private receive(live: LiveSocket, text: string, timeout: Cancel): void {
    this.lastFrameAt = this.world.clock.now()
    if (isUnfollowedEvent(text, (...of) => this.listeners.some(listener => listener.followsSession(...of)))) return
    const frame = decodeFrame(text)
    switch (frame.kind) {
      case 'res':
        return live.rpc.settle(frame)
      case 'event':
        if (frame.event === 'connect.challenge') return void this.shakeHands(live, frame.payload, timeout)
        for (const listener of this.listeners) listener.event(frame.event, frame.payload)
        return
      case 'unknown':
        return this.world.log.debug('ignored an unknown frame from the gateway')
      default:
        return frame satisfies never
    }
  }

  /** Never rejects. A failure closes the socket and changes the status. */
  private async shakeHands(live: LiveSocket, challenge: Json, timeout: Cancel): Promise<void> {
    const { handshake } = this.options
    const { clock } = this.world
    try {
      const nonce = stringAt(challenge, 'nonce') ?? ''
      const params = handshake.connectParams(live.requested, nonce, numberAt(challenge, 'ts') ?? clock.now())
      const payload = await live.rpc.request(live.socket, 'connect', params, connectTimeoutMs)
      timeout()
      this.latestHello = handshake.accept(live.requested, payload)
      if (live.requested.isPairing) return this.reconnect(live, 'device approved')
      live.rpc.maxFrameBytes = this.latestHello.maxPayloadBytes
      this.attempt = 0
      this.setStatus({ state: 'up', since: clock.now(), scopes: this.latestHello.scopes.join(' ') })
      this.watch(live.socket, this.latestHello.tickIntervalMs)
    } catch (error) {
      timeout()
      if (isCode(error, 'gateway_timeout')) live.socket.terminate()
      else if (!isCode(error, 'gateway_down')) this.onRefused(live, error)
      // On `gateway_down` the socket is already closed, and `onClosed` handles it.
    }
  }

  /** Connects again at once, with fewer scopes. */
  private reconnect(live: LiveSocket, reason: string): void {
    this.world.log.info('reconnecting to the gateway', { reason })
    this.live = undefined
    live.socket.close(1000, reason)
    this.connect()
  }

  private onRefused(live: LiveSocket, error: unknown): void {
    const { state, reason, hint, retryAfterMs, isPairingLost, lacksScopes } = explainRefusal(error, live.requested)
    const { handshake, slowRetryMs = defaultSlowRetryMs } = this.options
    const dropped = lacksScopes ? handshake.dropScope() : undefined
    if (dropped !== undefined) {
      if (dropped === questionScope) this.questionsHint = hint
      return this.reconnect(live, `this device lacks ${dropped}`)
    }
    if (isPairingLost) handshake.forgetPairing()
    this.setStatus({ state, since: this.world.clock.now(), reason, ...(hint && { hint }) })
    this.live = undefined
    live.socket.close(1000, 'refused')
    live.socket.terminate()
    this.retry.after(retryAfterMs ?? (state === 'connecting' ? this.nextBackoff() : slowRetryMs))
  }

  private onClosed(live: LiveSocket, code: number, reason: string): void {
    live.rpc.failAll(`connection closed (${code})`)
    if (this.live !== live) return
    this.live = undefined
    this.cancelWatchdog()
    if (this.stopped) return
    this.setStatus({
      state: 'down',
      since: this.current.state === 'down' ? this.current.since : this.world.clock.now(),
      reason: describeClose(code, reason, hostOf(this.options.url)),
      hint: `check that the gateway is running and reachable at ${hostOf(this.options.url)}`,
    })
    this.retry.after(this.nextBackoff(), true)
  }

  private nextBackoff(): number {
    return this.options.backoffMs(++this.attempt, backoffLimits, this.world.random.fraction())
  }

  /** The gateway sends a tick every interval. Two intervals without any frame mean that the link is dead. */
  private watch(socket: Socket, tickIntervalMs: number): void {
    this.cancelWatchdog()
    const dueAt = this.lastFrameAt + 2 * tickIntervalMs
    this.cancelWatchdog = this.world.timers.at(dueAt, () => {
      if (this.world.clock.now() - this.lastFrameAt < 2 * tickIntervalMs) return this.watch(socket, tickIntervalMs)
      this.world.log.warn('no frame from the gateway for two tick intervals; reconnecting')
      socket.close(4000, 'tick timeout')
      socket.terminate()
    })
  }

  private setStatus(status: LinkStatus): void {
    const { state, reason } = this.current
    this.current = status
    if (state === status.state && reason === status.reason) return
    const write = status.state === 'up' || status.state === 'connecting' ? this.world.log.info : this.world.log.warn
    write(`gateway ${status.state}`, { reason: status.reason, hint: status.hint })
    for (const listener of this.listeners) listener.status(status)
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'the configured address'
}
