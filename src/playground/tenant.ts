import type { World } from '../world.ts'
import { type MortalClock, mortalClock } from './alarms.ts'
import { Bubble, type BubbleRules, type MessageCallback } from './tenant-bubble.ts'
import { Ledger, type LedgerEntry, placeOf } from './tenant-ledger.ts'
import { type ResponsePost, ResponseUrls } from './tenant-response.ts'
import { type Exchange, type Sealed, TenantWire } from './tenant-wire.ts'

export interface TenantOptions extends Partial<BubbleRules> {
  readonly callbackUrl: string
  readonly token: string
  readonly encodingAESKey: string
  readonly receiveId?: string
  readonly aibotid?: string
  /** The bot's display name; a group message reaches the bot only when it mentions it. */
  readonly botName?: string
}

/** A message of a user. `payload` is the object under `msgtype` for what is not text. */
export interface Saying {
  readonly userid: string
  readonly chatid?: string
  readonly text?: string
  readonly msgid?: string
  /** Epoch seconds; the platform does not always send it. */
  readonly createTime?: number
  readonly msgtype?: string
  readonly payload?: object
  readonly quote?: object
}

export type TenantEvent =
  | { readonly kind: 'exchange'; readonly exchange: Exchange }
  | { readonly kind: 'bubble'; readonly bubble: Bubble }
  | { readonly kind: 'ledger'; readonly entry: LedgerEntry }
  | { readonly kind: 'response'; readonly post: ResponsePost }

/** A simulated WeCom tenant with one Bot (callback mode): real encrypted callbacks over TCP, and its response_urls. */
export interface Tenant {
  /** Where the API lives: the `network.apiBaseUrl` of a daemon that talks to this tenant. */
  readonly apiBaseUrl: string
  readonly bubbles: readonly Bubble[]
  readonly ledger: Ledger
  readonly responses: ResponseUrls
  readonly wire: TenantWire
  /** Rules of the platform that an answer has broken. */
  violations(): readonly string[]
  /** Sends a message; the bubble then refreshes itself until it is finished or its window ends. */
  say(saying: Saying): Bubble
  /** Opens the single chat; the platform tells the bot once per user and day. Resolves to the welcome that was shown. */
  enterChat(userid: string): Promise<string | undefined>
  verifyUrl(): Promise<{ ok: boolean; reason?: string }>
  seal(plaintext: string, timestamp?: number): Sealed
  rawPost(body: string, query: string): Promise<{ status: number; text: string; error?: string }>
  on(listener: (event: TenantEvent) => void): () => void
  close(): void
}

const openPerUser = 3
const dayMs = 86_400_000

/** Starts the tenant; resolves when its response_urls can be called. */
export async function createTenant(world: World, options: TenantOptions): Promise<Tenant> {
  const tenant = new SimulatedTenant(world, options)
  await tenant.listen()
  return tenant
}

class SimulatedTenant implements Tenant {
  apiBaseUrl = ''
  readonly bubbles: Bubble[] = []
  readonly ledger: Ledger
  readonly responses: ResponseUrls
  readonly wire: TenantWire
  private readonly clock: MortalClock
  private readonly rules: BubbleRules
  private readonly aibotid: string
  private readonly mention: string
  private readonly entered = new Map<string, number>()
  private readonly listeners = new Set<(event: TenantEvent) => void>()

  constructor({ clock, random, fetch }: World, options: TenantOptions) {
    const { callbackUrl, token, encodingAESKey, receiveId = '' } = options
    this.clock = mortalClock(clock)
    this.rules = {
      refreshMs: options.refreshMs ?? 1_000,
      windowMs: options.windowMs ?? 360_000,
      retryAfterMs: options.retryAfterMs ?? 5_000,
      deliveries: options.deliveries ?? 3,
      strict: options.strict ?? false,
    }
    this.aibotid = options.aibotid ?? 'aibPLAYGROUND'
    this.mention = `@${options.botName ?? '助手'}`
    this.wire = new TenantWire({
      clock: this.clock,
      random,
      fetch,
      callbackUrl,
      secrets: { token, encodingAESKey, receiveId },
      answerMs: this.rules.retryAfterMs,
      onExchange: exchange => this.tell({ kind: 'exchange', exchange }),
    })
    this.ledger = new Ledger(entry => this.tell({ kind: 'ledger', entry }))
    const onPost = (post: ResponsePost) => this.tell({ kind: 'response', post })
    this.responses = new ResponseUrls(this.clock, random, this.ledger, onPost)
  }

  async listen(): Promise<void> {
    this.apiBaseUrl = await this.responses.listen()
  }

  violations(): readonly string[] {
    return this.ledger.violations()
  }

  say(saying: Saying): Bubble {
    const isDelivered = this.isDelivered(saying)
    const onFrame = (bubble: Bubble) => this.tell({ kind: 'bubble', bubble })
    const bubble = new Bubble(this.newCallback(saying), this.wire, this.ledger, this.clock, this.rules, onFrame)
    this.bubbles.push(bubble)
    onFrame(bubble)
    if (isDelivered) void bubble.send()
    else bubble.drop()
    return bubble
  }

  async enterChat(userid: string): Promise<string | undefined> {
    const now = this.clock.now()
    const today = Math.floor(now / dayMs)
    if (this.entered.get(userid) === today) return undefined
    this.entered.set(userid, today)
    const msgid = this.wire.newId()
    const head = {
      msgid,
      create_time: Math.floor(now / 1000),
      aibotid: this.aibotid,
      chattype: 'single',
      from: { userid },
    }
    const event = { eventtype: 'enter_chat', enter_chat: {} }
    const { at, reply } = await this.wire.deliver('enter', { ...head, msgtype: 'event', event })
    for (const text of reply.violations) this.ledger.add({ at, kind: 'violation', userid, msgid, text })
    if (reply.text !== undefined) {
      this.ledger.add({ at: this.clock.now(), kind: 'welcome', userid, msgid, text: reply.text })
    }
    return reply.text
  }

  verifyUrl(): Promise<{ ok: boolean; reason?: string }> {
    return this.wire.verifyUrl()
  }

  seal(plaintext: string, timestamp?: number): Sealed {
    return this.wire.seal(plaintext, timestamp)
  }

  rawPost(body: string, query: string): Promise<{ status: number; text: string; error?: string }> {
    return this.wire.post(body, query)
  }

  on(listener: (event: TenantEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  close(): void {
    for (const bubble of this.bubbles) bubble.stopPolling()
    this.clock.cancelAll()
    this.responses.close()
  }

  private newCallback(saying: Saying): MessageCallback {
    const { userid, chatid, createTime, quote, msgtype = 'text' } = saying
    const msgid = saying.msgid ?? this.wire.newId()
    return {
      msgid,
      aibotid: this.aibotid,
      ...(chatid === undefined ? {} : { chatid }),
      chattype: chatid === undefined ? 'single' : 'group',
      from: { userid },
      response_url: this.responses.issue(placeOf(saying), msgid),
      ...(createTime === undefined ? {} : { create_time: createTime }),
      msgtype,
      [msgtype]: saying.payload ?? { content: saying.text ?? '' },
      ...(quote === undefined ? {} : { quote }),
    }
  }

  private isDelivered({ userid, chatid, text }: Saying): boolean {
    const open = this.bubbles.filter(bubble => bubble.place.userid === userid && bubble.isInProgress()).length
    return open < openPerUser && (chatid === undefined || text === undefined || text.includes(this.mention))
  }

  private tell(event: TenantEvent): void {
    for (const listener of this.listeners) listener(event)
  }
}
