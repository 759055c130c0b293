/** A chat with one user, or a group. `id` is the userid or chatid exactly as WeCom spells it. */
export interface Conversation {
  readonly account: string
  readonly kind: 'direct' | 'group'
  readonly id: string
}

/** What a user writes to: the account's Bot (智能机器人) or its self-built app (自建应用). */
export type Surface = 'bot' | 'app'

/**
 * Media in a user's message. The Bot sends a `url`, valid for five minutes; the app a `mediaId`, valid for three days.
 */
export interface Attachment {
  readonly kind: 'image' | 'voice' | 'video' | 'file'
  readonly url?: string
  readonly mediaId?: string
  readonly fileName?: string
  /** The format that WeCom names, for a voice message whose bytes don't tell. */
  readonly format?: 'speex'
  /** It belongs to the message that the user quotes. */
  readonly isQuoted?: true
}

/** Why a user's media could not be fetched. */
export type MediaProblem = 'too_large' | 'expired' | 'unreadable' | 'empty' | 'bad_host' | 'unreachable'

/** A template card in WeCom's format: the object under `template_card`. */
export type Card = Readonly<Record<string, unknown>>

/** The card types that a group robot accepts (91770). */
export const robotCardTypes: readonly string[] = ['text_notice', 'news_notice']

/** A click on a card: the button, the card, and the options selected on it. */
export interface Click {
  readonly cardType?: string
  readonly eventKey: string
  readonly taskId: string
  readonly selected: readonly { readonly questionKey: string; readonly optionIds: readonly string[] }[]
  /** Cards of the app only: permits one update of the card within 72 h. */
  readonly responseCode?: string
}

/** A user's rating of an answer (101027). `id` is the `feedbackId` of the answer's first frame. */
export interface Feedback {
  readonly id: string
  readonly verdict: 'accurate' | 'inaccurate' | 'withdrawn'
  /** WeCom's codes: 1 off-topic, 2 incomplete, 3 wrong content, 4 wrong analysis of data. */
  readonly reasons: readonly number[]
  readonly content?: string
}

/** A message from a user, decoded from a callback. */
export interface Inbound {
  readonly account: string
  readonly surface: Surface
  /** `click`: a click on a card; `text` describes it (`formatClick`). */
  readonly origin: 'message' | 'click' | 'app'
  readonly msgid: string
  readonly sender: string
  readonly conversation: Conversation
  /** The sender's company, if the callback of a Bot names it. */
  readonly corpid?: string
  /** The user's text or the transcript of their voice, without the Bot's @name. */
  readonly text: string
  /** The quoted message as `> ` lines. The agent reads it before `text`. */
  readonly before?: string
  /** Epoch ms by our clock. */
  readonly receivedAt: number
  /** WeCom's `create_time` in epoch ms, if the callback has one. */
  readonly createdAt?: number
  readonly responseUrl?: string
  readonly attachments?: readonly Attachment[]
  /** The message has media and no text, so the text of the same sender may follow in another message. */
  readonly isMediaOnly?: boolean
  /** The name of a message type that we can't read. `text` is empty then. */
  readonly unknownKind?: string
  /** Set if `origin` is `click`. */
  readonly click?: Click
}

/** A decoded callback. Events have a `key` that is equal for repeats of the same event. */
export type Callback =
  | { readonly kind: 'message'; readonly inbound: Inbound }
  | { readonly kind: 'refresh'; readonly account: string; readonly streamId: string }
  | { readonly kind: 'enter'; readonly account: string; readonly msgid: string; readonly sender: string }
  /** A user was added to the app or opened it, so it may send its welcome. */
  | {
      readonly kind: 'greet'
      readonly account: string
      readonly key: string
      readonly sender: string
      readonly event: 'subscribe' | 'enter_agent'
    }
  /** WeCom suspends an unused app, announces that it will, or lifts the suspension. */
  | {
      readonly kind: 'activity'
      readonly account: string
      readonly key: string
      readonly event: string
      /** When it takes effect, in epoch ms, if WeCom says so. */
      readonly effectAt?: number
    }
  /** A thumb up or down on an answer, or its withdrawal. */
  | { readonly kind: 'feedback'; readonly account: string; readonly key: string; readonly feedback: Feedback }
  | { readonly kind: 'unhandled'; readonly account: string; readonly type: string }

/** A picture in a finish frame: PNG or JPEG in base64, and the MD5 of the decoded bytes in hex. */
export interface Picture {
  readonly base64: string
  readonly md5: string
}

/** The response to a stream refresh. `content` is the complete text of the bubble, at most 20,480 bytes of UTF-8. */
export interface Frame {
  readonly streamId: string
  readonly content: string
  readonly finish: boolean
  /** Identifies the answer in later feedback. First frame only. */
  readonly feedbackId?: string
  /** Finish frame only. */
  readonly pictures?: readonly Picture[]
}

/** The response to a callback. */
export type Reply =
  | { readonly kind: 'empty' }
  | { readonly kind: 'text'; readonly content: string }
  | { readonly kind: 'stream'; readonly frame: Frame }
  /** Replaces the clicked card. Valid only in the response to a click. */
  | { readonly kind: 'card_update'; readonly card: Card }

/** Handles a callback. Everything the reply promises is on disk before the promise resolves. */
export type Receive = (callback: Callback) => Promise<Reply>

/** Formats a click for the agent: `[card] key=… task=… question=a,b`. Questions are named by their `question_key`. */
export function formatClick({ eventKey, taskId, selected }: Click): string {
  const pair = (label: string, value: string) => (value === '' ? '' : `${label}=${value}`)
  const choices = selected.map(({ questionKey, optionIds }) => `${questionKey}=${optionIds.join(',')}`)
  return ['[card]', pair('key', eventKey), pair('task', taskId), ...choices].filter(part => part !== '').join(' ')
}

/** The id of a user of another company. Ids of one's own company have no slash. */
export function formatUserOf(corpid: string, userid: string): string {
  return `${corpid}/${userid}`.toLowerCase()
}

/** True for a user of another company, whom the app can't send a direct message. */
export function isOutsider(sender: string): boolean {
  return sender.includes('/')
}

/** Formats a question for the agent. In a group, a first line `[userid]` names the sender. */
export function formatQuestion(conversation: Conversation, sender: string, text: string): string {
  return conversation.kind === 'group' ? `[${sender}]\n${text}` : text
}
