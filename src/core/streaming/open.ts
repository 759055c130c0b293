import { limits } from '../../domain/limits.ts'
import type { Inbound } from '../../domain/message.ts'
import { type Command, parseCommand } from '../../domain/policy.ts'
import type { Change, SenderLoad } from '../../domain/ports.ts'
import { formatTurnId } from '../../domain/routing.ts'
import { type DirectMessages, type Thoughts, type Turn, withoutPending } from '../../domain/turn.ts'
import type { Translate } from '../notices/notices.ts'
import { askableAt, fetchJobs, pendingAttachments } from './attachments.ts'
import { type CommandRules, endAtOnce, isReset, authorizeChat, openCommand } from './commands.ts'
import { omitUnsaid, traced } from './advance.ts'

/** How far `create_time` may lie back and still start the window. */
const createTimeTrustMs = 60_000
/** A line that stands for a medium in a mixed message. */
const placeOfMedia = /^\[(?:image|video|file)\]$/gm
/** One busy sentence per user of an app in this time; a bubble has its own each time. */
const busyEveryMs = 600_000

export interface OpenSettings {
  readonly agentId: string
  readonly fallbackAgentId?: string
  readonly sessionKey: string
  readonly streamId: string
  readonly windowMs: number
  readonly handoverMs: number
  readonly openTurnsLimit: number
  readonly perUserPerMinuteLimit: number
  /** How long a question may wait that a direct message can still answer. */
  readonly askWithinMs: number
  readonly dm?: DirectMessages
  readonly thoughts: Thoughts
  /** How long a message that is only media waits for a text of the same sender. */
  readonly joinWindowMs: number
  readonly rules: CommandRules
}

/** Opens the turn of a new message: asked next, joined with the sender's waiting one, a command, or ended with a sentence. */
export function openTurn(inbound: Inbound, standing: SenderLoad, settings: OpenSettings, translate: Translate): Change {
  const command = commandIn(inbound)
  const turn = freshTurn(inbound, standing, settings)
  const isFull = standing.openTurns >= settings.openTurnsLimit
  const isTooMuch = isFull || standing.sentLastMinute >= settings.perUserPerMinuteLimit
  // Whoever has written a lot is the one who needs it, and it asks the agent for nothing.
  if (isTooMuch && command?.name !== 'stop') {
    return endAtOnce(turn, 'busy', { key: 'busy' }, translate, busyId(turn))
  }
  if (command !== undefined) return openCommand(turn, command, standing, settings.rules, translate)
  const { turn: judged, refused } = authorizeChat(turn, settings.rules, translate)
  if (refused !== undefined) return refused
  return turn.text.trim() === ''
    ? endAtOnce(judged, 'empty', { key: 'blank' }, translate)
    : askOrJoin(judged, standing, translate)
}

/**
 * The command among the words, media aside. What stands beside `/new` is asked, with what is quoted; other commands have
 * neither quotes nor media.
 */
export function commandIn({ origin, text, attachments, ...inbound }: Inbound): Command | undefined {
  const words = attachments === undefined ? text : text.replace(placeOfMedia, '').trim()
  const command = origin === 'click' ? undefined : parseCommand(words)
  if (command === undefined || !isReset(command)) return command
  const rest = text.replace(new RegExp(`[/／]${command.name}\\s*`, 'i'), '').trim()
  return { ...command, rest: rest === '' ? '' : allOf(inbound, rest) }
}

function allOf({ before }: Pick<Inbound, 'before'>, text: string): string {
  return [before, text].filter(part => part !== undefined && part.trim() !== '').join('\n')
}

function busyId({ account, sender, receivedAt }: Turn): string {
  return `busy:${account}:${sender.toLowerCase()}:${Math.floor(receivedAt / busyEveryMs)}`
}

function freshTurn(inbound: Inbound, standing: SenderLoad, settings: OpenSettings): Turn {
  const { receivedAt, createdAt, responseUrl } = inbound
  const attachments = pendingAttachments(inbound, settings.streamId)
  const { dm, thoughts, fallbackAgentId } = settings
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
    task: 'ask',
    text: allOf(inbound, inbound.text),
    thoughts,
    answer: '',
    shownBytes: 0,
    receivedAt,
    handoverAt: windowEndAt - settings.handoverMs,
    windowEndAt,
    lastWayUntil: dm === undefined ? responseUntil : receivedAt + settings.askWithinMs,
    ...(fallbackAgentId !== undefined && { fallbackAgentId }),
    ...(responseUrl !== undefined && { responseUrl }),
    ...(attachments.length > 0 && { attachments }),
    ...(inbound.isMediaOnly && { joinUntil: receivedAt + settings.joinWindowMs }),
    ...(dm !== undefined && { dm }),
    trace: [{ at: receivedAt, kind: 'received' }],
    order: standing.nextOrder,
    version: 0,
  }
}

function askOrJoin(fresh: Turn, standing: SenderLoad, translate: Translate): Change {
  const { waiting, unsaid } = standing
  const said = unsaid === undefined ? [] : [omitUnsaid(unsaid)]
  const greeted = unsaid === undefined ? fresh : { ...fresh, preface: translate({ key: 'expired_before' }) }
  const fetches = fetchJobs(fresh)
  if (waiting === undefined || !canJoin(waiting, fresh)) {
    return { save: [queuedToAsk(greeted), ...said], add: fetches }
  }

  const attachments = [...(waiting.attachments ?? []), ...(fresh.attachments ?? [])]
  const joined: Turn = {
    ...greeted,
    text: `${waiting.text}\n\n${fresh.text}`,
    order: waiting.order,
    ...(waiting.preface !== undefined && { preface: waiting.preface }),
    ...(attachments.length > 0 && { attachments }),
  }
  const swallowed = traced(
    { ...withoutPending(waiting), state: 'ended', end: 'merged', endedAt: fresh.receivedAt, mergedInto: fresh.id },
    { at: fresh.receivedAt, kind: 'ended', end: 'merged', into: fresh.id },
  )
  const closed = { ...swallowed, closedWith: waiting.closedWith ?? translate({ key: 'merged' }) }
  return { save: [queuedToAsk(joined), closed, ...said], add: fetches }
}

/** Bot and app of an account share a session, but an answer comes home where its question was asked. */
function canJoin(waiting: Turn, fresh: Turn): boolean {
  return waiting.surface === fresh.surface && waiting.origin === fresh.origin && fresh.origin !== 'click'
}

function queuedToAsk(turn: Turn): Turn {
  return { ...turn, pending: { state: 'queued', dueAt: askableAt(turn) } }
}
