import type { Delivery } from '../domain/delivery.ts'
import { limits } from '../domain/limits.ts'
import type { Inbound } from '../domain/message.ts'
import { isCommand } from '../domain/policy.ts'
import type { Change, RunEnd, Standing } from '../domain/ports.ts'
import { formatTurnId } from '../domain/routing.ts'
import type { TraceEvent, Turn, TurnEnd } from '../domain/turn.ts'
import type { Notice, Say } from '../fallback/notice.ts'
import { finishContent, handoverContent, isVisible, unfetchedNotice } from './frame.ts'
import { planHome } from './home.ts'

/** A finish frame that nobody fetches for this long goes another way. */
const unfetchedMs = 20_000
/** More takeovers of one run than this are not worth a line each. */
const tracedResumes = 10
/** How far `create_time` may lie back and still start the window. */
const createTimeTrustMs = 60_000

export interface OpenSettings {
  readonly agentId: string
  readonly sessionKey: string
  readonly streamId: string
  readonly windowMs: number
  readonly handoverMs: number
  readonly openTurnsLimit: number
  readonly perUserPerMinuteLimit: number
}

/** Everything that can happen to a turn after it was opened. `at` is epoch ms. */
export type TurnEvent =
  | { readonly kind: 'claimed'; readonly at: number; readonly question: string }
  | { readonly kind: 'asked'; readonly at: number; readonly bootId: string }
  | { readonly kind: 'text'; readonly at: number; readonly text: string }
  | { readonly kind: 'resumed'; readonly at: number }
  | { readonly kind: 'run_ended'; readonly at: number; readonly end: RunEnd; readonly chunks: number }
  | { readonly kind: 'served'; readonly at: number }
  | { readonly kind: 'deadline'; readonly at: number }

/** Opens the turn of a new message: asked next, joined with the sender's waiting one, or refused with a sentence. */
export function openTurn(inbound: Inbound, standing: Standing, settings: OpenSettings, say: Say): Change {
  const turn = freshTurn(inbound, standing, settings)
  if (standing.openTurns >= settings.openTurnsLimit || standing.sentLastMinute >= settings.perUserPerMinuteLimit) {
    return { save: [refuse(turn, 'busy', { key: 'busy' }, say)] }
  }
  if (isCommand(inbound.text)) return { save: [refuse(turn, 'refused', { key: 'command' }, say)] }
  return askOrJoin(turn, standing, say)
}

function freshTurn(inbound: Inbound, standing: Standing, settings: OpenSettings): Turn {
  const { receivedAt, createdAt } = inbound
  const ageMs = createdAt === undefined ? -1 : receivedAt - createdAt
  const windowStart = createdAt !== undefined && ageMs >= 0 && ageMs <= createTimeTrustMs ? createdAt : receivedAt
  const windowEndAt = windowStart + settings.windowMs
  return {
    id: formatTurnId(inbound.account, inbound.msgid),
    account: inbound.account,
    surface: inbound.surface,
    origin: 'message',
    conversation: inbound.conversation,
    sender: inbound.sender,
    msgid: inbound.msgid,
    streamId: settings.streamId,
    agentId: settings.agentId,
    sessionKey: settings.sessionKey,
    state: 'waiting',
    text: inbound.text,
    answer: '',
    shownBytes: 0,
    receivedAt,
    handoverAt: windowEndAt - settings.handoverMs,
    windowEndAt,
    lastWayUntil: inbound.responseUrl === undefined ? windowEndAt : receivedAt + limits.responseUrlMs,
    ...(inbound.responseUrl !== undefined && { responseUrl: inbound.responseUrl }),
    trace: [{ at: receivedAt, kind: 'received' }],
    order: standing.nextOrder,
    version: 0,
  }
}

function refuse(turn: Turn, end: TurnEnd, notice: Notice, say: Say): Turn {
  return traced(
    { ...turn, state: 'ended', end, endedAt: turn.receivedAt, closedWith: say(notice) },
    { at: turn.receivedAt, kind: 'ended', end },
  )
}

