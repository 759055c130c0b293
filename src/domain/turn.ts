import type { MediaKind } from './delivery.ts'
import type { Attachment, Card, Conversation, MediaProblem, Surface } from './message.ts'

/**
 * waiting: stored, not yet claimed · asking: claimed, no text yet · streaming: text has come · closing: the run is over,
 * its final frame is not fetched yet · shown: the final frame was served · moved: the bubble closed with a notice and
 * the answer goes another way · ended: closed without an answer of the agent's.
 */
export type TurnState = 'waiting' | 'asking' | 'streaming' | 'closing' | 'shown' | 'moved' | 'ended'

/** How a turn ended; absent while the agent may still answer. */
export type TurnEnd = 'answered' | 'empty' | 'failed' | 'stopped' | 'busy' | 'refused' | 'expired' | 'merged'

export type TurnOrigin = 'message' | 'click' | 'app'

/**
 * What a turn wants of the gateway. ask: its question · pass: a command of the gateway's own, as `question` · reset: its
 * session begins again, and then the rest of its message is asked · approve: an administrator's decision, which a job
 * carries out. A turn that ended when it was opened, such as `/help`, is an `ask` that was never queued.
 */
export type TurnTask = 'ask' | 'pass' | 'reset' | 'approve'

/** A task in the queue of its conversation (epoch ms), or held by a worker under a lease. */
export interface PendingTask {
  readonly state: 'queued' | 'claimed'
  readonly dueAt: number
}

/** How bubbles show a model's reasoning. */
export type Thoughts = 'hide' | 'fold' | 'show'

/** What the agent is doing, for the elapsed line of a silent bubble. */
export type Phase = 'starting' | 'thinking' | 'tool' | 'occupied' | 'resuming'

/** One step of a turn's trace. Never carries message text; nothing is decided by it. */
export interface TraceEvent {
  readonly at: number
  readonly kind: string
  readonly [detail: string]: string | number | boolean | undefined
}

/** Committed before the gateway is asked: from then on the question may be in its history. */
export interface AskMark {
  readonly at: number
  readonly bootId: string
}

/** How answers are written in a direct message of the app; `auto` is markdown where the platform renders all of it. */
export type ReplyFormat = 'auto' | 'text' | 'markdown'

/** What it takes to write to the sender by the app of the same account. */
export interface DirectMessages {
  readonly format: ReplyFormat
  /** How long one is tried. */
  readonly deliverWithinMs: number
}

/** Media of a question. pending: not fetched yet · kept: in the spool as `file` · failed: the agent is told so instead. */
export interface TurnAttachment extends Attachment {
  readonly state: 'pending' | 'kept' | 'failed'
  /** Its name in the spool; of this message and no other. */
  readonly file: string
  readonly bytes?: number
  readonly mimeType?: string
  /** `late`: it was not there when the question had to go; `too_large_for_agent`: the gateway takes less than we do. */
  readonly problem?: MediaProblem | 'late' | 'too_large_for_agent'
}

/** Why a file of an answer did not get home. */
export type FileProblem = 'withheld' | 'no_way' | 'too_large' | 'too_small' | 'gone' | 'not_sent' | 'unsure'

/**
 * A file in an answer. pending: still at the agent · inline: a picture in the bubble · direct: on its way as a direct
 * message · sent · failed · duplicate: the same bytes as another file of this answer.
 */
export interface TurnFile {
  readonly fileName: string
  readonly state: 'pending' | 'inline' | 'direct' | 'sent' | 'failed' | 'duplicate'
  /** Its name in the spool. */
  readonly file: string
  readonly bytes?: number
  readonly media?: MediaKind
  /** Equal for equal bytes. */
  readonly digest?: string
  readonly problem?: FileProblem
}

/**
 * The card in an answer. pending: under way by response_url, the bubble waits for it · sent · refused: it stands in the
 * answer as words · direct: goes with the direct message.
 */
export interface TurnCard {
  readonly state: 'pending' | 'sent' | 'refused' | 'direct'
  /** With a task_id of ours: those of models repeat. */
  readonly card: Card
  readonly modelTaskId?: string
  /** The answer without the card, with the card as words, and the card's words alone. */
  readonly around: string
  readonly words: string
  readonly inWords: string
  /** While it is pending: how long the bubble waits. */
  readonly waitUntil?: number
}

