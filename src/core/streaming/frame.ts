/**
 * Computes what a bubble shows: the response to each refresh.
 *
 * WeCom polls a streaming answer, and each response replaces the whole content. That makes repeats and gaps harmless.
 * The difficulties are in the content:
 *
 * - The first frame answers the message itself. WeCom repeats a message that it considers lost, and must then get the
 *   same frame, even if the answer is finished.
 * - The client shows its thinking animation for `<think></think>`, until other visible text appears. Spaces and
 *   zero-width characters don't count as visible.
 * - A finish frame is final. A repeated refresh must get the same one, so its content is stored (`closedWith`) and not
 *   computed again.
 * - A frame holds 20,480 bytes. If the content is longer, the answer is cut, but never the notice below it, from which
 *   the user learns where the rest is.
 * - A streaming text ends anywhere: inside a `<think>` tag, or in JSON that becomes a card. Both stay hidden until it
 *   is clear what they are, but ordinary text must not be delayed for more than a moment.
 *
 * The content is always composed in this order: preface (notices from before the answer), reasoning, answer, notice. Of
 * several notices the most urgent one is shown: an approval that the run waits for, then a lost link to the gateway.
 *
 * `finishContent` and `handoverContent` also return how many bytes of the answer are visible (`shownBytes`). The
 * deliveries by the next route depend on that number, so a frame must never claim more than it shows. Handover content
 * whose cards or reasoning were removed claims nothing: its text is not a prefix of the answer.
 */
import type { Approval } from '../../domain/agent.ts'
import { limits } from '../../domain/limits.ts'
import type { Frame } from '../../domain/message.ts'
import { isUnclaimed, type Phase, type Turn } from '../../domain/turn.ts'
import { isVisible } from '../../domain/visible.ts'
import { nextRoute } from '../fallback/routes.ts'
import type { Translate } from '../notices/notices.ts'
import { formatApproval } from './approval.ts'
import { formatAsked } from './question.ts'
import { askableAt } from './attachments.ts'
import { maskCards } from '../cards/mask.ts'
import { noticeOfFiles } from './files.ts'
import { readAnswer, readSoFar } from '../text/answer.ts'
import { presentReasoning } from '../text/reasoning.ts'
import { cutForNotice, withNotice } from '../text/fences.ts'
import { mayBecomeSentinel } from '../text/sentinel.ts'
import { byteLength } from '../text/split.ts'

/** How long a bubble without text keeps its first content. */
const silentMs = 5_000
/** How long the gateway must be unreachable before the bubble shows it. */
const offlineMs = 10_000
/** How long an end of the text that may become a card stays hidden. */
const cardHoldMs = 2_000

/** The newest snapshot of a running answer. Only the process that follows the run has it. */
export interface Live {
  readonly text: string
  readonly phase?: Phase
  /** When the text last grew. */
  readonly textAt?: number
}

/** The facts outside of the turn that a frame shows. */
export interface View {
  readonly now: number
  readonly placeholder: string
  readonly live?: Live
  /** Since when the gateway can't be reached. */
  readonly offlineSince?: number
  /** The command whose approval the run waits for. */
  readonly approval?: Approval
}

/** The default placeholder. The client shows its thinking animation for it. */
const animation = '<think></think>'

/** Returns the response to the message itself. It is the same for every repeat of the message. */
export function firstFrame(turn: Turn, placeholder: string): Frame {
  // A turn that ended when it was opened finishes in its first frame. A merged one had its first frame before it ended.
  const isOver = turn.state === 'ended' && turn.endedAt === turn.receivedAt && turn.end !== 'merged'
  return isOver && turn.closedWith !== undefined
    ? { streamId: turn.streamId, content: turn.closedWith, finish: true }
    : { streamId: turn.streamId, content: placeholder, finish: false, feedbackId: `${feedbackPrefix}${turn.streamId}` }
}

/** The client shows the thumbs only if the id begins with this. Observed in one company; unverified. */
const feedbackPrefix = 'trace_'

/** Returns the stream id of the answer that a feedback id belongs to; undefined if the id is not ours. */
export function streamOfFeedback(id: string): string | undefined {
  return id.startsWith(feedbackPrefix) ? id.slice(feedbackPrefix.length) : undefined
}

/**
 * Returns the response to a refresh. A `closing` turn must be advanced by `served` before, which sets its final
 * content.
 */
export function streamFrame(turn: Turn, view: View, translate: Translate): Frame {
  if (turn.closedWith !== undefined) return { streamId: turn.streamId, content: turn.closedWith, finish: true }
  return { streamId: turn.streamId, content: openContent(turn, view, translate), finish: false }
}

