/**
 * The state machine of a turn: applies one event, and returns what to save and what to send.
 *
 * One answer changes from many sides, in any order: refreshes by WeCom, text and the end of the run from the gateway,
 * fetched files, delivery outcomes, deadlines. Each event may be repeated, come late, or be cut off by a crash. What
 * makes it hard:
 *
 * - WeCom polls the bubble, and may stop at any time. An answer in a finish frame that was not fetched is not
 *   delivered.
 * - The bubble closes 30 s before WeCom's window ends, but a run may take an hour. Its answer then needs another route.
 * - A bubble holds 20,480 bytes. The rest needs another route too.
 * - The text is not the end: files are known up to 2 s later and fetched within a minute, and a card needs 5 s. The
 *   bubble can show them only if it waits.
 * - Two events at the same time read the same turn. The save of one fails, and its event is applied again.
 *
 * Invariants:
 *
 * - `advance` is pure. The time is in the event, and the store may call it again for the same event.
 * - An event that was applied before, or comes too late, returns undefined. So repeats need no special code. (`resumed`
 *   and a second `claimed` are no repeats: each is a restart, which the trace shows.)
 * - `end` and `closedWith` are set once. `closedWith` is saved before its frame leaves, so a repeated refresh shows the
 *   same.
 * - Once the run is over, every byte of the answer is in a finish frame that was served (`shownBytes`), or in a delivery.
 *   Text does not count as shown because it streamed, but only when its finish frame is fetched.
 * - A complete answer that leaves its bubble is planned in the same commit: as a delivery by the next route, or as a
 *   dead letter.
 * - Every end is visible: an answer, or a notice with the reason why it is missing.
 *
 * States: waiting → asking → streaming → closing → shown. A bubble that closes earlier makes the turn `moved`; its run
 * then continues, and the answer becomes deliveries. `ended` means that the agent did not answer. docs/behaviour.md
 * describes the life of a bubble, docs/adr/0003-a-turn-is-a-pure-function.md the decision.
 */
import type { RunEnd } from '../../domain/agent.ts'
import type { Delivery } from '../../domain/delivery.ts'
import type { Job } from '../../domain/job.ts'
import type { Change } from '../../domain/ports.ts'
import {
  hasBubble,
  hasOpenBubble,
  isUnclaimed,
  traced,
  tracedUpTo,
  type Turn,
  withoutPending,
} from '../../domain/turn.ts'
import type { Translate } from '../notices/notices.ts'
import type { PreparedQuestion } from './attachments.ts'
import { planCard, settleCard } from '../cards/route.ts'
import { filesFound, type Look, planFiles } from './file-search.ts'
import {
  type Collected,
  type FileOutcome,
  fileCollected,
  fileSettled,
  lostFilesNotice,
  stopWaiting,
  unshowPictures,
  waitsForFiles,
} from './files.ts'
import { nextDeadline, waitsForCard } from './deadlines.ts'
import { finishContent, handoverContent, unfetchedNotice } from './frame.ts'
import { planDeliveries } from '../fallback/plan.ts'
import { after, outcomeOf } from './run-end.ts'

/** How many times the trace shows that a run was resumed. */
const maxTracedResumes = 10

/** What can happen to a turn after it was opened. `at` is epoch ms. */
export type TurnEvent =
  | { readonly kind: 'claimed'; readonly at: number; readonly prepared: PreparedQuestion }
  | { readonly kind: 'asked'; readonly at: number; readonly bootId: string }
  | { readonly kind: 'text'; readonly at: number; readonly text: string }
  | { readonly kind: 'resumed'; readonly at: number }
  /** The gateway ended the run before it began, because its config changed. */
  | { readonly kind: 'asked_again'; readonly at: number }
  | { readonly kind: 'run_ended'; readonly at: number; readonly end: RunEnd; readonly chunks: number }
  /** The agent was asked again which files of the answer it hands over. */
  | ({ readonly kind: 'files_found' } & Look)
  /** A refresh is about to be answered. */
  | { readonly kind: 'served'; readonly at: number }
  /** The outcome of its card is known. */
  | { readonly kind: 'card_settled'; readonly at: number; readonly arrived: boolean }
  /** A file of its answer was fetched from the agent, or can't be. */
  | { readonly kind: 'file_collected'; readonly at: number; readonly file: string; readonly collected: Collected }
  /** The outcome of a direct message with a file is known. */
  | { readonly kind: 'file_settled'; readonly at: number; readonly file: string; readonly fate: FileOutcome }
  | { readonly kind: 'deadline'; readonly at: number }