/** The life of one answer. `id` is also the gateway's idempotencyKey and runId. */
export interface Turn {
  readonly id: string
  readonly account: string
  readonly surface: Surface
  readonly origin: TurnOrigin
  readonly conversation: Conversation
  readonly sender: string
  readonly msgid: string
  readonly streamId: string
  readonly agentId: string
  /** Who answers where that agent, which is made when it is needed, cannot be made. */
  readonly fallbackAgentId?: string
  readonly sessionKey: string
  readonly state: TurnState
  readonly end?: TurnEnd
  /** What the user said, all merged parts. */
  readonly text: string
  readonly attachments?: readonly TurnAttachment[]
  /** Until then a text of the same sender is waited for: the message was nothing but media. */
  readonly joinUntil?: number
  /** The turn that answers this one too. */
  readonly mergedInto?: string
  readonly task: TurnTask
  /** Absent once nothing of the task is left to do at the gateway. */
  readonly pending?: PendingTask
  /** What goes to the agent; frozen when the turn is first claimed. */
  readonly question?: string
  /** The name of the command that a `reset` or a `pass` came from. */
  readonly command?: string
  /** When somebody wanted the run to be stopped. */
  readonly stopAt?: number
  /** Said before the answer, in the same bubble. */
  readonly preface?: string
  readonly thoughts: Thoughts
  /** Once the run is over: the reasoning as its bubble shows it, before the answer. It goes no other way. */
  readonly reasoning?: string
  /** The answer so far; whole once `end` is set, and then without reasoning. A snapshot of a running answer may be newer in memory. */
  readonly answer: string
  readonly files?: readonly TurnFile[]
  /** The run is over, and it is not known yet whether files came with it. */
  readonly isLooking?: true
  /** How long the bubble is held open for them. */
  readonly filesUntil?: number
  /** When all that the bubble was held open for was known. */
  readonly readyAt?: number
  readonly card?: TurnCard
  /** Content of the finish frame, once it is decided for good. */
  readonly closedWith?: string
  /** Leading bytes of `answer` that a finish frame which was served has shown. */
  readonly shownBytes: number
  /** When the finish frame was first served. */
  readonly finishServedAt?: number
  /** Part of the answer can reach the user by no route. */
  readonly lost?: true
  readonly receivedAt: number
  /** When the bubble closes with a notice if the answer is not there. */
  readonly handoverAt: number
  /** When the platform stops fetching. */
  readonly windowEndAt: number
  /** After this nothing can reach the user any more. */
  readonly lastWayUntil: number
  readonly responseUrl?: string
  /** Absent where the account has no app. */
  readonly dm?: DirectMessages
  readonly asked?: AskMark
  /** When the run ended. */
  readonly endedAt?: number
  /** The user has not been told of this end yet: the next message's bubble says it. */
  readonly unsaid?: boolean
  readonly trace: readonly TraceEvent[]
  /** Place in the session's queue; a merged turn takes over the place of the one it swallows. */
  readonly order: number
  /** Compared on save. */
  readonly version: number
}

/** Its question has not been frozen yet: it may still be joined, taken back or expire. */
export function isUnclaimed({ task, question, end }: Pick<Turn, 'task' | 'question' | 'end'>): boolean {
  return task === 'ask' && question === undefined && end === undefined
}

/** The task is done, or nobody wants it any longer. */
export function withoutPending(turn: Turn): Turn {
  const { pending: _, ...rest } = turn
  return rest
}

/** A message to the Bot has a bubble that shows its answer; one to the app and a click have none. */
export function hasBubble(turn: Turn): boolean {
  return turn.surface === 'bot' && turn.origin === 'message'
}

/** True while something may still happen to the turn itself (its deliveries have a life of their own). */
export function isOpen(turn: { readonly state: TurnState; readonly isOver: boolean }): boolean {
  if (turn.state === 'shown' || turn.state === 'ended') return false
  return !(turn.state === 'moved' && turn.isOver)
}
