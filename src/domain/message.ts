/** Where a conversation takes place: a chat with one user, or a group. `id` is spelled as the platform spells it. */
export interface Conversation {
  readonly account: string
  readonly kind: 'direct' | 'group'
  readonly id: string
}

/** Which of an account's two faces: the Bot (智能机器人) or the self-built app (自建应用). */
export type Surface = 'bot' | 'app'

/** Media that came with a message. A link of the Bot is valid for five minutes, a media id of the app for three days. */
export interface Attachment {
  readonly kind: 'image' | 'voice' | 'video' | 'file'
  readonly url?: string
  readonly mediaId?: string
  readonly fileName?: string
  /** It came with what the message quotes. */
  readonly isQuoted?: true
}

/** Why media of a user cannot be given to the agent. */
export type MediaProblem = 'too_large' | 'expired' | 'unreadable' | 'empty' | 'bad_host' | 'unreachable'

/** A template card in the shape of the platform: the object under `template_card`. */
export type Card = Readonly<Record<string, unknown>>

/** The types of cards that a group robot accepts (page 91770). */
export const robotCardTypes: readonly string[] = ['text_notice', 'news_notice']

/** A press on a card: which button, on which card, and what was chosen in it. */
export interface Click {
  readonly cardType?: string
  readonly eventKey: string
  readonly taskId: string
  readonly selected: readonly { readonly questionKey: string; readonly optionIds: readonly string[] }[]
  /** Of a card of the app: good for one update of it, for 72 h. */
  readonly responseCode?: string
}

/** What a user thinks of an answer (page 101027). `id` is the one that its first frame carried. */
export interface Feedback {
  readonly id: string
  readonly verdict: 'accurate' | 'inaccurate' | 'withdrawn'
  /** The platform's numbers: 1 off-topic, 2 incomplete, 3 wrong content, 4 wrong analysis of data. */
  readonly reasons: readonly number[]
  readonly content?: string
}

/** A message that came from a user, as the platform delivered it. */
export interface Inbound {
  readonly account: string
  readonly surface: Surface
  /** `click`: a button of a card was pressed, and `text` says which. */
  readonly origin: 'message' | 'click' | 'app'
  readonly msgid: string
  readonly sender: string
  readonly conversation: Conversation
  /** What the user wrote or said; the Bot's own @name is already gone. */
  readonly text: string
  /** What the agent reads before that: the message that they quote, as `> ` lines. */
  readonly before?: string
  /** Epoch ms by our clock. */
  readonly receivedAt: number
  /** Epoch ms by the platform's clock, when it was sent along. */
  readonly createdAt?: number
  readonly responseUrl?: string
  readonly attachments?: readonly Attachment[]
  /** Nothing but media: a text of the same sender may follow. */
  readonly isMediaOnly?: boolean
  /** Of a `click`. */
  readonly click?: Click
}

/** What a callback turned out to be. Events carry `key`, by which a repetition of the same event is known. */
export type Callback =
  | { readonly kind: 'message'; readonly inbound: Inbound }
  | { readonly kind: 'refresh'; readonly account: string; readonly streamId: string }
  | { readonly kind: 'enter'; readonly account: string; readonly msgid: string; readonly sender: string }
  /** A user may see the app from now on, or opened it: the time for its welcome. */
  | {
      readonly kind: 'greet'
      readonly account: string
      readonly key: string
      readonly sender: string
      readonly event: 'subscribe' | 'enter_agent'
    }
  /** The platform tells that it will suspend the app for not being used, has done so, or has taken it back. */
  | {
      readonly kind: 'activity'
      readonly account: string
      readonly key: string
      readonly event: string
      /** Epoch ms from which it applies, when the platform says so. */
      readonly effectAt?: number
    }
  /** Thumbs up or down on an answer, or taken back. */
  | { readonly kind: 'feedback'; readonly account: string; readonly key: string; readonly feedback: Feedback }
  | { readonly kind: 'unhandled'; readonly account: string; readonly type: string }

/** A picture of a finish frame: PNG or JPEG in base64, and the MD5 of its bytes in hex. */
export interface Picture {
  readonly base64: string
  readonly md5: string
}

/** What a stream refresh shows. `content` is the whole bubble, at most 20,480 bytes of UTF-8. */
export interface Frame {
  readonly streamId: string
  readonly content: string
  readonly finish: boolean
  /** By which feedback on the answer is known; in the first frame only. */
  readonly feedbackId?: string
  /** In a finish frame only. */
  readonly pictures?: readonly Picture[]
}

/** What we answer to a callback. */
export type Reply =
  | { readonly kind: 'empty' }
  | { readonly kind: 'text'; readonly content: string }
  | { readonly kind: 'stream'; readonly frame: Frame }
  /** Takes the place of the card that was clicked; only as the answer to a click. */
  | { readonly kind: 'card_update'; readonly card: Card }

/** Answers a callback; must have committed everything it promises before it resolves. */
export type Receive = (callback: Callback) => Promise<Reply>

/** What the agent hears of a click: `[card] key=… task=… question=a,b`, a question by its own key. */
export function formatClick({ eventKey, taskId, selected }: Click): string {
  const named = (label: string, value: string) => (value === '' ? '' : `${label}=${value}`)
  const choices = selected.map(({ questionKey, optionIds }) => `${questionKey}=${optionIds.join(',')}`)
  return ['[card]', named('key', eventKey), named('task', taskId), ...choices].filter(word => word !== '').join(' ')
}

/** What the agent reads: in a single chat the text as it is, in a group a first line that says who speaks. */
export function formatQuestion(conversation: Conversation, sender: string, text: string): string {
  return conversation.kind === 'group' ? `[${sender}]\n${text}` : text
}