/** Returns the turn with its end marked as seen by the user. */
export function omitUnsaid(turn: Turn): Turn {
  const { unsaid: _, ...rest } = turn
  return rest
}

/** Applies several events as one change. Returns undefined if none of them changes anything. */
export function advanceAll(turn: Turn, events: readonly TurnEvent[], translate: Translate): Change | undefined {
  let latest = turn
  let total: Change | undefined
  for (const event of events) {
    const change = advance(latest, event, translate)
    if (change === undefined) continue
    latest = change.save[0] ?? latest
    total = { save: [latest], add: [...(total?.add ?? []), ...(change.add ?? [])] }
  }
  return total
}

/** Applies an event to a turn. Returns undefined if it changes nothing, as for a repeat. */
export function advance(turn: Turn, event: TurnEvent, translate: Translate): Change | undefined {
  switch (event.kind) {
    case 'claimed':
      return claim(turn, event.at, event.prepared)
    case 'asked':
      return turn.asked?.bootId === event.bootId ? undefined : markAsked(turn, event.at, event.bootId)
    case 'text':
      return showText(turn, event.at, event.text)
    case 'asked_again':
      return { save: [traced(turn, { at: event.at, kind: 'asked_again', why: 'config' })] }
    case 'resumed':
      return resume(turn, event.at)
    case 'run_ended':
      return turn.end === undefined ? endRun(turn, event, translate) : undefined
    case 'files_found':
      return findFiles(turn, event, translate)
    case 'served':
      return serve(turn, event.at, translate)
    case 'card_settled':
      return applyCardOutcome(turn, event, translate)
    case 'file_collected':
      return addCollected(turn, event, translate)
    case 'file_settled': {
      const step = fileSettled(turn, event.file, event.fate, event.at, translate)
      return step && { save: [traced(step.turn, { at: event.at, kind: 'file', state: event.fate })], add: step.add }
    }
    case 'deadline':
      return handleDeadline(turn, event.at, translate)
    default:
      return event satisfies never
  }
}

/** The first claim freezes the question. A later one resumes a run whose worker is gone. */
function claim(turn: Turn, at: number, prepared: PreparedQuestion): Change | undefined {
  if (turn.end !== undefined) return undefined
  if (turn.asked !== undefined) return resume(turn, at)
  if (!isUnclaimed(turn) && turn.state !== 'waiting') return undefined
  const state = turn.state === 'waiting' ? 'asking' : turn.state
  return {
    save: [traced({ ...turn, state, ...(isUnclaimed(turn) && prepared) }, { at, kind: 'routed', agent: turn.agentId })],
  }
}

function markAsked(turn: Turn, at: number, bootId: string): Change {
  return { save: [traced({ ...turn, asked: { at, bootId } }, { at, kind: 'asked', boot: bootId })] }
}

function resume(turn: Turn, at: number): Change | undefined {
  const resumed = tracedUpTo(maxTracedResumes, turn, { at, kind: 'resumed' })
  return resumed && { save: [resumed] }
}

function showText(turn: Turn, at: number, text: string): Change | undefined {
  const isGrowing = turn.state === 'asking' || turn.state === 'streaming'
  if (!isGrowing || text === turn.answer) return undefined
  const next: Turn = { ...turn, state: 'streaming', answer: text }
  return { save: [turn.answer === '' ? traced(next, { at, kind: 'first_text' }) : next] }
}

function endRun(turn: Turn, event: Extract<TurnEvent, { kind: 'run_ended' }>, translate: Translate): Change {
  const { at } = event
  const isBubbleOpen = hasOpenBubble(turn)
  if (event.end.kind === 'expired' && !isBubbleOpen) return expire(turn, at, translate)
  const { end, text: answer, reasoning, files, failure } = outcomeOf(turn, event.end, translate)
  const { answer: text, card, add: cards = [] } = planCard(turn, answer, at, translate)
  const ended = traced(
    {
      ...turn,
      end,
      endedAt: at,
      answer: text,
      ...(reasoning && { reasoning }),
      ...(card !== undefined && { card }),
      ...(failure && { failure }),
    },
    { at, kind: 'chunks', count: event.chunks },
    { at, kind: 'final', end, bytes: Buffer.byteLength(text), ...failure },
  )
  const search = 'search' in event.end ? event.end.search : undefined
  const { turn: over, add: collects } = planFiles(ended, files ?? [], search, at)
  if (isBubbleOpen) return { save: [{ ...over, state: 'closing' }], add: [...cards, ...collects] }
  if (!hasBubble(turn)) return moveAnswer(withLostFiles(over, translate), at, translate, collects)
  // The bubble closed during the run. The text that it showed counts only if the answer still begins with it.
  const shown = Buffer.from(turn.answer).subarray(0, turn.shownBytes).toString()
  const shownBytes = text.startsWith(shown) ? turn.shownBytes : 0
  return moveAnswer(withLostFiles({ ...over, shownBytes }, translate), at, translate, collects)
}