function askOrJoin(fresh: Turn, standing: Standing, say: Say): Change {
  const { waiting, unsaid } = standing
  const said = unsaid === undefined ? [] : [omitUnsaid(unsaid)]
  const greeted = unsaid === undefined ? fresh : { ...fresh, preface: say({ key: 'expired_before' }) }
  if (waiting === undefined) return { save: [greeted, ...said], add: [askDelivery(greeted)] }

  const joined: Turn = {
    ...greeted,
    text: `${waiting.text}\n\n${fresh.text}`,
    order: waiting.order,
    ...(waiting.preface !== undefined && { preface: waiting.preface }),
  }
  const swallowed = traced(
    { ...waiting, state: 'ended', end: 'merged', endedAt: fresh.receivedAt },
    { at: fresh.receivedAt, kind: 'ended', end: 'merged', into: fresh.id },
  )
  const closed = { ...swallowed, closedWith: waiting.closedWith ?? say({ key: 'merged' }) }
  return { save: [joined, closed, ...said], add: [askDelivery(joined)], drop: [askId(waiting.id)] }
}

function omitUnsaid(turn: Turn): Turn {
  const { unsaid: _, ...rest } = turn
  return rest
}

/** The id of the delivery that asks the agent for a turn. */
function askId(turnId: string): string {
  return `${turnId}:gateway`
}

function askDelivery(turn: Turn): Delivery {
  return {
    id: askId(turn.id),
    turn: turn.id,
    account: turn.account,
    route: 'gateway',
    state: 'queued',
    dead: false,
    body: { kind: 'ask' },
    lane: turn.sessionKey,
    order: turn.order,
    dueAt: turn.receivedAt,
    expiresAt: turn.lastWayUntil,
    attempts: [],
    createdAt: turn.receivedAt,
  }
}

/** Several events at once, as one change. */
export function advanceThrough(turn: Turn, events: readonly TurnEvent[], say: Say): Change | undefined {
  let latest = turn
  let whole: Change | undefined
  for (const event of events) {
    const change = advance(latest, event, say)
    if (change === undefined) continue
    latest = change.save[0] ?? latest
    whole = {
      save: [latest],
      add: [...(whole?.add ?? []), ...(change.add ?? [])],
      drop: [...(whole?.drop ?? []), ...(change.drop ?? [])],
    }
  }
  return whole
}

/** What an event makes of a turn; undefined when it changes nothing, as every repeat of an event does. */
export function advance(turn: Turn, event: TurnEvent, say: Say): Change | undefined {
  switch (event.kind) {
    case 'claimed':
      return claim(turn, event.at, event.question)
    case 'asked':
      return turn.asked?.bootId === event.bootId ? undefined : mark(turn, event.at, event.bootId)
    case 'text':
      return showText(turn, event.at, event.text)
    case 'resumed':
      return resume(turn, event.at)
    case 'run_ended':
      return turn.end === undefined ? endRun(turn, event, say) : undefined
    case 'served':
      return serve(turn, event.at, say)
    case 'deadline':
      return meetDeadline(turn, event.at, say)
    default:
      return event satisfies never
  }
}

