import type { AgentFile, RunEnd } from '../../domain/agent.ts'
import type { Delivery } from '../../domain/delivery.ts'
import type { Job } from '../../domain/job.ts'
import type { Change } from '../../domain/ports.ts'
import { hasBubble, isUnclaimed, type TraceEvent, type Turn, withoutPending } from '../../domain/turn.ts'
import type { Translate } from '../notices/notices.ts'
import type { PreparedQuestion } from './attachments.ts'
import { planCard, settleCard } from '../cards/route.ts'
import {
  type Collected,
  type FileOutcome,
  fileCollected,
  fileSettled,
  filesFound,
  lookForFiles,
  lostFilesNotice,
  planFiles,
  stopWaiting,
  unshowPictures,
  waitsForFiles,
} from './files.ts'
import { nextDeadline, waitsForCard } from './deadlines.ts'
import { finishContent, handoverContent, unfetchedNotice } from './frame.ts'
import { planDeliveries } from '../fallback/plan.ts'
import { after, outcomeOf } from './run-end.ts'

/** More takeovers of one run than this are not worth a line each. */
const tracedResumes = 10

/** Everything that can happen to a turn after it was opened. `at` is epoch ms. */
export type TurnEvent =
  | { readonly kind: 'claimed'; readonly at: number; readonly prepared: PreparedQuestion }
  | { readonly kind: 'asked'; readonly at: number; readonly bootId: string }
  | { readonly kind: 'text'; readonly at: number; readonly text: string }
  | { readonly kind: 'resumed'; readonly at: number }
  /** `isLooking`: its files are told later, by `files_found`. */
  | {
      readonly kind: 'run_ended'
      readonly at: number
      readonly end: RunEnd
      readonly chunks: number
      readonly isLooking?: boolean
    }
  | { readonly kind: 'files_found'; readonly at: number; readonly files: readonly AgentFile[] }
  | { readonly kind: 'served'; readonly at: number }
  /** Its card has arrived in the chat, or the platform did not take it. */
  | { readonly kind: 'card_settled'; readonly at: number; readonly arrived: boolean }
  /** A file of its answer has come from the agent, or cannot be had. */
  | { readonly kind: 'file_collected'; readonly at: number; readonly file: string; readonly collected: Collected }
  /** A file of its answer has arrived as a direct message, or will not. */
  | { readonly kind: 'file_settled'; readonly at: number; readonly file: string; readonly fate: FileOutcome }
  | { readonly kind: 'deadline'; readonly at: number }

export function omitUnsaid(turn: Turn): Turn {
  const { unsaid: _, ...rest } = turn
  return rest
}

/** Several events at once, as one change. */
export function advanceThrough(turn: Turn, events: readonly TurnEvent[], translate: Translate): Change | undefined {
  let latest = turn
  let whole: Change | undefined
  for (const event of events) {
    const change = advance(latest, event, translate)
    if (change === undefined) continue
    latest = change.save[0] ?? latest
    whole = { save: [latest], add: [...(whole?.add ?? []), ...(change.add ?? [])] }
  }
  return whole
}

/** What an event makes of a turn; undefined when it changes nothing, as every repeat of an event does. */
export function advance(turn: Turn, event: TurnEvent, translate: Translate): Change | undefined {
  switch (event.kind) {
    case 'claimed':
      return claim(turn, event.at, event.prepared)
    case 'asked':
      return turn.asked?.bootId === event.bootId ? undefined : mark(turn, event.at, event.bootId)
    case 'text':
      return showText(turn, event.at, event.text)
    case 'resumed':
      return resume(turn, event.at)
    case 'run_ended':
      return turn.end === undefined ? endRun(turn, event, translate) : undefined
    case 'files_found':
      return findFiles(turn, event, translate)
    case 'served':
      return serve(turn, event.at, translate)
    case 'card_settled':
      return cardSettled(turn, event, translate)
    case 'file_collected':
      return collect(turn, event, translate)
    case 'file_settled': {
      const settled = fileSettled(turn, event.file, event.fate, event.at)
      return settled && { save: [traced(settled, { at: event.at, kind: 'file', state: event.fate })] }
    }
    case 'deadline':
      return meetDeadline(turn, event.at, translate)
    default:
      return event satisfies never
  }
}