function openContent(turn: Turn, view: View, translate: Translate): string {
  // That the agent said nothing is only known for sure once its files were looked for.
  const answer = turn.end === 'empty' ? '' : (view.live?.text ?? turn.answer)
  const { reasoning, plain } = turn.end === undefined ? readSoFar(answer) : readAnswer(answer)
  const text = mayBecomeSentinel(plain) ? '' : maskCards(plain, isFresh(view))
  const notice =
    approvalNotice(turn, view, translate) ??
    (turn.end === undefined ? formatAsked(turn, translate) : undefined) ??
    (isOffline(turn, view) ? translate({ key: 'offline' }) : undefined)
  const thinking = { ...turn, reasoning: turn.reasoning ?? presentReasoning(reasoning, turn.thoughts) }
  if (!isVisible(text)) {
    const content = notice ?? silentContent(thinking, view, translate)
    return withPreface(thinking, content === animation && thinking.preface !== undefined ? '' : content)
  }
  const cutNotice = translate({ key: 'truncated' })
  return composeFrame(thinking, text, notice, notice === undefined ? cutNotice : `${cutNotice}\n\n${notice}`).content
}

/** True if the text has grown just now, so that its end may still become a card. */
function isFresh({ now, live }: View): boolean {
  return live?.textAt !== undefined && now - live.textAt < cardHoldMs
}

function silentContent(turn: Turn, view: View, translate: Translate): string {
  const elapsedMs = view.now - turn.receivedAt
  if (isUnclaimed(turn) && view.offlineSince === undefined) {
    const isFetching = view.now < askableAt(turn)
    if (elapsedMs >= silentMs) return translate({ key: isFetching ? 'fetching' : 'queued_long', elapsedMs })
    return isFetching ? view.placeholder : translate({ key: 'queued' })
  }
  const isThinking = turn.reasoning !== undefined && turn.reasoning !== ''
  if (elapsedMs < silentMs) return isThinking ? '' : view.placeholder
  const line = translate({ key: 'elapsed', elapsedMs, ...(view.live?.phase && { phase: view.live.phase }) })
  return view.placeholder === animation || isThinking ? line : `${view.placeholder}\n${line}`
}

function approvalNotice(turn: Turn, { approval }: View, translate: Translate): string | undefined {
  const isAsked = turn.question !== undefined && turn.end === undefined
  return approval === undefined || !isAsked ? undefined : formatApproval(approval, translate)
}

function isOffline(turn: Turn, view: View): boolean {
  return view.offlineSince !== undefined && view.now - Math.max(view.offlineSince, turn.receivedAt) >= offlineMs
}

/** Returns the final content of a bubble whose run is over, and how many bytes of the answer it shows. */
export function finishContent(turn: Turn, now: number, translate: Translate): { content: string; shownBytes: number } {
  const more = translate({ key: nextRoute(turn, [], now) === undefined ? 'overflow_lost' : 'continued' })
  const files = noticeOfFiles(turn, translate)
  if (files === undefined) return composeFrame(turn, turn.answer, undefined, more)
  if (!isVisible(turn.answer)) return { content: withPreface(turn, files), shownBytes: byteLength(turn.answer) }
  return composeFrame(turn, turn.answer, files, `${files}\n\n${more}`)
}

/** The notice that the answer follows by another route, or can't. */
function handoverNotice(turn: Turn, now: number, translate: Translate): string {
  return translate({ key: nextRoute(turn, [], now) === undefined ? 'moved_lost' : 'moved' })
}

/** Returns the notice of a bubble whose finish frame was not fetched, so that its answer takes another route. */
export function unfetchedNotice(turn: Turn, now: number, translate: Translate): string {
  return translate({ key: nextRoute(turn, [], now) === undefined ? 'moved_lost' : 'moved_whole' })
}

/**
 * Returns the final content of a bubble that closes while the run continues, and how many bytes of the answer it shows.
 */
export function handoverContent(
  turn: Turn,
  now: number,
  translate: Translate,
): { content: string; shownBytes: number } {
  const notice = handoverNotice(turn, now, translate)
  const text = maskCards(readSoFar(turn.answer).plain, false)
  if (!isVisible(text)) return { content: withPreface(turn, notice), shownBytes: 0 }
  const frame = composeFrame(turn, text, notice, notice)
  return text === turn.answer ? frame : { ...frame, shownBytes: 0 }
}

/**
 * Joins preface, reasoning, text and notice. If that is too long, the text is cut and followed by `cutNotice` instead.
 */
function composeFrame(
  turn: Turn,
  text: string,
  notice: string | undefined,
  cutNotice: string,
): { content: string; shownBytes: number } {
  const whole = withPreface(turn, notice === undefined ? text : withNotice(text, notice))
  if (byteLength(whole) <= limits.streamContentBytes) return { content: whole, shownBytes: byteLength(text) }
  const room = limits.streamContentBytes - byteLength(withPreface(turn, `\n\n${cutNotice}`))
  const head = cutForNotice(text, room)
  return { content: withPreface(turn, withNotice(head, cutNotice)), shownBytes: byteLength(head) }
}

function withPreface({ preface, reasoning }: Turn, content: string): string {
  return [preface, reasoning, content].filter(part => part !== undefined && part !== '').join('\n\n')
}
