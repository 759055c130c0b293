import { encrypt, getSignature } from '@wecom/crypto'
import { messageOf } from '../../errors.ts'
import type { Clock, Fetch, Random } from '../../world.ts'
import type { Secrets } from './reply.ts'

export interface CallbackLineDeps {
  readonly clock: Clock
  readonly random: Random
  readonly fetch: Fetch
  readonly callbackUrl: string
  readonly secrets: Secrets
  /** How long to wait for an answer. */
  readonly answerMs: number
}

/** An answer. `status` is 0, with `error`, if none came in time. */
export interface RawAnswer {
  readonly status: number
  readonly text: string
  readonly error?: string
}

/** Sends requests to one callback URL, with signature and encryption. */
export class CallbackLine {
  constructor(private readonly deps: CallbackLineDeps) {}

  newId(bytes = 16): string {
    return Buffer.from(this.deps.random.bytes(bytes)).toString('hex')
  }

  /** Encrypts and signs; `query` is `msg_signature=…&timestamp=…&nonce=…`. */
  seal(plaintext: string, timestamp = this.nowSeconds(), receiveId = this.deps.secrets.receiveId) {
    const encrypted = this.encrypt(plaintext, receiveId)
    const nonce = this.newId(8)
    return { encrypted, nonce, query: this.sign(encrypted, String(timestamp), nonce).toString() }
  }

  async post(body: string, contentType: string, query: string): Promise<RawAnswer> {
    return await this.send(query, this.deps.answerMs, {
      method: 'POST',
      headers: { 'content-type': contentType },
      body,
    })
  }

  /** Verifies the URL like the admin console: expects the decrypted echostr within a second. */
  async verifyUrl(): Promise<{ ok: boolean; reason?: string }> {
    const echo = `${1 + (this.deps.random.bytes(1)[0] ?? 0)}${this.deps.clock.now()}`
    const echostr = this.encrypt(echo, this.deps.secrets.receiveId)
    const query = this.sign(echostr, String(this.nowSeconds()), this.newId(8))
    query.set('echostr', echostr)
    const { status, text, error } = await this.send(query.toString(), 1_000, { method: 'GET' })
    if (status !== 200) return { ok: false, reason: error ?? `HTTP ${status}` }
    return text === echo ? { ok: true } : { ok: false, reason: 'the answer is not the decrypted echostr' }
  }

  private encrypt(plaintext: string, receiveId: string): string {
    const { secrets, random } = this.deps
    return encrypt(secrets.encodingAESKey, plaintext, receiveId, Buffer.from(random.bytes(16)))
  }

  private sign(encrypted: string, timestamp: string, nonce: string): URLSearchParams {
    const msg_signature = getSignature(this.deps.secrets.token, timestamp, nonce, encrypted)
    return new URLSearchParams({ msg_signature, timestamp, nonce })
  }

  private nowSeconds(): number {
    return Math.floor(this.deps.clock.now() / 1_000)
  }

  private async send(query: string, withinMs: number, init: BunFetchRequestInit): Promise<RawAnswer> {
    const { clock, fetch, callbackUrl } = this.deps
    const abort = new AbortController()
    const cancel = clock.alarm(clock.now() + withinMs, () => abort.abort(new Error(`no answer within ${withinMs} ms`)))
    try {
      // No keep-alive: a pooled connection to a killed daemon would make the next callback fail.
      const quiet = { ...init, keepalive: false, redirect: 'manual', signal: abort.signal } as const
      const response = await fetch(`${callbackUrl}?${query}`, quiet)
      return { status: response.status, text: await response.text() }
    } catch (error) {
      return { status: 0, text: '', error: messageOf(error) }
    } finally {
      cancel()
    }
  }
}