/** The first claim freezes the question; a later one finds a run that somebody left. */
function claim(turn: Turn, at: number, prepared: PreparedQuestion): Change | undefined {
  if (turn.end !== undefined) return undefined
  if (turn.asked !== undefined) return resume(turn, at)
  if (!isUnclaimed(turn) && turn.state !== 'waiting') return undefined
  const state = turn.state === 'waiting' ? 'asking' : turn.state
  return {
    save: [traced({ ...turn, state, ...(isUnclaimed(turn) && prepared) }, { at, kind: 'routed', agent: turn.agentId })],
  }
}

function mark(turn: Turn, at: number, bootId: string): Change {
  return { save: [traced({ ...turn, asked: { at, bootId } }, { at, kind: 'asked', boot: bootId })] }
}

function resume(turn: Turn, at: number): Change | undefined {
  const known = turn.trace.filter(event => event.kind === 'resumed').length
  return known < tracedResumes ? { save: [traced(turn, { at, kind: 'resumed' })] } : undefined
}

function showText(turn: Turn, at: number, text: string): Change | undefined {
  const isGrowing = turn.state === 'asking' || turn.state === 'streaming'
  if (!isGrowing || text === turn.answer) return undefined
  const next: Turn = { ...turn, state: 'streaming', answer: text }
  return { save: [turn.answer === '' ? traced(next, { at, kind: 'first_text' }) : next] }
}

function endRun(turn: Turn, event: Extract<TurnEvent, { kind: 'run_ended' }>, translate: Translate): Change {
  const { at } = event
  const isUnseen = turn.closedWith !== undefined || !hasBubble(turn)
  if (event.end.kind === 'expired' && isUnseen) return expire(turn, at, translate)
  const { end, text: said, reasoning, files } = outcomeOf(turn, event.end, translate)
  const { answer: text, card, add: cards = [] } = planCard(turn, said, at, translate)
  const ended = traced(
    { ...turn, end, endedAt: at, answer: text, ...(reasoning && { reasoning }), ...(card !== undefined && { card }) },
    { at, kind: 'chunks', count: event.chunks },
    { at, kind: 'final', end, bytes: Buffer.byteLength(text) },
  )
  const { turn: over, add: collects } = event.isLooking ? lookForFiles(ended, at) : planFiles(ended, files ?? [], at)
  if (!hasBubble(turn)) return finishAway(withLoss(over, translate), at, translate, collects)
  if (turn.closedWith === undefined) return { save: [{ ...over, state: 'closing' }], add: [...cards, ...collects] }
  // The bubble closed earlier: whatever that frame showed must be a beginning of the answer to count as shown.
  const shown = Buffer.from(turn.answer).subarray(0, turn.shownBytes).toString()
  const shownBytes = text.startsWith(shown) ? turn.shownBytes : 0
  return finishAway(withLoss({ ...over, shownBytes }, translate), at, translate, collects)
}

/** The files of an answer whose text went home meanwhile, or stands in a bubble that waits. */
function findFiles(
  turn: Turn,
  { at, files }: Extract<TurnEvent, { kind: 'files_found' }>,
  translate: Translate,
): Change | undefined {
  const step = filesFound(turn, files, at, translate)
  return step && { save: [step.turn], add: step.add }
}

/** Where no bubble says which files will not come, the answer does. */
function withLoss(turn: Turn, translate: Translate): Turn {
  const loss = lostFilesNotice(turn, translate)
  return loss === '' ? turn : { ...turn, answer: after(turn.answer, loss) }
}

function cardSettled(
  turn: Turn,
  { at, arrived }: Extract<TurnEvent, { kind: 'card_settled' }>,
  translate: Translate,
): Change | undefined {
  const settled = settleCard(turn, arrived, translate)
  return settled && { save: [traced(settled, { at, kind: 'card', arrived })] }
}

