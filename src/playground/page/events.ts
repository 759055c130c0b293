/** A user of the playground. */
export interface Person {
  readonly userid: string
  readonly name: string
}

/** A conversation with the Bot (`single`, `group`) or with the app. */
export interface Conversation {
  readonly id: string
  readonly kind: 'single' | 'group' | 'app'
  readonly name: string
  readonly members: readonly string[]
  /** Sample messages that a click sends. */
  readonly hints: readonly string[]
}

/** A file in a message. Without `href` it cannot be downloaded. */
export interface PageFile {
  readonly type: string
  readonly name: string
  readonly bytes: number
  readonly href?: string
}

interface Head {
  readonly key: string
  readonly conversation: string
  readonly at: number
}

/** An item of a conversation. A later item with the same `key` replaces it. */
export type Item =
  | (Head & { readonly kind: 'user'; readonly userid: string; readonly text: string; readonly state: string })
  | (Head & { readonly kind: 'bot'; readonly content: string; readonly state: string; readonly frames: number })
  | (Head & {
      readonly kind: 'note'
      readonly label: 'markdown' | 'card' | 'welcome'
      readonly quote: string
      readonly text: string
    })
  /** A complete message of the app or of a group robot. For cards and news, `text` is their JSON. */
  | (Head & {
      readonly kind: 'sent'
      readonly by: 'app' | 'robot'
      readonly name: string
      readonly what: 'text' | 'markdown' | 'card' | 'news' | 'media'
      readonly text: string
      readonly file?: PageFile
    })

/** One HTTP request between WeCom and the daemon, for the network panel. */
export interface WireRow {
  readonly at: number
  readonly kind: 'message' | 'refresh' | 'enter' | 'event' | 'response' | 'app' | 'api'
  readonly id: string
  /** The API path, or the type of the callback. */
  readonly name?: string
  /** Duration until the answer; absent for requests to a response_url. */
  readonly ms?: number
  readonly bytes: number
  readonly status: number
  readonly errcode?: number
  readonly violations: number
}

export type ToPage =
  | {
      readonly kind: 'hello'
      readonly botName: string
      /** The URLs in both directions: callbacks to the daemon, and API calls to WeCom. */
      readonly addresses: readonly string[]
      readonly people: readonly Person[]
      readonly conversations: readonly Conversation[]
    }
  | { readonly kind: 'item'; readonly item: Item }
  | { readonly kind: 'wire'; readonly row: WireRow }

export type FromPage =
  | { readonly kind: 'say'; readonly conversation: string; readonly userid: string; readonly text: string }
  | { readonly kind: 'enter'; readonly conversation: string }