/** Adds the files of an answer whose text is known, and may have been delivered already. */
function findFiles(turn: Turn, look: Look, translate: Translate): Change | undefined {
  const step = filesFound(turn, look, translate)
  return step && { save: [step.turn], add: step.add }
}

/** Adds a notice about files that can't be delivered to the answer, because no bubble shows one. */
function withLostFiles(turn: Turn, translate: Translate): Turn {
  const notice = lostFilesNotice(turn, translate)
  return notice === '' ? turn : { ...turn, answer: after(turn.answer, notice) }
}

function applyCardOutcome(
  turn: Turn,
  { at, arrived }: Extract<TurnEvent, { kind: 'card_settled' }>,
  translate: Translate,
): Change | undefined {
  const settled = settleCard(turn, arrived, translate)
  return settled && { save: [traced(settled, { at, kind: 'card', arrived })] }
}

function addCollected(
  turn: Turn,
  { at, file, collected }: Extract<TurnEvent, { kind: 'file_collected' }>,
  translate: Translate,
): Change | undefined {
  const step = fileCollected(turn, file, collected, at, translate)
  if (step === undefined) return undefined
  const { state, problem } = step.turn.files?.find(one => one.file === file) ?? {}
  return { save: [traced(step.turn, { at, kind: 'file', state, ...(problem && { problem }) })], add: step.add }
}

/** A refresh gets the finish frame: its content is final from now on, and the rest of the answer becomes deliveries. */
function serve(turn: Turn, at: number, translate: Translate): Change | undefined {
  if (turn.finishServedAt !== undefined || (turn.closedWith === undefined && turn.state !== 'closing')) return undefined
  if (waitsForCard(turn) || waitsForFiles(turn)) return undefined
  const served = traced({ ...omitUnsaid(turn), finishServedAt: at }, { at, kind: 'frame_finished' })
  if (turn.state !== 'closing') return { save: [withShown(served, at, translate)] }

  const { content, shownBytes } = finishContent(turn, at, translate)
  const closed: Turn = { ...served, closedWith: content, shownBytes }
  if (shownBytes < Buffer.byteLength(turn.answer)) return moveAnswer(closed, at, translate)
  return { save: [traced({ ...closed, state: 'shown' }, { at, kind: 'ended', end: turn.end })] }
}

/** Sets how much of the answer a handed-over bubble shows, now that its finish frame is fetched during the run. */
function withShown(turn: Turn, at: number, translate: Translate): Turn {
  if (turn.state !== 'moved' || turn.end !== undefined) return turn
  return { ...turn, shownBytes: handoverContent(turn, at, translate).shownBytes }
}

function handleDeadline(turn: Turn, at: number, translate: Translate): Change | undefined {
  const due = nextDeadline(turn)
  if (due === undefined || at < due) return undefined
  if (waitsForCard(turn) && at >= (turn.card?.waitUntil ?? 0)) {
    return applyCardOutcome(turn, { kind: 'card_settled', at, arrived: false }, translate)
  }
  if (waitsForFiles(turn)) return { save: [stopWaiting(turn, at)] }
  if (turn.state === 'closing') {
    const closed: Turn = { ...turn, closedWith: unfetchedNotice(turn, at, translate), shownBytes: 0 }
    const { turn: unshown, add } = unshowPictures(closed, at)
    return moveAnswer(withLostFiles(unshown, translate), at, translate, add)
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

/** Plans the deliveries of a complete answer that the bubble does not show, or not completely. */
function moveAnswer(turn: Turn, at: number, translate: Translate, files: readonly (Delivery | Job)[] = []): Change {
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
