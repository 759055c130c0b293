import { WecomdError } from '../../errors.ts'
import { type Cancel, type Clock, nothingToCancel, type Socket, type Timers } from '../../world.ts'
import { encodeRequest, type GatewayFrame, type Json, type JsonText, numberAt, objectAt, stringAt } from './frames.ts'

interface PendingRequest {
  readonly method: string
  readonly resolve: (payload: Json) => void
  readonly reject: (error: WecomdError) => void
  readonly cancel: Cancel
}

/** The gateway rejected a request. Carries the gateway's own code and details. */
export class GatewayRefusal extends WecomdError {
  readonly gatewayCode: string
  readonly details: Json

  constructor(method: string, error: Json) {
    const code = stringAt(error, 'code') ?? 'UNKNOWN'
    const retryAfterMs = numberAt(error, 'retryAfterMs')
    super('gateway_refused', `${method}: ${code}: ${stringAt(error, 'message') ?? 'no message'}`, {
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
    this.gatewayCode = code
    this.details = objectAt(error, 'details')
  }
}

/** Matches responses to requests on one socket. When the socket closes, `failAll` rejects everything still pending. */
export class Rpc {
  private readonly waiting = new Map<string, PendingRequest>()
  private readonly clock: Clock
  private readonly timers: Timers
  private last = 0
  /** The longest frame the gateway accepts, in bytes. It closes the connection on a longer one. */
  maxFrameBytes = Infinity

  constructor(clock: Clock, timers: Timers) {
    this.clock = clock
    this.timers = timers
  }

  /**
   * Rejects with `gateway_refused`, `gateway_timeout` or `gateway_down`. The timeout restarts while the socket has
   * unsent bytes: a request queued after a large frame has not reached the gateway yet.
   */
  request(
    socket: Pick<Socket, 'send' | 'bufferedBytes'>,
    method: string,
    params: Json | JsonText,
    timeoutMs: number,
  ): Promise<Json> {
    const id = `r${++this.last}`
    const frame = encodeRequest(id, method, params)
    const { promise, resolve, reject } = Promise.withResolvers<Json>()
    if (Buffer.byteLength(frame) > this.maxFrameBytes) {
      reject(new GatewayRefusal(method, { code: 'FRAME_TOO_LARGE', message: 'larger than the gateway accepts' }))
      return promise
    }
    let cancel = nothingToCancel
    const wait = () => {
      cancel = this.timers.at(this.clock.now() + timeoutMs, () => {
        if (socket.bufferedBytes() > 0) return wait()
        this.waiting.delete(id)
        reject(new WecomdError('gateway_timeout', `${method}: no response within ${timeoutMs} ms`))
      })
    }
    wait()
    this.waiting.set(id, { method, resolve, reject, cancel: () => cancel() })
    socket.send(frame)
    return promise
  }

  /** Settles the request this frame responds to. Ignores responses that are late, repeated or unknown. */
  settle(frame: Extract<GatewayFrame, { kind: 'res' }>): void {
    const waiting = this.waiting.get(frame.id)
    if (waiting === undefined) return
    this.waiting.delete(frame.id)
    waiting.cancel()
    if (frame.ok) waiting.resolve(frame.payload)
    else waiting.reject(new GatewayRefusal(waiting.method, frame.error))
  }

  failAll(reason: string): void {
    for (const waiting of this.waiting.values()) {
      waiting.cancel()
      waiting.reject(new WecomdError('gateway_down', `${waiting.method}: ${reason}`))
    }
    this.waiting.clear()
  }
}
