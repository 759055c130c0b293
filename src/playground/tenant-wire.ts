import { encrypt, getSignature } from '@wecom/crypto'
import { messageOf } from '../errors.ts'
import type { Clock, Fetch, Random } from '../world.ts'
import { type CallbackKind, type OpenedReply, openReply, type Secrets } from './tenant-reply.ts'

/** One callback and what came back, raw and opened. `status` 0: nothing came back in time. */
export interface Exchange {
  readonly at: number
  readonly kind: CallbackKind
  readonly msgid: string
  readonly nonce: string
  readonly status: number
  readonly ms: number
  /** The answer's body as it travelled. */
  readonly raw: string
  readonly error?: string
  readonly reply: OpenedReply
}

/** The JSON of a callback before it is encrypted. */
export interface Callback {
  readonly msgid: string
  readonly [field: string]: unknown
}

export interface Sealed {
  /** `msg_signature=…&timestamp=…&nonce=…` */
  readonly query: string
  readonly body: string
  readonly nonce: string
}

export interface WireDoors {
  readonly clock: Clock
  readonly random: Random
  readonly fetch: Fetch
  readonly callbackUrl: string
  readonly secrets: Secrets
  /** The platform waits this long for an answer. */
  readonly answerMs: number
  readonly onExchange: (exchange: Exchange) => void
}

/** The encrypted wire from the platform to a callback URL. */
export class TenantWire {
  constructor(private readonly doors: WireDoors) {}

  newId(bytes = 16): string {
    return Buffer.from(this.doors.random.bytes(bytes)).toString('hex')
  }

  /** Encrypts and signs anything, also what the platform would never send. */
  seal(plaintext: string, timestamp = Math.floor(this.doors.clock.now() / 1000)): Sealed {
    const { token, encodingAESKey, receiveId } = this.doors.secrets
    const nonce = this.newId(8)
    const encrypted = encrypt(encodingAESKey, plaintext, receiveId, Buffer.from(this.doors.random.bytes(16)))
    const signature = getSignature(token, String(timestamp), nonce, encrypted)
    const query = new URLSearchParams({ msg_signature: signature, timestamp: String(timestamp), nonce }).toString()
    return { query, body: JSON.stringify({ encrypt: encrypted }), nonce }
  }

  /** Posts a callback; resolves also when nothing or something wrong came back. */
  async deliver(kind: CallbackKind, callback: Callback): Promise<Exchange> {
    const { clock, secrets, onExchange } = this.doors
    const { query, body, nonce } = this.seal(JSON.stringify(callback))
    const at = clock.now()
    const { status, text, error } = await this.post(body, query)
    const reply =
      status === 200 ? openReply(text, kind, nonce, clock.now(), secrets) : ({ violations: [] } satisfies OpenedReply)
    const seen = { at, kind, msgid: callback.msgid, nonce, status, ms: clock.now() - at, raw: text, reply }
    const exchange: Exchange = error === undefined ? seen : { ...seen, error }
    onExchange(exchange)
    return exchange
  }

  /** Posts raw bytes; `status` 0 with `error` when there was no answer in time. */
  async post(body: string, query: string): Promise<{ status: number; text: string; error?: string }> {
    return await this.send(`${this.doors.callbackUrl}?${query}`, this.doors.answerMs, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
  }

  /** What the admin console does when the URL is saved: the exact echo within a second. */
  async verifyUrl(): Promise<{ ok: boolean; reason?: string }> {
    const { token, encodingAESKey, receiveId } = this.doors.secrets
    const echo = `${1 + (this.doors.random.bytes(1)[0] ?? 0)}${this.doors.clock.now()}`
    const echostr = encrypt(encodingAESKey, echo, receiveId, Buffer.from(this.doors.random.bytes(16)))
    const timestamp = String(Math.floor(this.doors.clock.now() / 1000))
    const nonce = this.newId(8)
    const msg_signature = getSignature(token, timestamp, nonce, echostr)
    const query = new URLSearchParams({ msg_signature, timestamp, nonce, echostr }).toString()
    const { status, text, error } = await this.send(`${this.doors.callbackUrl}?${query}`, 1_000, { method: 'GET' })
    if (status !== 200) return { ok: false, reason: error ?? `HTTP ${status}` }
    return text === echo ? { ok: true } : { ok: false, reason: 'the answer is not the decrypted echostr' }
  }

  private async send(url: string, withinMs: number, init: BunFetchRequestInit) {
    const { clock, fetch } = this.doors
    const abort = new AbortController()
    const cancel = clock.alarm(clock.now() + withinMs, () => abort.abort(new Error(`no answer within ${withinMs} ms`)))
    try {
      // A pooled connection to a daemon that was killed would fail the next callback for a reason of our own.
      const response = await fetch(url, { ...init, keepalive: false, redirect: 'manual', signal: abort.signal })
      return { status: response.status, text: await response.text() }
    } catch (error) {
      return { status: 0, text: '', error: messageOf(error) }
    } finally {
      cancel()
    }
  }
}
