import type { LinkStatus } from '../../domain/agent.ts'
import { isCode, WecomdError } from '../../errors.ts'
import {
  type Cancel,
  type Clock,
  type Log,
  nothingToCancel,
  type OpenSocket,
  type Random,
  type Socket,
  type Timers,
} from '../../world.ts'
import { decodeFrame, isForeignEvent, type Json, type JsonText, numberAt, stringAt } from './frames.ts'
import type { Grant, Handshake, Hello } from './handshake.ts'
import { explainRefusal } from './refusal.ts'
import { Rpc } from './rpc.ts'

const connectTimeoutMs = 15_000
const requestTimeoutMs = 30_000
/** With more than this unsent the gateway does not keep up. */
const bufferedLimitBytes = 1024 * 1024
const drainCheckMs = 50
const settledCheckMs = 50
/** Backoff between tries; what only an operator can mend is tried at the slow pace. */
const pace = { firstMs: 1_000, mostMs: 10_000 }
const defaultSlowPaceMs = 10_000

export interface ConnectionOptions {
  readonly url: string
  readonly ca?: string
  readonly handshake: Handshake
  readonly slowPaceMs?: number
  readonly backoffMs: (attempt: number, limits: { firstMs: number; mostMs: number }, fraction: number) => number
}

export interface ConnectionDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly openSocket: OpenSocket
  readonly log: Log
}

/** One socket with what waits on it. */
interface Line {
  readonly socket: Socket
  readonly rpc: Rpc
  readonly grant: Grant
}

/** Who wants to hear of the link. `isHeld` names the sessions whose events are worth parsing. */
export interface ConnectionEvents {
  event(event: string, payload: Json): void
  status(status: LinkStatus): void
  isHeld(sessionKey: string): boolean
}

/**
 * One WebSocket to the gateway, for the whole life of the daemon: handshake, watchdog, reconnect. Trouble is state, not
 * an exception: `status` says what is wrong and what to do; only requests reject.
 */
export class Connection {
  private options: ConnectionOptions
  private readonly world: ConnectionDeps
  private readonly listeners: ConnectionEvents[] = []
  private line: Line | undefined
  private current: LinkStatus
  private greeted: Hello | undefined
  private attempt = 0
  private heardAt = 0
  private stopped = true
  private cancelWait = nothingToCancel
  private cancelWatchdog = nothingToCancel

  constructor(options: ConnectionOptions, world: ConnectionDeps) {
    this.options = options
    this.world = world
    this.current = { state: 'connecting', since: world.clock.now() }
  }

  get status(): LinkStatus {
    return this.current
  }

  /** What the gateway said of itself; undefined while the link is not up. */
  get hello(): Hello | undefined {
    return this.current.state === 'up' ? this.greeted : undefined
  }

  /** What it said last, also while the link is not up. */
  get lastHello(): Hello | undefined {
    return this.greeted
  }

  /** Where the gateway serves HTTP: its own host and port. */
  get http(): { readonly origin: string; readonly ca?: string } {
    const { url, ca } = this.options
    const { protocol, host } = new URL(url)
    return { origin: `${protocol === 'wss:' ? 'https' : 'http'}://${host}`, ...(ca !== undefined && { ca }) }
  }

  subscribe(listener: ConnectionEvents): void {
    this.listeners.push(listener)
  }

  /** Does nothing when it was started before. */
  start(): void {
    if (!this.stopped) return
    this.stopped = false
    this.connect()
  }

  stop(): void {
    this.stopped = true
    this.cancelWait()
    this.cancelWatchdog()
    this.line?.socket.close(1000, 'wecomd stopping')
    this.line?.socket.terminate()
  }

  /** Goes on with another address or other credentials. What is under way meets a link that broke. */
  reopen(options: ConnectionOptions): void {
    this.options = options
    if (this.stopped) return
    const { line } = this
    this.line = undefined
    this.attempt = 0
    this.cancelWait()
    this.cancelWatchdog()
    line?.socket.close(1000, 'another gateway')
    line?.socket.terminate()
    this.setStatus({ state: 'connecting', since: this.world.clock.now() })
    this.connect()
  }

  /** Rejects with `gateway_down` while the link is not up, else as `Rpc.request`. */
  async request(method: string, params: Json | JsonText, timeoutMs = requestTimeoutMs): Promise<Json> {
    const { line } = this
    if (this.current.state !== 'up' || line === undefined) {
      throw new WecomdError('gateway_down', `${method}: the gateway is not connected`)
    }
    return line.rpc.request(line.socket, method, params, timeoutMs)
  }

  /** Resolves when the link is up or refused, or after `ms`. */
  async settled(ms: number): Promise<void> {
    const { clock, timers } = this.world
    const until = clock.now() + ms
    while (['connecting', 'down'].includes(this.current.state) && clock.now() < until) {
      await new Promise<void>(resolve => timers.at(clock.now() + settledCheckMs, resolve))
    }
  }

  /** Resolves when the gateway has taken nearly all that was sent: what is large waits, so that the rest need not. */
  async drained(): Promise<void> {
    const { clock, timers } = this.world
    while ((this.line?.socket.bufferedBytes() ?? 0) > bufferedLimitBytes) {
      await new Promise<void>(resolve => timers.at(clock.now() + drainCheckMs, resolve))
    }
  }

