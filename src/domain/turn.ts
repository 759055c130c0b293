import type { MediaKind } from './delivery.ts'
import type { Failure } from './failure.ts'
import type { Attachment, Card, Conversation, MediaProblem, Surface } from './message.ts'

/**
 * - waiting: stored, not claimed yet
 * - asking: claimed, no text yet
 * - streaming: text has arrived
 * - closing: the run is over, but the finish frame was not fetched yet
 * - shown: the finish frame was served and showed the whole answer
 * - moved: the bubble closed with a notice, and the answer takes another route
 * - ended: closed without an answer of the agent
 */
export const turnStates = ['waiting', 'asking', 'streaming', 'closing', 'shown', 'moved', 'ended'] as const
export type TurnState = (typeof turnStates)[number]

/** How a turn ended. Absent while the agent may still answer (docs/behaviour.md explains each). */
export const turnEnds = ['answered', 'empty', 'failed', 'stopped', 'busy', 'refused', 'expired', 'merged'] as const
export type TurnEnd = (typeof turnEnds)[number]

/** `agent`: nobody asked; the agent spoke by itself. */
export type TurnOrigin = 'message' | 'click' | 'app' | 'agent'

/**
 * What a turn needs from the gateway.
 *
 * - ask: an answer to its question; a turn that ended when it was opened, such as `/help`, is an `ask` never queued
 * - pass: the reply to a gateway command, which is in `question`
 * - reset: a new session, in which the rest of the message is asked
 * - approve: an administrator's decision, which a job sends
 * - reply: the answer to what a run asks its user, which a job sends
 */
export type TurnTask = 'ask' | 'pass' | 'reset' | 'approve' | 'reply'

/** What an agent asks its user in the middle of a run, which waits for the answer. */
export interface AgentQuestion {
  readonly id: string
  /** As the gateway spells it: lower case. */
  readonly sessionKey: string
  /** At least one, in order. */
  readonly items: readonly {
    readonly id: string
    readonly header: string
    readonly text: string
    /** Empty for a question that is answered in the user's own words. */
    readonly options: readonly { readonly label: string; readonly description: string }[]
    readonly isMultiple: boolean
  }[]
  readonly expiresAt: number
}

/** A question that the user of a turn sees, with the replies so far by the id of the item. */
export interface AskedQuestion {
  readonly question: AgentQuestion
  readonly replies: Readonly<Record<string, readonly string[]>>
  /** It was shown with another message, because the bubble was closed. */
  readonly isShown?: true
}

/** A task in the queue of its conversation, or claimed by a worker under a lease. `dueAt` is epoch ms. */
export interface PendingTask {
  readonly state: 'queued' | 'claimed'
  readonly dueAt: number
}

/** How a bubble shows the model's reasoning: not at all, folded (`<think>`), or as a quote. */
export type Thoughts = 'hide' | 'fold' | 'show'

/** What the agent is doing. A bubble without text shows it next to the elapsed time. */
export type Phase = 'starting' | 'thinking' | 'tool' | 'occupied' | 'resuming'

/** One entry of a turn's trace. It contains no message text, and no decision depends on it. */
export interface TraceEvent {
  readonly at: number
  readonly kind: string
  readonly [detail: string]: string | number | boolean | undefined
}

/**
 * Which start of the gateway was asked, and when. Committed before the request, so the question may be in the history.
 */
export interface AskMark {
  readonly at: number
  readonly bootId: string
}

/** The format of answers in direct messages. `auto` uses markdown if WeCom renders all of the answer's markup. */
export type ReplyFormat = 'auto' | 'text' | 'markdown'

/** How the account's app sends direct messages to the sender. */
export interface DirectMessages {
  readonly format: ReplyFormat
  /** How long a direct message is retried. */
  readonly deliverWithinMs: number
}

/**
 * Media of a question. pending: not fetched yet · kept: in the spool as `file` · failed: the question names the problem
 * instead.
 */
export interface TurnAttachment extends Attachment {
  readonly state: 'pending' | 'kept' | 'failed'
  /** Its name in the spool, unique to this message. */
  readonly file: string
  readonly bytes?: number
  readonly mimeType?: string
  /** `late`: not fetched in time for the question. `too_large_for_agent`: over the gateway's limits, not ours. */
  readonly problem?: MediaProblem | 'late' | 'too_large_for_agent'
}

/**
 * Why a file of an answer did not reach the user. `never_came`: the gateway never handed it over. `no_way`: no route.
 * `unsure`: its outcome is unknown.
 */
export type FileProblem =
  | 'withheld'
  | 'never_came'
  | 'no_way'
  | 'too_large'
  | 'too_small'
  | 'gone'
  | 'not_sent'
  | 'unsure'

/**
 * A file in an answer. announced: the answer names it, and the agent does not hand it over yet · pending: not fetched
 * from the agent yet · inline: a picture in the bubble · direct: queued as a direct message · sent: that message arrived
 * · failed: see `problem` · duplicate: equal to another file of this answer.
 */
export interface TurnFile {
  readonly fileName: string
  readonly state: 'announced' | 'pending' | 'inline' | 'direct' | 'sent' | 'failed' | 'duplicate'
  /** Its name in the spool. */
  readonly file: string
  /** The agent's id of it. */
  readonly artifact?: string
  readonly bytes?: number
  readonly media?: MediaKind
  /** SHA-256 of the bytes, in hex. */
  readonly digest?: string
  readonly problem?: FileProblem
  /** The user has not read yet that it failed. */
  readonly isUnsaid?: true
}

/**
 * The card in an answer. pending: sent by response_url, and the bubble waits for the outcome · sent: it arrived ·
 * refused: the answer contains it as readable text · direct: part of the direct message.
 */
