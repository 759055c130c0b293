/** A person of the playground. */
export interface Person {
  readonly userid: string
  readonly name: string
}

export interface Conversation {
  readonly id: string
  readonly kind: 'single' | 'group'
  readonly name: string
  readonly members: readonly string[]
}

/** Something in a conversation, as a snapshot: the page replaces what it has under `key`. */
export type Item =
  | {
      readonly kind: 'user'
      readonly key: string
      readonly conversation: string
      readonly at: number
      readonly userid: string
      readonly text: string
      readonly state: string
    }
  | {
      readonly kind: 'bot'
      readonly key: string
      readonly conversation: string
      readonly at: number
      readonly content: string
      readonly state: string
      readonly frames: number
    }
  | {
      readonly kind: 'note'
      readonly key: string
      readonly conversation: string
      readonly at: number
      readonly label: 'markdown' | 'card' | 'welcome'
      readonly quote: string
      readonly text: string
    }

/** One request on the wire, for the curious. */
export interface WireRow {
  readonly at: number
  readonly kind: string
  readonly id: string
  /** Until the answer; absent for what came to us. */
  readonly ms?: number
  readonly bytes: number
  readonly status: number
  readonly complaints: number
}

export type ToPage =
  | {
      readonly kind: 'hello'
      readonly botName: string
      readonly callbackUrl: string
      readonly people: readonly Person[]
      readonly conversations: readonly Conversation[]
      readonly hints: readonly string[]
    }
  | { readonly kind: 'item'; readonly item: Item }
  | { readonly kind: 'wire'; readonly row: WireRow }

export type FromPage =
  | { readonly kind: 'say'; readonly conversation: string; readonly userid: string; readonly text: string }
  | { readonly kind: 'enter'; readonly conversation: string }
