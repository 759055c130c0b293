import type { Clock } from '../../../world.ts'
import { type AppReply, type ReplyContext, openAppReply } from './reply.ts'
import { cutBytes } from '../content.ts'
import type { TenantApp } from '../api/corp.ts'
import type { Ledger, LedgerKind } from '../ledger.ts'
import { CallbackLine, type CallbackLineDeps, type RawAnswer } from '../line.ts'
import type { Secrets } from '../reply.ts'
import type { Sealed } from '../wire.ts'
import { formatXml } from './xml.ts'

/** One delivery of a callback to an app and its answer. `status` is 0 if none came in time. */
export interface AppExchange {
  readonly at: number
  readonly agentId: number
  /** The event, or the msgtype of the message. */
  readonly type: string
  readonly msgid: string
  readonly status: number
  readonly ms: number
  readonly raw: string
  readonly error?: string
  readonly reply: AppReply
}

/** A callback before it is encrypted. */
export interface AppCallbackFields extends ReplyContext {
  readonly type: string
  readonly xml: string
  /** Empty for an event. */
  readonly msgid: string
  readonly responseCode?: string
}

/** Sends encrypted callbacks to the callback URL of an app. */
export class AppWire {
  readonly clock: Clock
  readonly answerMs: number
  private readonly secrets: Secrets
  private readonly line: CallbackLine

  constructor(
    readonly app: TenantApp,
    deps: CallbackLineDeps,
    private readonly ledger: Ledger,
    private readonly onExchange: (exchange: AppExchange) => void,
  ) {
    this.clock = deps.clock
    this.answerMs = deps.answerMs
    this.secrets = deps.secrets
    this.line = new CallbackLine(deps)
  }

  seal(xml: string, options: { readonly timestamp?: number; readonly receiveId?: string } = {}): Sealed {
    const { agentId, corpId } = this.app
    const { encrypted, query, nonce } = this.line.seal(xml, options.timestamp, options.receiveId)
    return { query, nonce, body: formatXml({ ToUserName: corpId, AgentID: String(agentId), Encrypt: encrypted }) }
  }

  post(body: string, query: string): Promise<RawAnswer> {
    return this.line.post(body, 'text/xml', query)
  }

  verifyUrl(): Promise<{ ok: boolean; reason?: string }> {
    return this.line.verifyUrl()
  }

  async deliver(callback: AppCallbackFields, { body, query }: Sealed): Promise<AppExchange> {
    const at = this.clock.now()
    const { status, text, error } = await this.post(body, query)
    const now = this.clock.now()
    const reply: AppReply =
      status === 200 ? openAppReply(text, callback, now, this.secrets) : { kind: 'empty', violations: [] }
    const { type, msgid } = callback
    const seen = { at, agentId: this.app.agentId, type, msgid, status, ms: now - at, raw: text, reply }
    const exchange: AppExchange = error === undefined ? seen : { ...seen, error }
    this.show(callback, reply)
    this.onExchange(exchange)
    return exchange
  }

  private show({ userid, msgid }: AppCallbackFields, { fields, violations }: AppReply): void {
    const head = { at: this.clock.now(), userid, msgid, agentId: this.app.agentId }
    for (const text of violations) this.ledger.add({ ...head, kind: 'violation', text })
    const kind = passive[String(fields?.['MsgType'])]
    if (!fields || !kind) return
    const content = fields['Content']
    const text = typeof content === 'string' ? cutBytes(content, 2_048) : JSON.stringify(fields)
    this.ledger.add({ ...head, kind, text })
  }
}

const passive: Readonly<Record<string, LedgerKind>> = {
  text: 'app-text',
  image: 'app-media',
  voice: 'app-media',
  video: 'app-media',
  news: 'app-news',
  update_button: 'app-card-update',
  update_template_card: 'app-card-update',
}

const deliveries = 3

/** A callback to an app. The same bytes are sent up to three times, until one delivery is answered 200 in time. */
export class AppCall {
  readonly tries: AppExchange[] = []
  /** Resolves when the callback was answered or all deliveries failed. */
  readonly done: Promise<AppCall>
  state: 'sending' | 'answered' | 'lost' = 'sending'
  private readonly sealed: Sealed
  private readonly ending = Promise.withResolvers<AppCall>()

  constructor(
    private readonly callback: AppCallbackFields,
    private readonly wire: AppWire,
  ) {
    this.sealed = wire.seal(callback.xml)
    this.done = this.ending.promise
  }

  /** The XML before encryption. */
  get xml(): string {
    return this.callback.xml
  }

  get msgid(): string {
    return this.callback.msgid
  }

  get responseCode(): string | undefined {
    return this.callback.responseCode
  }

  async send(): Promise<void> {
    const { clock, answerMs } = this.wire
    const sentAt = clock.now()
    for (let count = 0; count < deliveries && this.state === 'sending'; count++) {
      const at = sentAt + count * answerMs
      if (at > clock.now()) await new Promise<void>(resolve => void clock.alarm(at, resolve))
      if ((await this.deliverAgain()).status === 200) this.state = 'answered'
    }
    if (this.state === 'sending') this.state = 'lost'
    this.ending.resolve(this)
  }

  /** Delivers it again, as a duplicate. */
  async deliverAgain(): Promise<AppExchange> {
    const exchange = await this.wire.deliver(this.callback, this.sealed)
    this.tries.push(exchange)
    return exchange
  }
}
