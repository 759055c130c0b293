import type { Clock } from '../../../world.ts'
import { type Ledger, type ChatPlace, placeOf } from '../ledger.ts'
import type { Exchange, TenantWire } from '../wire.ts'

/** One state of the bubble as shown to the user. */
export interface ShownFrame {
  readonly at: number
  readonly content: string
  readonly finish: boolean
  readonly images: number
}

/**
 * - sending: the message has no answer yet
 * - open: the stream is being refreshed
 * - finished: a finish frame arrived
 * - expired: the window ended before that
 * - silent: the answer was the empty packet
 * - lost: no delivery was answered
 * - dropped: WeCom did not deliver the message
 */
export type BubbleState = 'sending' | 'open' | 'finished' | 'expired' | 'silent' | 'lost' | 'dropped'

export interface BubbleRules {
  readonly refreshMs: number
  readonly windowMs: number
  readonly retryAfterMs: number
  /** Maximum number of deliveries of one message. */
  readonly deliveries: number
  readonly strict: boolean
}

/** The JSON of a message callback before encryption. */
export interface MessageCallback {
  readonly msgid: string
  readonly aibotid: string
  readonly chatid?: string
  readonly chattype: string
  readonly from: { readonly userid: string }
  readonly response_url?: string
  readonly msgtype: string
  readonly [more: string]: unknown
}

/** A user's message and the bubble that answers it. */
export class Bubble {
  readonly frames: ShownFrame[] = []
  /** Every callback of this bubble with its raw answer, starting with the deliveries of the message. */
  readonly captured: Exchange[] = []
  /** Resolves when the message was answered or its deliveries failed. */
  readonly opened: Promise<Bubble>
  /** Resolves when the bubble will not change anymore. In strict mode, both promises reject at the first violation. */
  readonly finished: Promise<Bubble>
  readonly sentAt: number
  streamId: string | undefined
  state: BubbleState = 'sending'
  private readonly opening = Promise.withResolvers<Bubble>()
  private readonly finishing = Promise.withResolvers<Bubble>()
  private stopAlarm: () => void = () => {}
  private paused = false

  constructor(
    readonly callback: MessageCallback,
    private readonly wire: TenantWire,
    private readonly ledger: Ledger,
    private readonly clock: Clock,
    private readonly rules: BubbleRules,
    private readonly onFrame: (bubble: Bubble) => void,
  ) {
    this.sentAt = clock.now()
    this.opened = this.opening.promise
    this.finished = this.finishing.promise
    // A test may await only one of them; the other must not cause an unhandled rejection.
    this.opened.catch(() => {})
    this.finished.catch(() => {})
  }

  get msgid(): string {
    return this.callback.msgid
  }

  get place(): ChatPlace {
    return placeOf({ userid: this.callback.from.userid, chatid: this.callback.chatid })
  }

  get responseUrl(): string | undefined {
    return this.callback.response_url
  }

  /** The text that the bubble shows now. */
  get text(): string {
    return this.frames.at(-1)?.content ?? ''
  }

  isInProgress(): boolean {
    return this.state === 'sending' || this.state === 'open'
  }

  /** Delivers the message with the same msgid until it is answered, at most `deliveries` times. */
  async send(): Promise<void> {
    for (let delivery = 1; delivery <= this.rules.deliveries && this.state === 'sending'; delivery++) {
      if (delivery > 1) await this.waitUntil(this.sentAt + (delivery - 1) * this.rules.retryAfterMs)
      const exchange = await this.deliverAgain()
      if (exchange.status !== 200 || this.state !== 'sending') continue
      if (exchange.reply.stream) this.open(exchange)
      else this.end('silent')
    }
    if (this.state === 'sending') this.end('lost')
  }

  /** Delivers the message again, as a duplicate. The answer does not change the bubble, but is checked for violations. */
  async deliverAgain(): Promise<Exchange> {
    const exchange = await this.wire.deliver('message', this.callback)
    this.note(exchange)
    return exchange
  }

  drop(): void {
    this.end('dropped')
  }

  stopPolling(): void {
    this.paused = true
    this.stopAlarm()
    this.stopAlarm = () => {}
  }

  resumePolling(): void {
    this.paused = false
    this.schedule(0)
  }

  /** Refreshes once, also while polling is stopped or after the end. */
  async pollOnce(): Promise<Exchange> {
    const { aibotid, chatid, chattype, from } = this.callback
    const refresh = { msgid: this.wire.newId(), aibotid, ...(chatid === undefined ? {} : { chatid }), chattype, from }
    const callback = { ...refresh, msgtype: 'stream', stream: { id: this.streamId } }
    const exchange = await this.wire.deliver('refresh', callback)
    this.note(exchange)
    this.show(exchange)
    return exchange
  }

  private open(exchange: Exchange): void {
    this.streamId = exchange.reply.stream?.id
    this.state = 'open'
    this.show(exchange)
    this.opening.resolve(this)
    this.schedule(this.rules.refreshMs)
  }

  private show({ reply: { stream } }: Exchange): void {
    if (!stream || this.state !== 'open') return
    const { content, finish, images } = stream
    this.frames.push({ at: this.clock.now(), content, finish, images })
    if (finish) this.end('finished')
    this.onFrame(this)
  }

  private schedule(afterMs: number): void {
    this.stopAlarm()
    if (this.paused || this.state !== 'open') return
    const now = this.clock.now()
    const windowEndAt = this.sentAt + this.rules.windowMs
    if (now >= windowEndAt) return this.end('expired')
    this.stopAlarm = this.clock.alarm(Math.min(now + afterMs, windowEndAt), () => void this.refresh(windowEndAt))
  }

  private async refresh(windowEndAt: number): Promise<void> {
    if (this.clock.now() < windowEndAt) await this.pollOnce()
    this.schedule(this.rules.refreshMs)
  }

  private end(state: BubbleState): void {
    this.stopAlarm()
    this.state = state
    const kind = state === 'finished' ? 'frame-final' : state === 'expired' ? 'frame-expired' : undefined
    if (kind) this.ledger.add({ at: this.clock.now(), kind, ...this.place, msgid: this.msgid, text: this.text })
    this.opening.resolve(this)
    this.finishing.resolve(this)
    if (state !== 'finished') this.onFrame(this)
  }

  /** Records an exchange and checks it against the previous state of the bubble. */
  private note(exchange: Exchange): void {
    this.captured.push(exchange)
    const { stream } = exchange.reply
    const violations = [...exchange.reply.violations]
    if (stream && this.streamId !== undefined && stream.id !== this.streamId) {
      violations.push(`the stream changed its id from ${this.streamId} to ${stream.id}`)
    }
    const last = this.frames.at(-1)
    if (stream && last?.finish && (!stream.finish || stream.content !== last.content)) {
      violations.push('the frame changed after it was finished')
    }
    for (const text of violations) {
      this.ledger.add({ at: exchange.at, kind: 'violation', ...this.place, msgid: this.msgid, text })
    }
    if (violations.length === 0 || !this.rules.strict) return
    const error = new Error(`WeCom would reject this answer: ${violations.join('; ')}`)
    this.opening.reject(error)
    this.finishing.reject(error)
  }

  private waitUntil(at: number): Promise<void> {
    return new Promise(resolve => {
      if (at <= this.clock.now()) return resolve()
      this.stopAlarm = this.clock.alarm(at, resolve)
    })
  }
}
