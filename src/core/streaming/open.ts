/**
 * Opens the turn of a new message, and decides what becomes of it: asked, joined, run as a command, or refused.
 *
 * This runs inside the transaction that stores the message, before WeCom gets its 200. It must be fast and pure: the
 * store may call it again, and never calls it for a msgid that it knows. The checks depend on their order:
 *
 * 1. Overload. At a limit the message ends `busy`, and the agent is not asked. `/stop` passes, because a user who has
 *    sent too much needs it most.
 * 2. Commands. A quote or a picture before one does not hide it. They are never merged. `/stop` and `/new` act at once,
 *    past the queue.
 * 3. Access control. A sender whom the policy denies chat gets a notice.
 * 4. A message with nothing to ask, or of a kind that we can't read, ends `empty` with a notice.
 * 5. Joining. A message joins the sender's waiting turn on the same surface, else it is queued. A click never joins.
 *
 * Joining keeps the newer turn, not the older one: its bubble and its response_url are valid for longer, and the user
 * looks at it. It keeps the older one's place in the queue, so that writing again does not cost the user their turn.
 * The older bubble closes with a notice at its next refresh. A turn can be joined until it is claimed, because a claim
 * freezes its question.
 *
 * All deadlines are decided here and stored as wall-clock times. WeCom's window starts when the user's message was
 * sent, not when we received it. `create_time` tells when that was, but its clock is not ours: it counts only if it is
 * 0 to 60 s old.
 */
import { dayMs } from '../../domain/duration.ts'
import { limits } from '../../domain/limits.ts'
import { type Inbound, isOutsider } from '../../domain/message.ts'
import { type Command, isReset, parseCommand } from '../../domain/policy.ts'
import type { Change, SenderLoad } from '../../domain/ports.ts'
import { formatTurnId } from '../../domain/routing.ts'
import { type DirectMessages, type Thoughts, traced, type Turn, withoutPending } from '../../domain/turn.ts'
import { isVisible } from '../../domain/visible.ts'
import type { Translate } from '../notices/notices.ts'
import { askableAt, fetchJobs, pendingAttachments } from './attachments.ts'
import { type CommandRules, endAtOnce, authorizeChat, openCommand } from './commands.ts'
import { omitUnsaid } from './advance.ts'
import { askingOf, openReply, prefaced, showApproval, showWithNext, wasShown } from './reply.ts'

/** The greatest age of a `create_time` that starts the window. */
const createTimeTrustMs = 60_000
/** The line that marks the position of media in a mixed message. */
const placeOfMedia = /^\[(?:image|video|file)\]$/gm
/** An app's user gets at most one busy notice in this time. In a bubble the notice is shown each time. */
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
  /** How long a question may wait if the account has an app, which can answer it late. */
  readonly askWithinMs: number
  readonly dm?: DirectMessages
  readonly thoughts: Thoughts
  /** How long a message with only media waits for a text of the same sender. */
  readonly joinWindowMs: number
  readonly rules: CommandRules
}

/** Opens the turn of a new message. The first saved turn of the result is that turn. */
export function openTurn(inbound: Inbound, standing: SenderLoad, settings: OpenSettings, translate: Translate): Change {
  const command = commandIn(inbound)
  const turn = freshTurn(inbound, standing, settings)
  if (inbound.surface === 'app' && isOutsider(inbound.sender)) {
    return endAtOnce(turn, 'refused', { key: 'outsider' }, translate)
  }
  const isFull = standing.openTurns >= settings.openTurnsLimit
  const isTooMuch = isFull || standing.sentLastMinute >= settings.perUserPerMinuteLimit
  // A user who has sent too much may need `/stop` most, and it does not load the agent.
  if (isTooMuch && command?.name !== 'stop') {
    return endAtOnce(turn, 'busy', { key: 'busy' }, translate, busyId(turn))
  }
  if (command !== undefined) return openCommand(turn, command, standing, settings.rules, translate)
  const { turn: judged, refused } = authorizeChat(turn, settings.rules, translate)
  if (refused !== undefined) return refused
  if (inbound.unknownKind !== undefined) {
    return endAtOnce(judged, 'empty', { key: 'unknown_kind' }, translate, unknownKindId(turn, inbound.unknownKind))
  }
  if (!isVisible(turn.text)) return endAtOnce(judged, 'empty', { key: 'blank' }, translate)
  const asking = inbound.origin === 'click' ? undefined : askingOf(judged, standing.inLane)
  const told = showApproval(judged, standing.inLane, settings.rules.approvals, translate)
  if (asking === undefined) return askOrJoin(told, standing, translate)
  if (wasShown(asking)) return openReply(judged, asking, inbound.text, translate)
  const { asking: shown, next } = showWithNext(asking, told, translate)
  const change = askOrJoin(next, standing, translate)
  return { ...change, save: [...change.save, shown] }
}

/**
 * Finds the command in a message, ignoring its media. The rest of a `/new` or `/reset` includes the quote, because it
 * is asked in the new session. Other commands ignore quotes and media.
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

/** The app explains a kind that it can't read once a day. */
function unknownKindId({ account, sender, receivedAt }: Turn, kind: string): string {
  return `unknown:${account}:${sender.toLowerCase()}:${kind}:${Math.floor(receivedAt / dayMs)}`
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
  const greeted = unsaid === undefined ? fresh : prefaced(fresh, translate({ key: 'expired_before' }))
  const fetches = fetchJobs(fresh)
  if (waiting === undefined || !canJoin(waiting, fresh)) {
    return { save: [queuedToAsk(greeted), ...said], add: fetches }
  }

  const attachments = [...(waiting.attachments ?? []), ...(fresh.attachments ?? [])]
  const joined: Turn = {
    ...(waiting.preface === undefined ? greeted : prefaced(greeted, waiting.preface)),
    text: `${waiting.text}\n\n${fresh.text}`,
    order: waiting.order,
    ...(attachments.length > 0 && { attachments }),
  }
  const swallowed = traced(
    { ...withoutPending(waiting), state: 'ended', end: 'merged', endedAt: fresh.receivedAt, mergedInto: fresh.id },
    { at: fresh.receivedAt, kind: 'ended', end: 'merged', into: fresh.id },
  )
  const closed = { ...swallowed, closedWith: waiting.closedWith ?? translate({ key: 'merged' }) }
  return { save: [queuedToAsk(joined), closed, ...said], add: fetches }
}

/** The Bot and the app share a session, but an answer must be shown where its question was asked. */
function canJoin(waiting: Turn, fresh: Turn): boolean {
  return waiting.surface === fresh.surface && waiting.origin === fresh.origin && fresh.origin !== 'click'
}

function queuedToAsk(turn: Turn): Turn {
  return { ...turn, pending: { state: 'queued', dueAt: askableAt(turn) } }
}