/** The first claim freezes the question; a later one finds a run that somebody left. */
function claim(turn: Turn, at: number, question: string): Change | undefined {
  if (turn.end !== undefined) return undefined
  if (turn.question !== undefined) return turn.asked === undefined ? undefined : resume(turn, at)
  const state = turn.state === 'waiting' ? 'asking' : turn.state
  return { save: [traced({ ...turn, state, question }, { at, kind: 'routed', agent: turn.agentId })] }
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

function endRun(turn: Turn, event: Extract<TurnEvent, { kind: 'run_ended' }>, say: Say): Change {
  const { at } = event
  if (event.end.kind === 'expired' && turn.closedWith !== undefined) return expire(turn, at, say)
  const { end, text } = outcomeOf(turn, event.end, say)
  const over = traced(
    { ...turn, end, endedAt: at, answer: text },
    { at, kind: 'chunks', count: event.chunks },
    { at, kind: 'final', end, bytes: Buffer.byteLength(text) },
  )
  if (turn.closedWith === undefined) return { save: [{ ...over, state: 'closing' }] }
  // The bubble closed earlier: whatever that frame showed must be a beginning of the answer to count as shown.
  const shown = Buffer.from(turn.answer).subarray(0, turn.shownBytes).toString()
  const shownBytes = text.startsWith(shown) ? turn.shownBytes : 0
  return finishAway({ ...over, shownBytes }, at, say)
}

function outcomeOf(turn: Turn, end: RunEnd, say: Say): { end: TurnEnd; text: string } {
  switch (end.kind) {
    case 'answered':
      return isVisible(end.text) ? { end: 'answered', text: end.text } : { end: 'empty', text: say({ key: 'empty' }) }
    case 'empty':
      return { end: 'empty', text: say({ key: 'empty' }) }
    case 'expired':
      return { end: 'expired', text: say({ key: 'expired' }) }
    case 'failed':
      return { end: 'failed', text: after(end.text || turn.answer, say({ key: failures[end.reason] })) }
    case 'stopped':
      return { end: 'stopped', text: after(end.text || turn.answer, say({ key: 'stopped' })) }
    default:
      return end satisfies never
  }
}

const failures = { error: 'failed', lost: 'lost', timeout: 'timeout', agent_unknown: 'agent_unknown' } as const

function after(text: string, sentence: string): string {
  return isVisible(text) ? `${text}\n\n${sentence}` : sentence
}

/** A finish frame leaves: what it shows is decided for good, and what it could not show becomes a delivery. */
function serve(turn: Turn, at: number, say: Say): Change | undefined {
  const wasServed = turn.trace.some(event => event.kind === 'frame_finished')
  if (wasServed || (turn.closedWith === undefined && turn.state !== 'closing')) return undefined
  const served = traced(omitUnsaid(turn), { at, kind: 'frame_finished' })
  if (turn.state !== 'closing') return { save: [withShown(served, at, say)] }

  const { content, shownBytes } = finishContent(turn, at, say)
  const closed: Turn = { ...served, closedWith: content, shownBytes }
  if (shownBytes < Buffer.byteLength(turn.answer)) return finishAway(closed, at, say)
  return { save: [traced({ ...closed, state: 'shown' }, { at, kind: 'ended', end: turn.end })] }
}

/** A moved bubble counts as seen only from the moment its last frame was fetched while the run was still going on. */
function withShown(turn: Turn, at: number, say: Say): Turn {
  if (turn.state !== 'moved' || turn.end !== undefined) return turn
  return { ...turn, shownBytes: handoverContent(turn, at, say).shownBytes }
}

function meetDeadline(turn: Turn, at: number, say: Say): Change | undefined {
  const due = nextDeadline(turn)
  if (due === undefined || at < due) return undefined
  if (turn.state === 'closing') {
    return finishAway({ ...turn, closedWith: unfetchedNotice(turn, at, say), shownBytes: 0 }, at, say)
  }
  if (turn.question === undefined && at >= turn.lastWayUntil) return expire(turn, at, say)
  const { content } = handoverContent(turn, at, say)
  return { save: [traced({ ...turn, state: 'moved', closedWith: content }, { at, kind: 'moved', why: 'handover' })] }
}

function expire(turn: Turn, at: number, say: Say): Change {
  const closedWith = turn.closedWith ?? say({ key: 'expired' })
  const expired: Turn = { ...turn, state: 'ended', end: 'expired', endedAt: at, closedWith, unsaid: true }
  return { save: [traced(expired, { at, kind: 'ended', end: 'expired' })], drop: [askId(turn.id)] }
}

/** The answer is known and the bubble cannot carry (all of) it. */
function finishAway(turn: Turn, at: number, say: Say): Change {
  const deliveries = planHome(turn, at, say)
  const lost = deliveries.some(delivery => delivery.dead)
  const route = deliveries.find(delivery => !delivery.dead)?.route ?? 'none'
  const moved = traced(
    { ...turn, state: 'moved' },
    { at, kind: 'moved', route },
    { at, kind: 'ended', end: turn.end, ...(lost && { lost }) },
  )
  return { save: [moved], add: deliveries }
}

/** When the clock alone will next change this turn. */
export function nextDeadline(turn: Turn): number | undefined {
  if (turn.state === 'shown' || turn.state === 'ended') return undefined
  if (turn.state === 'closing') return Math.min((turn.endedAt ?? 0) + unfetchedMs, turn.windowEndAt)
  if (turn.end !== undefined) return undefined
  const closesAt = turn.closedWith === undefined ? turn.handoverAt : undefined
  const expiresAt = turn.question === undefined ? turn.lastWayUntil : undefined
  if (closesAt === undefined) return expiresAt
  return expiresAt === undefined ? closesAt : Math.min(closesAt, expiresAt)
}

function traced(turn: Turn, ...events: readonly TraceEvent[]): Turn {
  return { ...turn, trace: [...turn.trace, ...events] }
}