  private connect(): void {
    const { clock, timers, openSocket } = this.world
    const { url, ca, handshake } = this.options
    if (this.current.state === 'up') this.setStatus({ state: 'connecting', since: clock.now() })
    const timeout = timers.at(clock.now() + connectTimeoutMs, () => line.socket.terminate())
    const socket = openSocket(url, ca === undefined ? {} : { ca }, {
      message: text => this.receive(line, text, timeout),
      close: (code, reason) => {
        timeout()
        this.lost(line, code, reason)
      },
    })
    const line: Line = { socket, rpc: new Rpc(clock, timers), grant: handshake.nextGrant() }
    this.line = line
  }

  private receive(line: Line, text: string, timeout: Cancel): void {
    this.heardAt = this.world.clock.now()
    if (isForeignEvent(text, key => this.listeners.some(listener => listener.isHeld(key)))) return
    const frame = decodeFrame(text)
    switch (frame.kind) {
      case 'res':
        return line.rpc.settle(frame)
      case 'event':
        if (frame.event === 'connect.challenge') return void this.shakeHands(line, frame.payload, timeout)
        for (const listener of this.listeners) listener.event(frame.event, frame.payload)
        return
      case 'unknown':
        return this.world.log.debug('a frame of the gateway was not understood')
      default:
        return frame satisfies never
    }
  }

  /** Never rejects: a failure closes the socket and becomes status. */
  private async shakeHands(line: Line, challenge: Json, timeout: Cancel): Promise<void> {
    const { handshake } = this.options
    const { clock } = this.world
    try {
      const nonce = stringAt(challenge, 'nonce') ?? ''
      const params = handshake.connectParams(line.grant, nonce, numberAt(challenge, 'ts') ?? clock.now())
      const payload = await line.rpc.request(line.socket, 'connect', params, connectTimeoutMs)
      timeout()
      this.greeted = handshake.accept(line.grant, payload)
      if (line.grant.isPairing) return this.reconnect(line, 'the device is approved')
      line.rpc.frameBytes = this.greeted.maxPayloadBytes
      this.attempt = 0
      this.setStatus({ state: 'up', since: clock.now(), scopes: this.greeted.scopes.join(' ') })
      this.watch(line.socket, this.greeted.tickIntervalMs)
    } catch (error) {
      timeout()
      if (isCode(error, 'gateway_timeout')) line.socket.terminate()
      else if (!isCode(error, 'gateway_down')) this.refused(line, error)
      // Otherwise the socket is closed, and `lost` takes it from there.
    }
  }

  /** From now on less is asked for. */
  private reconnect(line: Line, reason: string): void {
    this.world.log.info('the link to the gateway is opened anew', { reason })
    this.line = undefined
    line.socket.close(1000, reason)
    this.connect()
  }

  private refused(line: Line, error: unknown): void {
    const { state, reason, hint, retryAfterMs, isPairingLost, isScopeShort } = explainRefusal(error, line.grant)
    const { handshake, slowPaceMs = defaultSlowPaceMs } = this.options
    if (isScopeShort && handshake.yieldApprovals()) return this.reconnect(line, 'the device token allows no approvals')
    if (isPairingLost) handshake.forgetPairing()
    this.setStatus({ state, since: this.world.clock.now(), reason, ...(hint && { hint }) })
    this.line = undefined
    line.socket.close(1000, 'refused')
    line.socket.terminate()
    this.retryIn(retryAfterMs ?? (state === 'connecting' ? this.nextPause() : slowPaceMs))
  }

  private lost(line: Line, code: number, reason: string): void {
    line.rpc.failAll(`the connection closed (${code})`)
    if (this.line !== line) return
    this.line = undefined
    this.cancelWatchdog()
    if (this.stopped) return
    this.setStatus({
      state: 'down',
      since: this.current.state === 'down' ? this.current.since : this.world.clock.now(),
      reason: `connection closed (${code}${reason === '' ? '' : ` ${reason}`})`,
      hint: `is the gateway running and reachable at ${hostOf(this.options.url)}?`,
    })
    this.retryIn(this.nextPause())
  }

  private nextPause(): number {
    return this.options.backoffMs(++this.attempt, pace, this.world.random.fraction())
  }

  private retryIn(ms: number): void {
    if (this.stopped) return
    this.cancelWait()
    this.cancelWait = this.world.timers.at(this.world.clock.now() + ms, () => this.connect())
  }

  /** The gateway sends a tick each interval; twice the interval in silence means that nobody is there. */
  private watch(socket: Socket, tickIntervalMs: number): void {
    this.cancelWatchdog()
    const dueAt = this.heardAt + 2 * tickIntervalMs
    this.cancelWatchdog = this.world.timers.at(dueAt, () => {
      if (this.world.clock.now() - this.heardAt < 2 * tickIntervalMs) return this.watch(socket, tickIntervalMs)
      this.world.log.warn('the gateway went silent, reconnecting')
      socket.close(4000, 'tick timeout')
      socket.terminate()
    })
  }

  private setStatus(status: LinkStatus): void {
    const { state, reason } = this.current
    this.current = status
    if (state === status.state && reason === status.reason) return
    const say = status.state === 'up' || status.state === 'connecting' ? this.world.log.info : this.world.log.warn
    say(`gateway ${status.state}`, { reason: status.reason, hint: status.hint })
    for (const listener of this.listeners) listener.status(status)
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'the configured address'
}
