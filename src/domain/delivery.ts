import type { Card } from './message.ts'
import type { Target } from './target.ts'

/** How something reaches WeCom: the message's own response_url, message/send of the app, a group that the app created, a group robot. */
export type Route = 'response_url' | 'app' | 'appchat' | 'webhook'

export type DeliveryState = 'queued' | 'sending' | 'held' | 'delivered' | 'partial' | 'refused' | 'unknown' | 'dropped'

export type AttemptOutcome = 'delivered' | 'refused' | 'unknown' | 'retry'

/** One try. `at` is committed before the request leaves; a try without outcome was cut off by a crash. */
export interface Attempt {
  readonly at: number
  readonly route: Route
  /** Which of the delivery's messages, from 1. */
  readonly part?: number
  readonly outcome?: AttemptOutcome
  readonly errcode?: number
  readonly errmsg?: string
  readonly hint?: string
  /** The same request left again and again with the same outcome; `at` is the last time. */
  readonly times?: number
  /** Sent without the platform's check for duplicates, since an equal message has just gone there. */
  readonly unchecked?: boolean
  /** Nobody knows whether it arrived, and it must not be repeated. */
  readonly givenUp?: boolean
  /** An operator has had it sent again all the same. */
  readonly overruled?: boolean
}

export type MediaKind = 'image' | 'voice' | 'video' | 'file'

/** Where the bytes of a media message are: a file of the spool, or a text that is made into a file. */
export type MediaSource =
  | { readonly kind: 'spool'; readonly file: string }
  | { readonly kind: 'text'; readonly content: string }

export interface MediaMessage {
  readonly kind: 'media'
  readonly media: MediaKind
  readonly fileName: string
  readonly bytes: number
  readonly source: MediaSource
  /** Once it is uploaded: the platform's id, valid for three days. */
  readonly mediaId?: string
}

export interface Article {
  readonly title: string
  readonly url: string
  readonly description?: string
  readonly picurl?: string
}

/** One message as WeCom takes it; whatever needed to be cut is cut already. */
export type Message =
  | { readonly kind: 'text'; readonly content: string }
  | { readonly kind: 'markdown'; readonly content: string }
  /** `inWords`: what is sent instead when the platform does not take the card. */
  | { readonly kind: 'card'; readonly card: Card; readonly inWords?: readonly string[] }
  | { readonly kind: 'news'; readonly articles: readonly Article[] }
  | MediaMessage

export type DeliveryBody =
  /** Markdown for a response_url; frozen, since a second body must never go there. */
  | { readonly kind: 'markdown'; readonly url: string; readonly content: string }
  /** A card for a response_url, while the bubble of its turn is held open. */
  | { readonly kind: 'card'; readonly url: string; readonly card: Card }
  /** A card of the app that was clicked shows that it was; free to be lost. */
  | {
      readonly kind: 'card_update'
      readonly userid: string
      readonly responseCode: string
      readonly card: Card
    }
  /** What app, group or robot get, in this order; frozen, so that a resend is the same byte for byte. */
  | { readonly kind: 'messages'; readonly to: Target; readonly messages: readonly Message[] }
  /** What no way could carry; kept for the operator. */
  | { readonly kind: 'remainder'; readonly content: string }

/** Whom the platform did not reach although it took the message; ids as the platform spells them (lower case). */
export interface Unreached {
  readonly invaliduser?: readonly string[]
  readonly invalidparty?: readonly string[]
  readonly invalidtag?: readonly string[]
  readonly unlicenseduser?: readonly string[]
}

/**
 * Something that must be sent. Of a turn: its id is derived (`<turn>:<part>`), so that adding it twice is a no-op. Sent
 * first: without a turn, the id from the caller's idempotencyKey or random.
 */
export interface Delivery {
  readonly id: string
  readonly turn?: string
  readonly account: string
  readonly route: Route
  readonly state: DeliveryState
  /** No way is left; an operator decides. */
  readonly dead: boolean
  readonly body: DeliveryBody
  /** Deliveries of one lane go one at a time, lowest order first. */
  readonly lane: string
  readonly order: number
  readonly dueAt: number
  readonly expiresAt: number
  readonly attempts: readonly Attempt[]
  readonly createdAt: number
  readonly finishedAt?: number
  readonly unreached?: Unreached
  /** The platform's msgid of the newest message that it took. */
  readonly msgid?: string
  /** What was asked to be sent, so that the same idempotencyKey with something else is noticed; outlives the content. */
  readonly digest?: string
}

/** How an attempt of a delivery ended, as the platform adapter reports it. */
export interface Outcome {
  readonly outcome: AttemptOutcome
  readonly errcode?: number
  readonly errmsg?: string
  readonly hint?: string
  readonly retryAfterMs?: number
  /** Only the operator can help: everything of this app waits, one probe goes out a minute. */
  readonly hold?: boolean
  /** Nothing came back from WeCom: no connection, no answer in time, or somebody else's. */
  readonly silent?: boolean
  readonly unreached?: Unreached
  readonly msgid?: string
}

export function isDone(state: DeliveryState): boolean {
  return state !== 'queued' && state !== 'sending' && state !== 'held'
}
