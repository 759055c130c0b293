import type { Delivery } from '../domain/delivery.ts'
import { limits } from '../domain/limits.ts'
import type { Inbound } from '../domain/message.ts'
import { isCommand } from '../domain/policy.ts'
import type { Change, Standing } from '../domain/ports.ts'
import { formatTurnId } from '../domain/routing.ts'
import { type DirectMessages, hasBubble, type Turn, type TurnEnd } from '../domain/turn.ts'
import type { Notice, Say } from '../fallback/notice.ts'
import { planNotice } from './home.ts'
import { askId, omitUnsaid, traced } from './turn.ts'

/** How far `create_time` may lie back and still start the window. */
const createTimeTrustMs = 60_000
/** One busy sentence per user of an app in this time; a bubble has its own each time. */
const busyEveryMs = 600_000

export interface OpenSettings {
  readonly agentId: string
  readonly sessionKey: string
  readonly streamId: string
  readonly windowMs: number
  readonly handoverMs: number
  readonly openTurnsLimit: number
  readonly perUserPerMinuteLimit: number
  /** How long a question may wait that a direct message can still answer. */
  readonly askWithinMs: number
  readonly dm?: DirectMessages
  readonly thoughts?: 'hide' | 'show'
}

/** Opens the turn of a new message: asked next, joined with the sender's waiting one, or refused with a sentence. */
export function openTurn(inbound: Inbound, standing: Standing, settings: OpenSettings, say: Say): Change {
  const turn = freshTurn(inbound, standing, settings)
  if (standing.openTurns >= settings.openTurnsLimit || standing.sentLastMinute >= settings.perUserPerMinuteLimit) {
    return refuse(turn, 'busy', { key: 'busy' }, say)
  }
  if (inbound.origin !== 'click' && isCommand(inbound.text)) return refuse(turn, 'refused', { key: 'command' }, say)
  return askOrJoin(turn, standing, say)
}

function freshTurn(inbound: Inbound, standing: Standing, settings: OpenSettings): Turn {
  const { receivedAt, createdAt, responseUrl, attachments } = inbound
  const { dm, thoughts } = settings
  const ageMs = createdAt === undefined ? -1 : receivedAt - createdAt
  const windowStart = createdAt !== undefined && ageMs >= 0 && ageMs <= createTimeTrustMs ? createdAt : receivedAt
  const windowEndAt = windowStart + settings.windowMs
  const responseUntil = responseUrl === undefined ? windowEndAt : receivedAt + limits.responseUrlMs
  return {
    id: formatTurnId(inbound.account, inbound.msgid),
    account: inbound.account,
    surface: inbound.surface,
    origin: inbound.origin,
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
    lastWayUntil: dm === undefined ? responseUntil : receivedAt + settings.askWithinMs,
    ...(responseUrl !== undefined && { responseUrl }),
    ...(attachments !== undefined && { attachments }),
    ...(dm !== undefined && { dm }),
    ...(thoughts !== undefined && { thoughts }),
    trace: [{ at: receivedAt, kind: 'received' }],
    order: standing.nextOrder,
    version: 0,
  }
}

/** Where there is no bubble to say so, a direct message does. */
function refuse(turn: Turn, end: TurnEnd, notice: Notice, say: Say): Change {
  const sentence = say(notice)
  const refused = traced(
    { ...turn, state: 'ended', end, endedAt: turn.receivedAt, closedWith: sentence },
    { at: turn.receivedAt, kind: 'ended', end },
  )
  if (hasBubble(turn)) return { save: [refused] }
  const period = Math.floor(turn.receivedAt / busyEveryMs)
  const id = end === 'busy' ? `busy:${turn.account}:${turn.sender.toLowerCase()}:${period}` : undefined
  return { save: [refused], add: planNotice(turn, sentence, turn.receivedAt, id) }
}

function askOrJoin(fresh: Turn, standing: Standing, say: Say): Change {
  const { waiting, unsaid } = standing
  const said = unsaid === undefined ? [] : [omitUnsaid(unsaid)]
  const greeted = unsaid === undefined ? fresh : { ...fresh, preface: say({ key: 'expired_before' }) }
  if (waiting === undefined || !canJoin(waiting, fresh))
    return { save: [greeted, ...said], add: [askDelivery(greeted)] }

  const attachments = [...(waiting.attachments ?? []), ...(fresh.attachments ?? [])]
  const joined: Turn = {
    ...greeted,
    text: `${waiting.text}\n\n${fresh.text}`,
    order: waiting.order,
    ...(waiting.preface !== undefined && { preface: waiting.preface }),
    ...(attachments.length > 0 && { attachments }),
  }
  const swallowed = traced(
    { ...waiting, state: 'ended', end: 'merged', endedAt: fresh.receivedAt },
    { at: fresh.receivedAt, kind: 'ended', end: 'merged', into: fresh.id },
  )
  const closed = { ...swallowed, closedWith: waiting.closedWith ?? say({ key: 'merged' }) }
  return { save: [joined, closed, ...said], add: [askDelivery(joined)], drop: [askId(waiting.id)] }
}

/** Bot and app of an account share a session, but an answer comes home where its question was asked. */
function canJoin(waiting: Turn, fresh: Turn): boolean {
  return waiting.surface === fresh.surface && waiting.origin === fresh.origin && fresh.origin !== 'click'
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