function collect(
  turn: Turn,
  { at, file, collected }: Extract<TurnEvent, { kind: 'file_collected' }>,
  translate: Translate,
): Change | undefined {
  const step = fileCollected(turn, file, collected, at, translate)
  if (step === undefined) return undefined
  const { state, problem } = step.turn.files?.find(one => one.file === file) ?? {}
  return { save: [traced(step.turn, { at, kind: 'file', state, ...(problem && { problem }) })], add: step.add }
}

/** A finish frame leaves: what it shows is decided for good, and what it could not show becomes a delivery. */
function serve(turn: Turn, at: number, translate: Translate): Change | undefined {
  if (turn.finishServedAt !== undefined || (turn.closedWith === undefined && turn.state !== 'closing')) return undefined
  if (waitsForCard(turn) || waitsForFiles(turn)) return undefined
  const served = traced({ ...omitUnsaid(turn), finishServedAt: at }, { at, kind: 'frame_finished' })
  if (turn.state !== 'closing') return { save: [withShown(served, at, translate)] }

  const { content, shownBytes } = finishContent(turn, at, translate)
  const closed: Turn = { ...served, closedWith: content, shownBytes }
  if (shownBytes < Buffer.byteLength(turn.answer)) return finishAway(closed, at, translate)
  return { save: [traced({ ...closed, state: 'shown' }, { at, kind: 'ended', end: turn.end })] }
}

/** A moved bubble counts as seen only from the moment its last frame was fetched while the run was still going on. */
function withShown(turn: Turn, at: number, translate: Translate): Turn {
  if (turn.state !== 'moved' || turn.end !== undefined) return turn
  return { ...turn, shownBytes: handoverContent(turn, at, translate).shownBytes }
}

function meetDeadline(turn: Turn, at: number, translate: Translate): Change | undefined {
  const due = nextDeadline(turn)
  if (due === undefined || at < due) return undefined
  if (waitsForCard(turn) && at >= (turn.card?.waitUntil ?? 0)) {
    return cardSettled(turn, { kind: 'card_settled', at, arrived: false }, translate)
  }
  if (waitsForFiles(turn)) return { save: [stopWaiting(turn, at)] }
  if (turn.state === 'closing') {
    const closed: Turn = { ...turn, closedWith: unfetchedNotice(turn, at, translate), shownBytes: 0 }
    const { turn: unshown, add } = unshowPictures(closed, at)
    return finishAway(withLoss(unshown, translate), at, translate, add)
  }
  if (isUnclaimed(turn) && at >= turn.lastWayUntil) return expire(turn, at, translate)
  const { content } = handoverContent(turn, at, translate)
  return { save: [traced({ ...turn, state: 'moved', closedWith: content }, { at, kind: 'moved', why: 'handover' })] }
}

function expire(turn: Turn, at: number, translate: Translate): Change {
  const closedWith = turn.closedWith ?? translate({ key: 'expired' })
  const expired: Turn = {
    ...withoutPending(turn),
    state: 'ended',
    end: 'expired',
    endedAt: at,
    closedWith,
    unsaid: true,
  }
  return { save: [traced(expired, { at, kind: 'ended', end: 'expired' })] }
}

/** The answer is known and the bubble cannot carry (all of) it. */
function finishAway(turn: Turn, at: number, translate: Translate, files: readonly (Delivery | Job)[] = []): Change {
  const deliveries = planDeliveries(turn, at, translate)
  const lost = deliveries.some(delivery => delivery.dead)
  const route = deliveries.find(delivery => !delivery.dead)?.route ?? 'none'
  const moved = traced(
    { ...turn, state: 'moved', ...(lost && { lost }) },
    { at, kind: 'moved', route },
    { at, kind: 'ended', end: turn.end, ...(lost && { lost }) },
  )
  return { save: [moved], add: [...deliveries, ...files] }
}

export function traced(turn: Turn, ...events: readonly TraceEvent[]): Turn {
  return { ...turn, trace: [...turn.trace, ...events] }
}
