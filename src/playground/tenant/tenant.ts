import { dayMs } from '../../domain/duration.ts'
import type { World } from '../../world.ts'
import { type CancellableClock, cancellableClock } from '../alarms.ts'
import { type ApiRequest, TenantApi } from './api/api.ts'
import type { DroppedMessage } from './app/app.ts'
import type { AppCall, AppExchange } from './app/call.ts'
import { type AppClick, type MemberEvent, type MemberMessage, Apps, type AppsOptions } from './app/apps.ts'
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
  /** The display name of the Bot. A group message reaches the Bot only if it mentions this name. */
  readonly botName?: string
  /** The caller's address for API requests without X-Forwarded-For; 127.0.0.1 by default. */
  readonly callerIp?: string
}

/** A message of a user to the Bot. `payload` is the object under `msgtype` if it is not text. */
export interface UserMessage {
  readonly userid: string
  /** The user's company, as a Bot that serves several of them is told. */
  readonly corpid?: string
  readonly chatid?: string
  readonly text?: string
  readonly msgid?: string
  /** Epoch seconds. WeCom does not always send it. */
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
  /** A request to the API, except those to response_urls. */
  | { readonly kind: 'api'; readonly request: ApiRequest }
  /** A callback to an app and its answer. */
  | { readonly kind: 'app'; readonly exchange: AppExchange }

/**
 * A simulated WeCom tenant with one Bot (callback mode) and any number of self-built apps and group robots. It sends real
 * encrypted callbacks over TCP and serves the API. It is as strict as WeCom. Where WeCom silently truncates or drops a message,
 * it does so too, and records that in `violations()` and `dropped`.
 */
export interface Tenant {
  /** The base URL of the API. Set it as `network.apiBaseUrl` of the daemon. */
  readonly apiBaseUrl: string
  /**
   * The API server: received requests (`requests`, `count(path)`), faults (`fail`, `failWith`), trusted addresses (`trustOnly`,
   * others get 60020) and connections (`acceptOnly`, for a forward proxy). Paths are like `/cgi-bin/message/send`.
   */
  readonly api: TenantApi
  /** Access tokens: `gets` counts gettoken calls; `expire` causes 42001, `revoke` 40014, `isThrottled` 45009. */
  readonly tokens: AppTokens
  /** Uploaded files, and `put` for files that a member sends to an app. media_ids are valid for three days. */
  readonly media: MediaShelf
  /** Stores a file that a user sends to the Bot, and returns its `url` for the message, valid for five minutes. */
  botMedia(bytes: Uint8Array, medium?: BotMedium): string
  /** Groups created by apps with appchat/create, or by a test with `add`. */
  readonly groups: AppGroups
  /** App messages silently dropped with errcode 0: over 30 a minute or 1,000 an hour per member. */
  readonly dropped: readonly DroppedMessage[]
  readonly bubbles: readonly Bubble[]
  readonly ledger: Ledger
  readonly responses: ResponseUrls
  readonly wire: TenantWire
  /** The WeCom rules that answers and messages have broken. */
  violations(): readonly string[]
  /** Sends a message. Its bubble is refreshed until it is finished or its window ends. */
  say(saying: UserMessage): Bubble
  /** Opens the single chat. The Bot gets an event once per user and day. Resolves to the welcome text shown, if any. */
  enterChat(userid: string): Promise<string | undefined>
  verifyUrl(): Promise<{ ok: boolean; reason?: string }>
  seal(plaintext: string, timestamp?: number): Sealed
  rawPost(body: string, query: string): Promise<RawAnswer>
  /** Sends a message to an app: the same bytes up to three times, 5 s apart, until one is answered 200. Await its `done`. */
  sayToApp(saying: MemberMessage): AppCall
  /** Sends an event such as `subscribe`, `enter_agent` or `low_active` to an app, delivered like a message. */
  appEvent(happening: MemberEvent): AppCall
  /** Clicks on a card. The `responseCode` is valid for one update within 72 h. */
  clickAppCard(click: AppClick): AppCall
  verifyAppUrl(agentId?: number): Promise<{ ok: boolean; reason?: string }>
  /** Encrypts and signs any XML for an app. `receiveId` replaces the corpId, to simulate misdirected callbacks. */
  sealForApp(xml: string, options?: { agentId?: number; receiveId?: string; timestamp?: number }): Sealed
  rawPostToApp(body: string, query: string, agentId?: number): Promise<RawAnswer>
  on(listener: (event: TenantEvent) => void): () => void
  close(): void
}

const openPerUser = 3

/** Starts the tenant. Resolves when its API accepts requests. */
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
  private readonly clock: CancellableClock
  private readonly rules: BubbleRules
  private readonly aibotid: string
  private readonly mention: string
  private readonly entered = new Map<string, number>()
  private readonly listeners = new Set<(event: TenantEvent) => void>()

  constructor({ clock, random, fetch }: World, options: TenantOptions) {
    const { callbackUrl, token, encodingAESKey, receiveId = '' } = options
    this.clock = cancellableClock(clock)
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
      this.emit({ kind: 'exchange', exchange }),
    )
    this.ledger = new Ledger(entry => this.emit({ kind: 'ledger', entry }))
    const { callerIp = '127.0.0.1' } = options
    this.api = new TenantApi({ clock: this.clock, random, callerIp, onRequest: request => this.recordRequest(request) })
    this.responses = new ResponseUrls(this.clock, random, this.ledger, this.api)
    this.shelf = new BotMedia(this.clock, random, encodingAESKey, this.api)
    this.apps = new Apps(outside, options, this.ledger, this.api, exchange => this.emit({ kind: 'app', exchange }))
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

  say(saying: UserMessage): Bubble {
    const isDelivered = this.isDelivered(saying)
    const onFrame = (bubble: Bubble) => this.emit({ kind: 'bubble', bubble })
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

  sayToApp(saying: MemberMessage): AppCall {
    return this.apps.say(saying)
  }

  appEvent(happening: MemberEvent): AppCall {
    return this.apps.sendEvent(happening)
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

  private newCallback(saying: UserMessage): MessageCallback {
    const { userid, corpid, chatid, createTime, quote, msgtype = 'text' } = saying
    const msgid = saying.msgid ?? this.wire.newId()
    return {
      msgid,
      aibotid: this.aibotid,
      ...(chatid === undefined ? {} : { chatid }),
      chattype: chatid === undefined ? 'single' : 'group',
      from: { ...(corpid !== undefined && { corpid }), userid },
      response_url: this.responses.issue(placeOf(saying), msgid),
      ...(createTime === undefined ? {} : { create_time: createTime }),
      msgtype,
      [msgtype]: saying.payload ?? { content: saying.text ?? '' },
      ...(quote === undefined ? {} : { quote }),
    }
  }

  private isDelivered({ userid, chatid, text }: UserMessage): boolean {
    const open = this.bubbles.filter(bubble => bubble.place.userid === userid && bubble.isInProgress()).length
    return open < openPerUser && (chatid === undefined || text === undefined || text.includes(this.mention))
  }

  private recordRequest(request: ApiRequest): void {
    if (request.path === responsePath) this.emit({ kind: 'response', post: this.responses.keep(request) })
    else this.emit({ kind: 'api', request })
  }

  private emit(event: TenantEvent): void {
    for (const listener of this.listeners) listener(event)
  }
}
