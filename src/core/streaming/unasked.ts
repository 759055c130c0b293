import type { UnaskedAnswer } from '../../domain/agent.ts'
import type { Delivery } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { Change } from '../../domain/ports.ts'
import { type DirectMessages, isOpen, type Turn } from '../../domain/turn.ts'
import { isVisible } from '../../domain/visible.ts'
import type { Translate } from '../notices/notices.ts'
import { readAnswer } from '../text/answer.ts'
import { isSentinel } from '../text/sentinel.ts'
import { advance } from './advance.ts'

/** How near the end of a turn an equal text is the answer of that turn, read a second time. */
const sameAnswerMs = 60_000

/** Where an unasked answer goes, and as whose turn it is stored. */
export interface UnaskedPlace
  extends Pick<Turn, 'id' | 'account' | 'agentId' | 'sessionKey' | 'conversation' | 'sender' | 'surface' | 'streamId'> {
  readonly order: number
  readonly dm?: DirectMessages
  /** A turn whose `response_url` may be used. */
  readonly lender?: Turn
}

/** True if the agent has something to tell: not for an empty text or a sentinel. */
export function saysSomething({ text, files }: UnaskedAnswer): boolean {
  const { plain } = readAnswer(text)
  return files.length > 0 || (isVisible(plain) && !isSentinel(plain))
}

/** True if this is how one of these turns was answered, under an id that the gateway chose. */
export function isKnownAnswer({ text, at }: UnaskedAnswer, turns: readonly Turn[]): boolean {
  const { plain } = readAnswer(text)
  return turns.some(
    ({ origin, answer, endedAt }) =>
      origin !== 'agent' &&
      endedAt !== undefined &&
      Math.abs(endedAt - at) < sameAnswerMs &&
      answer.trim() === plain.trim(),
  )
}

/** True for a turn that ended and left its `response_url` unused. */
export function lendsResponseUrl(turn: Turn, deliveries: readonly Delivery[], now: number): boolean {
  const { responseUrl, card, state, end, receivedAt } = turn
  if (responseUrl === undefined || now >= receivedAt + limits.responseUrlMs) return false
  if (isOpen({ state, isOver: end !== undefined }) || (card !== undefined && card.state !== 'direct')) return false
  return deliveries.every(({ route, finishedAt }) => finishedAt !== undefined && route !== 'response_url')
}

/**
 * Opens a turn for what the agent said unasked. It has no question and no bubble: its answer becomes deliveries at once.
 * The lender of a `response_url` gives it away.
 */
export function openUnasked(said: UnaskedAnswer, place: UnaskedPlace, now: number, translate: Translate): Change {
  const { lender, dm, ...own } = place
  const turn: Turn = {
    ...own,
    origin: 'agent',
    msgid: said.runId,
    state: 'asking',
    task: 'ask',
    text: '',
    thoughts: 'hide',
    answer: '',
    shownBytes: 0,
    receivedAt: now,
    handoverAt: now,
    windowEndAt: now,
    lastWayUntil: now,
    ...(dm !== undefined && { dm }),
    ...(lender?.responseUrl !== undefined && {
      responseUrl: lender.responseUrl,
      responseUntil: lender.receivedAt + limits.responseUrlMs,
    }),
    trace: [{ at: now, kind: 'unasked', run: said.runId }],
    version: 0,
  }
  const search = { runIds: [said.runId], named: [], others: 'unlikely' } as const
  const end = { kind: 'answered', text: said.text, files: said.files, search } as const
  const change = advance(turn, { kind: 'run_ended', at: now, end, chunks: 0 }, translate)
  if (change === undefined) throw new Error('a new turn did not end')
  if (lender === undefined) return change
  const { responseUrl: _, ...spent } = lender
  return { ...change, save: [...change.save, spent] }
}
