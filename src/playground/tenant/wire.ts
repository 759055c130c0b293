import type { Clock } from '../../world.ts'
import { CallbackLine, type CallbackLineDeps, type RawAnswer } from './line.ts'
import { type CallbackKind, type OpenedReply, openReply, type Secrets } from './reply.ts'

/** One callback and its answer, raw and decoded. `status` is 0 if no answer came in time. */
export interface Exchange {
  readonly at: number
  readonly kind: CallbackKind
  readonly msgid: string
  readonly nonce: string
  readonly status: number
  readonly ms: number
  /** The body of the answer, still encrypted. */
  readonly raw: string
  readonly error?: string
  readonly reply: OpenedReply
}

/** The JSON of a callback before encryption. */
export interface SealedCallback {
  readonly msgid: string
  readonly [field: string]: unknown
}

export interface Sealed {
  /** `msg_signature=…&timestamp=…&nonce=…` */
  readonly query: string
  readonly body: string
  readonly nonce: string
}

/** Sends encrypted callbacks to the callback URL of a Bot. */
export class TenantWire {
  private readonly clock: Clock
  private readonly secrets: Secrets
  private readonly line: CallbackLine

  constructor(
    deps: CallbackLineDeps,
    private readonly onExchange: (exchange: Exchange) => void,
  ) {
    this.clock = deps.clock
    this.secrets = deps.secrets
    this.line = new CallbackLine(deps)
  }

  newId(): string {
    return this.line.newId()
  }

  /** Encrypts and signs any text, also one that WeCom would never send. */
  seal(plaintext: string, timestamp?: number): Sealed {
    const { encrypted, query, nonce } = this.line.seal(plaintext, timestamp)
    return { query, body: JSON.stringify({ encrypt: encrypted }), nonce }
  }

  /** Posts a callback. Resolves also if the answer is missing or invalid. */
  async deliver(kind: CallbackKind, callback: SealedCallback): Promise<Exchange> {
    const { query, body, nonce } = this.seal(JSON.stringify(callback))
    const at = this.clock.now()
    const { status, text, error } = await this.post(body, query)
    const now = this.clock.now()
    const reply =
      status === 200 ? openReply(text, kind, nonce, now, this.secrets) : ({ violations: [] } satisfies OpenedReply)
    const seen = { at, kind, msgid: callback.msgid, nonce, status, ms: now - at, raw: text, reply }
    const exchange: Exchange = error === undefined ? seen : { ...seen, error }
    this.onExchange(exchange)
    return exchange
  }

  /** Posts raw bytes. */
  post(body: string, query: string): Promise<RawAnswer> {
    return this.line.post(body, 'application/json', query)
  }

  verifyUrl(): Promise<{ ok: boolean; reason?: string }> {
    return this.line.verifyUrl()
  }
}