export interface TurnCard {
  readonly state: 'pending' | 'sent' | 'refused' | 'direct'
  /** With our own task_id, because models reuse theirs. */
  readonly card: Card
  /** The task_id that the model wrote. */
  readonly modelTaskId?: string
  /** The answer without the card. */
  readonly around: string
  /** The answer with the card as readable text. */
  readonly words: string
  /** The card alone as readable text. */
  readonly inWords: string
  /** Until when the bubble waits for a pending card (epoch ms). */
  readonly waitUntil?: number
}

/**
 * One message and its answer, from receipt to the end. All times are epoch ms. Stored as one JSON document, so a
 * renamed field needs a migration.
 */
export interface Turn {
  /** Also the gateway's idempotencyKey and runId. */
  readonly id: string
  readonly account: string
  readonly surface: Surface
  readonly origin: TurnOrigin
  readonly conversation: Conversation
  readonly sender: string
  readonly msgid: string
  readonly streamId: string
  readonly agentId: string
  /** The bound agent, which answers if the dynamic agent `agentId` can't be created. */
  readonly fallbackAgentId?: string
  readonly sessionKey: string
  readonly state: TurnState
  readonly end?: TurnEnd
  /** Why the agent gave no answer, for `failed` and `empty`. */
  readonly failure?: Failure
  /** The user's text, including that of merged messages. */
  readonly text: string
  readonly attachments?: readonly TurnAttachment[]
  /** The message has only media: until then the question waits for a text of the same sender. */
  readonly joinUntil?: number
  /** The turn with which this one was merged, and which answers both. */
  readonly mergedInto?: string
  readonly task: TurnTask
  /** Absent once the task needs nothing more from the gateway. */
  readonly pending?: PendingTask
  /** The text for the agent. Frozen at the first claim, so that a repeat asks the same. */
  readonly question?: string
  /** The name of the command, for a `reset` or `pass`. */
  readonly command?: string
  /** What the run asks its user. Stored, so that a reply finds it after a restart. */
  readonly agentAsks?: AskedQuestion
  /** When a user asked to stop the run. */
  readonly stopAt?: number
  /** Notices that the bubble shows before the answer. */
  readonly preface?: string
  readonly thoughts: Thoughts
  /** Set when the run is over: the reasoning as the bubble shows it before the answer. It takes no other route. */
  readonly reasoning?: string
  /**
   * The answer so far; complete, and without reasoning, once `end` is set. While the run streams, the process that
   * follows it may have a newer snapshot in memory.
   */
  readonly answer: string
  readonly files?: readonly TurnFile[]
  /** Until when the bubble stays open to learn which files come. */
  readonly lookUntil?: number
  /** Until when the bubble stays open for its files. */
  readonly filesUntil?: number
  /** When the last thing that the bubble waited for was settled. */
  readonly readyAt?: number
  readonly card?: TurnCard
  /** The content of the finish frame. Set once, and never changed. */
  readonly closedWith?: string
  /** How many leading UTF-8 bytes of `answer` a served finish frame has shown. */
  readonly shownBytes: number
  /** When the finish frame was first served. */
  readonly finishServedAt?: number
  /** No route can deliver a part of the answer. */
  readonly lost?: true
  readonly receivedAt: number
  /** When the bubble closes with a notice if the answer is not complete. */
  readonly handoverAt: number
  /** When WeCom stops polling. */
  readonly windowEndAt: number
  /** When the last route to the user expires. */
  readonly lastWayUntil: number
  readonly responseUrl?: string
  /** When the `responseUrl` expires, if it is another turn's. */
  readonly responseUntil?: number
  /** Absent if the account has no app. */
  readonly dm?: DirectMessages
  readonly asked?: AskMark
  /** When the run ended. */
  readonly endedAt?: number
  /** The user has not seen how this turn ended. The answer to their next message begins with a notice about it. */
  readonly unsaid?: boolean
  readonly trace: readonly TraceEvent[]
  /** Place in the conversation's queue. A merged turn keeps the place of the older one. */
  readonly order: number
  /** Compared on save, to detect concurrent changes. */
  readonly version: number
}

/** True until the question is frozen. Until then the turn can be joined, stopped or expire. */
export function isUnclaimed({ task, question, end }: Pick<Turn, 'task' | 'question' | 'end'>): boolean {
  return task === 'ask' && question === undefined && end === undefined
}

/** The turn without its task, which is done or no longer needed. */
export function withoutPending(turn: Turn): Turn {
  const { pending: _, ...rest } = turn
  return rest
}

/** True for a message to the Bot. A message to the app and a click have no bubble; their answer is a message. */
export function hasBubble(turn: Turn): boolean {
  return turn.surface === 'bot' && turn.origin === 'message'
}

/** True while refreshes of the bubble can still show something new. */
export function hasOpenBubble(turn: Turn): boolean {
  return hasBubble(turn) && turn.closedWith === undefined
}

/** Returns the turn with these events added to its trace. */
export function traced(turn: Turn, ...events: readonly TraceEvent[]): Turn {
  return { ...turn, trace: [...turn.trace, ...events] }
}

/** The same for an event that may be repeated without end. Undefined if the trace has `most` of its kind already. */
export function tracedUpTo(most: number, turn: Turn, event: TraceEvent): Turn | undefined {
  const known = turn.trace.filter(({ kind }) => kind === event.kind).length
  return known < most ? traced(turn, event) : undefined
}

/** True while the turn itself can still change. Its deliveries may be unfinished after that. */
export function isOpen(turn: { readonly state: TurnState; readonly isOver: boolean }): boolean {
  if (turn.state === 'shown' || turn.state === 'ended') return false
  return !(turn.state === 'moved' && turn.isOver)
}
