import type { Card } from './message.ts'
import type { Target } from './target.ts'

/**
 * The WeCom API that sends a delivery: the `response_url` of the user's message, `message/send` of the app,
 * `appchat/send` for a group that the app created, or the webhook of a group robot.
 */
export type Route = 'response_url' | 'app' | 'appchat' | 'webhook'

export type DeliveryState = 'queued' | 'sending' | 'held' | 'delivered' | 'partial' | 'refused' | 'unknown' | 'dropped'

export type AttemptOutcome = 'delivered' | 'refused' | 'unknown' | 'retry'

/**
 * One request to WeCom. It is committed before the request leaves, so an attempt without an outcome is either in
 * progress or was cut off by a crash.
 */
export interface Attempt {
  readonly at: number
  readonly route: Route
  /** Which of the delivery's messages, counted from 1. */
  readonly part?: number
  readonly outcome?: AttemptOutcome
  readonly errcode?: number
  readonly errmsg?: string
  readonly hint?: string
  /** How many attempts in a row had this outcome. They share one entry; `at` is the last of them. */
  readonly times?: number
  /** Sent with WeCom's duplicate check off, because an equal message went to the same target just before. */
  readonly unchecked?: boolean
  /** The outcome is unknown, and repeating it could show the message twice. */
  readonly givenUp?: boolean
  /** An operator retried it although the outcome was unknown. */
  readonly overruled?: boolean
}

export type MediaKind = 'image' | 'voice' | 'video' | 'file'

/** Where the bytes of a media message come from: a file in the spool, or a text that is sent as a file. */
export type MediaSource =
  | { readonly kind: 'spool'; readonly file: string }
  | { readonly kind: 'text'; readonly content: string }

export interface MediaMessage {
  readonly kind: 'media'
  readonly media: MediaKind
  readonly fileName: string
  readonly bytes: number
  readonly source: MediaSource
  /** WeCom's id of the uploaded file, valid for three days (90253). Absent until it is uploaded. */
  readonly mediaId?: string
}

export interface Article {
  readonly title: string
  readonly url: string
  readonly description?: string
  readonly picurl?: string
}

/** One WeCom message. Its text is already split to fit the limits of its route. */
export type Message =
  | { readonly kind: 'text'; readonly content: string }
  | { readonly kind: 'markdown'; readonly content: string }
  /** `inWords`: the card as readable text, one item per message. Sent instead if WeCom refuses the card. */
  | { readonly kind: 'card'; readonly card: Card; readonly inWords?: readonly string[] }
  | { readonly kind: 'news'; readonly articles: readonly Article[] }
  | MediaMessage

export type DeliveryBody =
  /** Markdown for a response_url. Frozen, because a second, different body must never be sent there. */
  | { readonly kind: 'markdown'; readonly url: string; readonly content: string }
  /** A card for a response_url. The bubble of its turn stays open until the outcome is known. */
  | { readonly kind: 'card'; readonly url: string; readonly card: Card }
  /** Shows the user's choice on a card of the app after a click. Losing it does no harm. */
  | {
      readonly kind: 'card_update'
      readonly userid: string
      readonly responseCode: string
      readonly card: Card
    }
  /** Messages for a user, group or robot, sent in this order. Frozen, so that a resend is identical byte for byte. */
  | { readonly kind: 'messages'; readonly to: Target; readonly messages: readonly Message[] }
  /** Text that no route could deliver. It is never sent, only kept for the operator. */
  | { readonly kind: 'remainder'; readonly content: string }

/** Recipients that WeCom could not reach although it accepted the message (90236). WeCom lower-cases these ids. */
export interface Unreached {
  readonly invaliduser?: readonly string[]
  readonly invalidparty?: readonly string[]
  readonly invalidtag?: readonly string[]
  readonly unlicenseduser?: readonly string[]
}

/**
 * Something that must be sent to WeCom. The id of a turn's delivery is derived (`<turn>:<part>`), so adding it twice is
 * a no-op. A delivery without a turn was requested by an operator or a script; its id comes from their idempotencyKey,
 * or is random.
 */
export interface Delivery {
  readonly id: string
  readonly turn?: string
  readonly account: string
  readonly route: Route
  readonly state: DeliveryState
  /** No route is left. Only an operator can retry or drop it. */
  readonly dead: boolean
  readonly body: DeliveryBody
  /** Deliveries in one lane are sent one at a time, lowest `order` first. */
  readonly lane: string
  readonly order: number
  readonly dueAt: number
  readonly expiresAt: number
  readonly attempts: readonly Attempt[]
  readonly createdAt: number
  readonly finishedAt?: number
  readonly unreached?: Unreached
  /** WeCom's msgid of the last message it accepted. */
  readonly msgid?: string
  /**
   * Digest of the send request. It detects an idempotencyKey that is reused for a different request, and is kept after
   * the content is erased.
   */
  readonly digest?: string
}

/** The result of an attempt, as the WeCom adapter reports it. */
export interface Outcome {
  readonly outcome: AttemptOutcome
  readonly errcode?: number
  readonly errmsg?: string
  readonly hint?: string
  readonly retryAfterMs?: number
  /**
   * WeCom refuses the app itself. All its deliveries are held, except for one probe a minute, until an operator fixes
   * it.
   */
  readonly hold?: boolean
  /** WeCom did not respond: no connection, a timeout, or a response that isn't WeCom's. */
  readonly silent?: boolean
  readonly unreached?: Unreached
  readonly msgid?: string
}

/** True if a delivery in this state will not be sent again unless an operator retries it. */
export function isDone(state: DeliveryState): boolean {
  return state !== 'queued' && state !== 'sending' && state !== 'held'
}
