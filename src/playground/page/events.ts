/** A person of the playground. */
export interface Person {
  readonly userid: string
  readonly name: string
}

/** With the Bot (`single`, `group`) or with the app. */
export interface Conversation {
  readonly id: string
  readonly kind: 'single' | 'group' | 'app'
  readonly name: string
  readonly members: readonly string[]
  /** Messages that a newcomer may send with one click. */
  readonly hints: readonly string[]
}

/** A file in a message; without `href` it cannot be fetched. */
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

/** Something in a conversation, as a snapshot: the page replaces what it has under `key`. */
export type Item =
  | (Head & { readonly kind: 'user'; readonly userid: string; readonly text: string; readonly state: string })
  | (Head & { readonly kind: 'bot'; readonly content: string; readonly state: string; readonly frames: number })
  | (Head & {
      readonly kind: 'note'
      readonly label: 'markdown' | 'card' | 'welcome'
      readonly quote: string
      readonly text: string
    })
  /** A whole message of the app, or of a group robot. `text` of cards and news is their JSON. */
  | (Head & {
      readonly kind: 'sent'
      readonly by: 'app' | 'robot'
      readonly name: string
      readonly what: 'text' | 'markdown' | 'card' | 'news' | 'media'
      readonly text: string
      readonly file?: PageFile
    })

/** One request on the wire, for the curious. */
export interface WireRow {
  readonly at: number
  readonly kind: 'message' | 'refresh' | 'enter' | 'event' | 'response' | 'app' | 'api'
  readonly id: string
  /** What was called, or the type of what came. */
  readonly name?: string
  /** Until the answer; absent for what came to a response_url. */
  readonly ms?: number
  readonly bytes: number
  readonly status: number
  readonly errcode?: number
  readonly complaints: number
}

export type ToPage =
  | {
      readonly kind: 'hello'
      readonly botName: string
      /** Where WeCom calls the daemon, and where the daemon calls WeCom. */
      readonly addresses: readonly string[]
      readonly people: readonly Person[]
      readonly conversations: readonly Conversation[]
    }
  | { readonly kind: 'item'; readonly item: Item }
  | { readonly kind: 'wire'; readonly row: WireRow }

export type FromPage =
  | { readonly kind: 'say'; readonly conversation: string; readonly userid: string; readonly text: string }
  | { readonly kind: 'enter'; readonly conversation: string }
