/** Replies of users to what their agent asks in the middle of a run. */
import type { Change } from '../../domain/ports.ts'
import {
  type AgentQuestion,
  type AskedQuestion,
  hasOpenBubble,
  isUnclaimed,
  traced,
  type Turn,
} from '../../domain/turn.ts'
import type { Approval } from '../../domain/agent.ts'
import { queuedJob } from '../fallback/queued.ts'
import type { Translate } from '../notices/notices.ts'
import { advance } from './advance.ts'
import { formatApproval } from './approval.ts'
import { askableAt } from './attachments.ts'
import { formatAsked, nextItem, readReply } from './question.ts'

/** A turn whose run asks its user something. */
export type AskingTurn = Turn & { readonly agentAsks: AskedQuestion }

/** True while a run goes on, so that it can ask its user something. */
export function isRunning(turn: Turn): boolean {
  return turn.end === undefined && !isUnclaimed(turn)
}

/** Notes what the run of a turn asks. The replies to a question that is reported again are kept. */
export function noteQuestion(turn: Turn, question: AgentQuestion): Change | undefined {
  if (!isRunning(turn) || turn.agentAsks?.question.id === question.id) return undefined
  return { save: [{ ...turn, agentAsks: { question, replies: {} } }] }
}

/** Forgets a question that is over. */
export function forgetQuestion(turn: Turn, { id }: AgentQuestion): Change | undefined {
  if (turn.agentAsks?.question.id !== id) return undefined
  const { agentAsks: _, ...rest } = turn
  return { save: [rest] }
}

/** The turn that asks the sender of a message; in a group only one that answers the same person. Files are no reply. */
export function askingOf(message: Turn, inLane: () => readonly Turn[]): AskingTurn | undefined {
  if (message.attachments !== undefined) return undefined
  return inLane().find((one): one is AskingTurn => {
    const { agentAsks: asked } = one
    if (asked === undefined || !isOwnRun(one, message)) return false
    return nextItem(asked) !== undefined && asked.question.expiresAt > message.receivedAt
  })
}

function isOwnRun(turn: Turn, { sender, sessionKey }: Turn): boolean {
  return isRunning(turn) && turn.sessionKey === sessionKey && turn.sender.toLowerCase() === sender.toLowerCase()
}

/**
 * Shows the sender of a message, before its answer, the command that their run waits with. It is for runs whose bubble is
 * closed, and without an app.
 */
export function showApproval(
  message: Turn,
  inLane: () => readonly Turn[],
  approvals: readonly Approval[],
  translate: Translate,
): Turn {
  const own = approvals.filter(({ sessionKey }) => sessionKey === message.sessionKey.toLowerCase())
  if (own.length === 0) return message
  const unseen = inLane().filter(one => isOwnRun(one, message) && !hasOpenBubble(one) && one.dm === undefined)
  const approval = own.find(({ runId }) => unseen.some(({ id }) => runId === undefined || runId === id))
  return approval === undefined ? message : prefaced(message, formatApproval(approval, translate))
}

/** A turn whose bubble shows one more notice before the answer. */
export function prefaced(turn: Turn, notice: string): Turn {
  const { preface } = turn
  if (preface?.includes(notice)) return turn
  return { ...turn, preface: preface === undefined ? notice : `${preface}\n${notice}` }
}

/** True if the user has seen the question: in a bubble that is open, as a direct message, or before another answer. */
export function wasShown(turn: AskingTurn): boolean {
  return hasOpenBubble(turn) || turn.dm !== undefined || turn.agentAsks.isShown === true
}

/** Shows a question that nobody has seen before the answer to the next message, which stays a question of its own. */
export function showWithNext(turn: AskingTurn, next: Turn, translate: Translate): { asking: Turn; next: Turn } {
  const shown = { ...turn, agentAsks: { ...turn.agentAsks, isShown: true } } as const
  return { asking: shown, next: prefaced(next, formatAsked(turn, translate) ?? '') }
}

/** Opens a message that replies to a question. Once every item has a reply, a job tells the gateway. */
export function openReply(message: Turn, turn: AskingTurn, text: string, translate: Translate): Change {
  const at = message.receivedAt
  const { agentAsks: asked } = turn
  const item = nextItem(asked)
  const replies = item ? { ...asked.replies, [item.id]: readReply(item, text) } : asked.replies
  const replied = { ...turn, agentAsks: { ...asked, replies } }
  const next = formatAsked(replied, translate)
  if (next !== undefined) {
    const end = { kind: 'answered', text: next } as const
    const ended = advance(message, { kind: 'run_ended', at, end, chunks: 0 }, translate)
    return { ...ended, save: [...(ended?.save ?? [message]), replied] }
  }
  const { id, expiresAt } = asked.question
  const job = queuedJob(message, {
    id: `${message.id}:answer`,
    queue: 'approval',
    body: { kind: 'answer', question: id, answers: replies },
    dueAt: at,
    expiresAt,
  })
  return { save: [{ ...message, task: 'reply' }, replied], add: [job] }
}

/** Applies what became of a reply. One that came too late is asked as a question of its own, so that no word is lost. */
export function replySettled(turn: Turn, isTaken: boolean, at: number, translate: Translate): Change | undefined {
  if (turn.task !== 'reply' || turn.end !== undefined) return undefined
  if (!isTaken) {
    const pending = { state: 'queued', dueAt: askableAt(turn) } as const
    return {
      save: [traced({ ...turn, task: 'ask', state: 'waiting', pending }, { at, kind: 'reply', outcome: 'gone' })],
    }
  }
  const text = translate({ key: 'question_answered' })
  const change = advance(turn, { kind: 'run_ended', at, end: { kind: 'answered', text }, chunks: 0 }, translate)
  return change && { ...change, save: change.save.map(one => traced(one, { at, kind: 'reply', outcome: 'done' })) }
}
