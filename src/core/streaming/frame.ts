import type { Approval } from '../../domain/agent.ts'
import { limits } from '../../domain/limits.ts'
import type { Frame } from '../../domain/message.ts'
import { isUnclaimed, type Phase, type Turn } from '../../domain/turn.ts'
import { nextRoute } from '../fallback/routes.ts'
import type { Translate } from '../notices/notices.ts'
import { formatApproval } from './approval.ts'
import { askableAt } from './attachments.ts'
import { maskCards } from '../cards/find.ts'
import { noticeOfFiles } from './files.ts'
import { presentReasoning, splitReasoning, trimPartialTag } from '../text/reasoning.ts'
import { byteLength, cutHead } from '../text/split.ts'

/** How long a silent bubble keeps its first content, and how long a lost link goes without being mentioned. */
const silentMs = 5_000
const offlineMs = 10_000
/** How long an end that may become a card is held back. */
const cardHoldMs = 2_000

/** The newest snapshot of a running answer; only the node that follows the run has it. */
export interface Live {
  readonly text: string
  readonly phase?: Phase
  /** When the text last grew. */
  readonly textAt?: number
}

/** What a frame depends on besides the turn. */
export interface View {
  readonly now: number
  readonly placeholder: string
  readonly live?: Live
  /** Since when the agent cannot be reached. */
  readonly offlineSince?: number
  /** The run waits for approval of this command. */
  readonly approval?: Approval
}

/** The default first content: the client's thinking animation, which no text may follow. */
const animation = '<think></think>'

/** The answer to the message itself, and to its repeats: always the same. */
export function firstFrame(turn: Turn, placeholder: string): Frame {
  // What ends with a sentence at once does so in its first frame; what was joined with the next message had one before.
  const isOver = turn.state === 'ended' && turn.endedAt === turn.receivedAt && turn.end !== 'merged'
  return isOver && turn.closedWith !== undefined
    ? { streamId: turn.streamId, content: turn.closedWith, finish: true }
    : { streamId: turn.streamId, content: placeholder, finish: false, feedbackId: `${feedbackPrefix}${turn.streamId}` }
}

/** The buttons appear only where the id begins with this; seen in one company, unverified. */
const feedbackPrefix = 'trace_'

/** The stream of the answer that a feedback is about; undefined when the id is none of ours. */
export function streamOfFeedback(id: string): string | undefined {
  return id.startsWith(feedbackPrefix) ? id.slice(feedbackPrefix.length) : undefined
}

/** What a refresh shows now. A closing turn must be advanced by `served` first: this then shows what it closed with. */
export function streamFrame(turn: Turn, view: View, translate: Translate): Frame {
  if (turn.closedWith !== undefined) return { streamId: turn.streamId, content: turn.closedWith, finish: true }
  return { streamId: turn.streamId, content: openContent(turn, view, translate), finish: false }
}

function openContent(turn: Turn, view: View, translate: Translate): string {
  const said = view.live?.text ?? turn.answer
  const { reasoning, plain } = splitReasoning(turn.end === undefined ? trimPartialTag(said) : said)
  const text = maskCards(plain, isFresh(view))
  const notice =
    approvalNotice(turn, view, translate) ?? (isOffline(turn, view) ? translate({ key: 'offline' }) : undefined)
  const thinking = { ...turn, reasoning: turn.reasoning ?? presentReasoning(reasoning, turn.thoughts) }
  if (!isVisible(text)) {
    const content = notice ?? silentContent(thinking, view, translate)
    return withPreface(thinking, content === animation && thinking.preface !== undefined ? '' : content)
  }
  return composeFrame(thinking, text, notice, withNotice(notice, translate({ key: 'truncated' }))).content
}

/** What may be the beginning of a card is held back for a moment, until more of it says what it is. */
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

/** What a notice says, also where the text had to be cut. */
function withNotice(notice: string | undefined, cut: string): string {
  return notice === undefined ? cut : `${cut}\n\n${notice}`
}

function isOffline(turn: Turn, view: View): boolean {
  return view.offlineSince !== undefined && view.now - Math.max(view.offlineSince, turn.receivedAt) >= offlineMs
}

/** What a bubble closes with when the run is over, and how much of the answer that shows. */
export function finishContent(turn: Turn, now: number, translate: Translate): { content: string; shownBytes: number } {
  const more = translate({ key: nextRoute(turn, [], now) === undefined ? 'overflow_lost' : 'continued' })
  const files = noticeOfFiles(turn, translate)
  if (files === undefined) return composeFrame(turn, turn.answer, undefined, more)
  if (!isVisible(turn.answer)) return { content: withPreface(turn, files), shownBytes: byteLength(turn.answer) }
  return composeFrame(turn, turn.answer, files, `${files}\n\n${more}`)
}

/** The sentence that sends the user elsewhere for the answer. */
function handoverNotice(turn: Turn, now: number, translate: Translate): string {
  return translate({ key: nextRoute(turn, [], now) === undefined ? 'moved_lost' : 'moved' })
}

/** What a bubble says when its answer is known and goes another way, because nobody fetched it. */
export function unfetchedNotice(turn: Turn, now: number, translate: Translate): string {
  return translate({ key: nextRoute(turn, [], now) === undefined ? 'moved_lost' : 'moved_whole' })
}

/** What a bubble closes with while the run goes on. */
export function handoverContent(
  turn: Turn,
  now: number,
  translate: Translate,
): { content: string; shownBytes: number } {
  const notice = handoverNotice(turn, now, translate)
  const text = maskCards(splitReasoning(turn.answer).plain, false)
  if (!isVisible(text)) return { content: withPreface(turn, notice), shownBytes: 0 }
  const frame = composeFrame(turn, text, notice, notice)
  return text === turn.answer ? frame : { ...frame, shownBytes: 0 }
}

/** Preface, text, notice; when that is too much, the beginning of the text and `cutNotice`. */
function composeFrame(
  turn: Turn,
  text: string,
  notice: string | undefined,
  cutNotice: string,
): { content: string; shownBytes: number } {
  const whole = withPreface(turn, notice === undefined ? text : `${text}\n\n${notice}`)
  if (byteLength(whole) <= limits.streamContentBytes) return { content: whole, shownBytes: byteLength(text) }
  const around = byteLength(withPreface(turn, `\n\n${cutNotice}`))
  const head = cutHead(text, limits.streamContentBytes - around)
  return { content: withPreface(turn, `${head}\n\n${cutNotice}`), shownBytes: byteLength(head) }
}

function withPreface({ preface, reasoning }: Turn, content: string): string {
  return [preface, reasoning, content].filter(part => part !== undefined && part !== '').join('\n\n')
}

/** Spaces and zero-width characters do not replace the client's thinking animation. */
export function isVisible(text: string): boolean {
  return /[^\s\u200b-\u200f\u2060\ufeff]/.test(text)
}
