import type { World } from '../world.ts'
import { mortalClock } from './alarms.ts'
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

export async function createTenant(world: World, options: TenantOptions): Promise<Tenant> {
  const clock = mortalClock(world.clock)
  const listeners = new Set<(event: TenantEvent) => void>()
  const tell = (event: TenantEvent) => {
    for (const listener of listeners) listener(event)
  }
  const tellBubble = (bubble: Bubble) => tell({ kind: 'bubble', bubble })
  const rules: BubbleRules = {
    refreshMs: options.refreshMs ?? 1_000,
    windowMs: options.windowMs ?? 360_000,
    retryAfterMs: options.retryAfterMs ?? 5_000,
    deliveries: options.deliveries ?? 3,
    strict: options.strict ?? false,
  }
  const { token, encodingAESKey, receiveId = '' } = options
  const wire = new TenantWire({
    clock,
    random: world.random,
    fetch: world.fetch,
    callbackUrl: options.callbackUrl,
    secrets: { token, encodingAESKey, receiveId },
    answerMs: rules.retryAfterMs,
    onExchange: exchange => tell({ kind: 'exchange', exchange }),
  })
  const ledger = new Ledger(entry => tell({ kind: 'ledger', entry }))
  const responses = new ResponseUrls(clock, world.random, ledger, post => tell({ kind: 'response', post }))
  const apiBaseUrl = await responses.listen()
  const aibotid = options.aibotid ?? 'aibPLAYGROUND'
  const bubbles: Bubble[] = []
  const entered = new Map<string, number>()

  const newCallback = (saying: Saying): MessageCallback => {
    const { userid, chatid, createTime, quote, msgtype = 'text' } = saying
    const msgid = saying.msgid ?? wire.newId()
    return {
      msgid,
      aibotid,
      ...(chatid === undefined ? {} : { chatid }),
      chattype: chatid === undefined ? 'single' : 'group',
      from: { userid },
      response_url: responses.issue(placeOf(saying), msgid),
      ...(createTime === undefined ? {} : { create_time: createTime }),
      msgtype,
      [msgtype]: saying.payload ?? { content: saying.text ?? '' },
      ...(quote === undefined ? {} : { quote }),
    }
  }

  const isDelivered = ({ userid, chatid, text }: Saying): boolean => {
    const open = bubbles.filter(bubble => bubble.place.userid === userid && bubble.isInProgress()).length
    const mentions = chatid === undefined || text === undefined || text.includes(`@${options.botName ?? '助手'}`)
    return mentions && open < openPerUser
  }

  return {
    apiBaseUrl,
    bubbles,
    ledger,
    responses,
    wire,
    violations: () => ledger.violations(),
    say(saying) {
      const delivered = isDelivered(saying)
      const bubble = new Bubble(newCallback(saying), wire, ledger, clock, rules, tellBubble)
      bubbles.push(bubble)
      tellBubble(bubble)
      if (delivered) void bubble.send()
      else bubble.drop()
      return bubble
    },
    async enterChat(userid) {
      const today = Math.floor(clock.now() / dayMs)
      if (entered.get(userid) === today) return undefined
      entered.set(userid, today)
      const msgid = wire.newId()
      const from = { userid }
      const event = { eventtype: 'enter_chat', enter_chat: {} }
      const create_time = Math.floor(clock.now() / 1000)
      const callback = { msgid, create_time, aibotid, chattype: 'single', from, msgtype: 'event', event }
      const { at, reply } = await wire.deliver('enter', callback)
      for (const text of reply.violations) ledger.add({ at, kind: 'violation', userid, msgid, text })
      if (reply.text !== undefined) ledger.add({ at: clock.now(), kind: 'welcome', userid, msgid, text: reply.text })
      return reply.text
    },
    verifyUrl: () => wire.verifyUrl(),
    seal: (plaintext, timestamp) => wire.seal(plaintext, timestamp),
    rawPost: (body, query) => wire.post(body, query),
    on(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close() {
      for (const bubble of bubbles) bubble.stopPolling()
      clock.cancelAll()
      responses.close()
    },
  }
}
