import { dayMs } from '../../domain/duration.ts'
import type { World } from '../../world.ts'
import { type MortalClock, mortalClock } from '../alarms.ts'
import { type ApiRequest, TenantApi } from './api/api.ts'
import type { DroppedMessage } from './app/app.ts'
import type { AppCall, AppExchange } from './app/call.ts'
import { type AppClick, type AppHappening, type AppSaying, Apps, type AppsOptions } from './app/apps.ts'
import { BotMedia, type BotMedium } from './bot/media.ts'
import { Bubble, type BubbleRules, type MessageCallback } from './bot/bubble.ts'
import type { AppGroups } from './app/groups.ts'
import { Ledger, type LedgerEntry, placeOf } from './ledger.ts'
import type { RawAnswer } from './line.ts'
import type { MediaShelf } from './api/media.ts'
import { type ResponsePost, ResponseUrls, responsePath } from './bot/response-url.ts'
import type { AppTokens } from './api/tokens.ts'
import { type Exchange, type Sealed, TenantWire } from './wire.ts'

export interface TenantOptions extends Partial<BubbleRules>, AppsOptions {
  readonly callbackUrl: string
  readonly token: string
  readonly encodingAESKey: string
  readonly receiveId?: string
  readonly aibotid?: string
  /** The bot's display name; a group message reaches the bot only when it mentions it. */
  readonly botName?: string
  /** The public address of whoever calls the API without an X-Forwarded-For; by default 127.0.0.1. */
  readonly callerIp?: string
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
  /** A request to the API; those to response_urls are `response`. */
  | { readonly kind: 'api'; readonly request: ApiRequest }
  /** A callback to an app and its answer. */
  | { readonly kind: 'app'; readonly exchange: AppExchange }

/**
 * A simulated WeCom tenant with one Bot (callback mode) and any number of self-built apps and group robots: real
 * encrypted callbacks over TCP, and one origin with everything that they can call. It is as strict as the platform, and
 * as silent: what was cut or dropped without an errcode is in `violations()` and `dropped`.
 */
export interface Tenant {
  /** Where the API lives: the `network.apiBaseUrl` of a daemon that talks to this tenant. */
  readonly apiBaseUrl: string
  /**
   * Every request (`requests`, `count(path)`), faults (`fail`, `failWith`), trusted addresses (`trustOnly`, with 60020
   * for the others) and connections (`acceptOnly`, for a forward proxy). A path is `/cgi-bin/message/send`.
   */
  readonly api: TenantApi
  /** How often gettoken was called (`gets`), and the end of tokens: `expire` 42001, `revoke` 40014, `isThrottled` 45009. */
  readonly tokens: AppTokens
  /** What was uploaded, and `put` for what a member sends to an app. media_ids live for three days. */
  readonly media: MediaShelf
  /** Keeps what a user sends to the Bot; the link goes into a message as `url`, and is valid for five minutes. */
  botMedia(bytes: Uint8Array, medium?: BotMedium): string
  /** Groups that apps created by appchat/create, or that a test says they did (`add`). */
  readonly groups: AppGroups
  /** What members should have seen of apps but had too many of: over 30 a minute or 1,000 an hour. errcode was 0. */
  readonly dropped: readonly DroppedMessage[]
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
  rawPost(body: string, query: string): Promise<RawAnswer>
  /** Sends a message to an app; the same bytes three times, 5 s apart, until one is answered 200. Await its `done`. */
  sayToApp(saying: AppSaying): AppCall
  /** Tells an app of an event, such as `subscribe`, `enter_agent`, `low_active`; delivered like a message. */
  appEvent(happening: AppHappening): AppCall
  /** Clicks on a card; its `responseCode` is good for one update within 72 h. */
  clickAppCard(click: AppClick): AppCall
  verifyAppUrl(agentId?: number): Promise<{ ok: boolean; reason?: string }>
  /** Encrypts and signs any XML for an app; `receiveId` instead of the corpId for what is misdirected. */
  sealForApp(xml: string, options?: { agentId?: number; receiveId?: string; timestamp?: number }): Sealed
  rawPostToApp(body: string, query: string, agentId?: number): Promise<RawAnswer>
  on(listener: (event: TenantEvent) => void): () => void
  close(): void
}

const openPerUser = 3

/** Starts the tenant; resolves when its API can be called. */
export async function createTenant(world: World, options: TenantOptions): Promise<Tenant> {
  const tenant = new SimulatedTenant(world, options)
  await tenant.listen()
  return tenant
}

class SimulatedTenant implements Tenant {
  readonly api: TenantApi
  readonly bubbles: Bubble[] = []
  readonly ledger: Ledger
  readonly responses: ResponseUrls
  readonly wire: TenantWire
  private readonly apps: Apps
  private readonly shelf: BotMedia
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
    const outside = { clock: this.clock, random, fetch }
    const secrets = { token, encodingAESKey, receiveId }
    this.wire = new TenantWire({ ...outside, callbackUrl, secrets, answerMs: this.rules.retryAfterMs }, exchange =>
      this.tell({ kind: 'exchange', exchange }),
    )
    this.ledger = new Ledger(entry => this.tell({ kind: 'ledger', entry }))
    const { callerIp = '127.0.0.1' } = options
    this.api = new TenantApi({ clock: this.clock, random, callerIp, onRequest: request => this.heard(request) })
    this.responses = new ResponseUrls(this.clock, random, this.ledger, this.api)
    this.shelf = new BotMedia(this.clock, random, encodingAESKey, this.api)
    this.apps = new Apps(outside, options, this.ledger, this.api, exchange => this.tell({ kind: 'app', exchange }))
  }

  get apiBaseUrl(): string {
    return this.api.origin
  }

  get tokens(): AppTokens {
    return this.apps.tokens
  }

  get media(): MediaShelf {
    return this.apps.media
  }

  botMedia(bytes: Uint8Array, medium: BotMedium = {}): string {
    return this.shelf.put(bytes, medium)
  }

  get groups(): AppGroups {
    return this.apps.groups
  }

  get dropped(): readonly DroppedMessage[] {
    return this.apps.messages.dropped
  }

  async listen(): Promise<void> {
    await this.api.listen()
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

  rawPost(body: string, query: string): Promise<RawAnswer> {
    return this.wire.post(body, query)
  }

  sayToApp(saying: AppSaying): AppCall {
    return this.apps.say(saying)
  }

  appEvent(happening: AppHappening): AppCall {
    return this.apps.happen(happening)
  }

  clickAppCard(click: AppClick): AppCall {
    return this.apps.click(click)
  }

  verifyAppUrl(agentId?: number): Promise<{ ok: boolean; reason?: string }> {
    return this.apps.wireOf(agentId).verifyUrl()
  }

  sealForApp(xml: string, options: { agentId?: number; receiveId?: string; timestamp?: number } = {}): Sealed {
    return this.apps.wireOf(options.agentId).seal(xml, options)
  }

  rawPostToApp(body: string, query: string, agentId?: number): Promise<RawAnswer> {
    return this.apps.wireOf(agentId).post(body, query)
  }

  on(listener: (event: TenantEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  close(): void {
    for (const bubble of this.bubbles) bubble.stopPolling()
    this.clock.cancelAll()
    this.api.close()
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

  private heard(request: ApiRequest): void {
    if (request.path === responsePath) this.tell({ kind: 'response', post: this.responses.keep(request) })
    else this.tell({ kind: 'api', request })
  }

  private tell(event: TenantEvent): void {
    for (const listener of this.listeners) listener(event)
  }
}
