import type { Delivery, DeliveryBody, MediaMessage, Message } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import { formatTarget, type Target } from '../../domain/target.ts'
import { type DirectMessages, hasBubble, type ReplyFormat, type Turn } from '../../domain/turn.ts'
import { nextPart } from './attempt.ts'
import { nextRoute, routesUpTo } from './routes.ts'
import type { Translate } from '../notices/notices.ts'
import { planMessages } from './messages.ts'
import { queued } from './queued.ts'
import { byteLength, cutAfter, cutHead } from '../text/split.ts'

/**
 * The deliveries that bring home what a bubble did not show. What no way can carry becomes a dead delivery at once, so
 * that an operator sees it.
 */
export function planDeliveries(turn: Turn, now: number, translate: Translate): readonly Delivery[] {
  if (turn.answer === '' && turn.files !== undefined) return [] // its files go by themselves
  const way = nextRoute(turn, [], now)
  switch (way) {
    case 'app':
      return planDirect(turn, turn.answer, now, translate)
    case 'response_url':
      return planResponse(turn, turn.answer, now, translate, nextRoute(turn, [way], now) === 'app')
    case undefined:
      return [deadLetter(turn, cutAfter(turn.answer, turn.shownBytes), now)]
    default:
      return way satisfies never
  }
}

/**
 * What goes on by the next way after `failed`; empty when there is none. With `whole` only what
 * that way carries without a loss: the app may still bring the answer later.
 */
export function planAfter(
  turn: Turn,
  failed: Delivery,
  whole: boolean,
  now: number,
  translate: Translate,
): readonly Delivery[] {
  const way = nextRoute(turn, routesUpTo(turn, failed.route), now)
  if (way === undefined) return []
  if (way === 'app') return planDirect(turn, turn.answer, now, translate)
  const planned = planResponse(turn, untold(turn, failed), now, translate)
  return whole && planned.some(delivery => delivery.dead) ? [] : planned
}

/** A sentence of ours for the sender, where there is no bubble to say it; without an app nobody can say it. */
export function planNotice(turn: Turn, sentence: string, now: number, id = `${turn.id}:notice`): readonly Delivery[] {
  if (turn.dm === undefined) return []
  const { turn: ofTurn, ...notice } = directMessage(turn, [{ kind: 'text', content: sentence }], now, turn.dm)
  const isOwn = id.startsWith(`${turn.id}:`)
  return [{ ...notice, id, ...(isOwn && { turn: ofTurn }) }]
}

/** A sentence for the sender of a message that has no bubble, and nothing else to be said. */
export function planNoticeAnyRoute(turn: Turn, sentence: string, now: number, id?: string): readonly Delivery[] {
  if (turn.dm !== undefined) return planNotice(turn, sentence, now, id)
  if (nextRoute(turn, [], now) !== 'response_url') return []
  return [toResponse(turn, { kind: 'markdown', url: turn.responseUrl ?? '', content: sentence }, now)]
}

/** The whole answer as a direct message; a preface that no bubble could show stands before it. */
export function planDirect(turn: Turn, answer: string, now: number, translate: Translate): readonly Delivery[] {
  if (turn.dm === undefined) return []
  const text = turn.preface === undefined || hasBubble(turn) ? answer : `${turn.preface}\n\n${answer}`
  return [directMessage(turn, withCard(turn, text, turn.dm.format, translate), now, turn.dm)]
}

/** The answer as messages; its card is the last of them, and stands in none of the others. */
function withCard({ card, answer }: Turn, text: string, format: ReplyFormat, translate: Translate): readonly Message[] {
  if (card?.state !== 'direct') return planMessages(text, format, translate)
  const before = text.slice(0, text.length - answer.length) + card.around
  const inWords = planMessages(card.inWords, 'text', translate).flatMap(message =>
    'content' in message ? [message.content] : [],
  )
  return [...planMessages(before, format, translate), { kind: 'card', card: card.card, inWords }]
}

/** One file as a direct message of its own. */
export function planMedia(turn: Turn, id: string, media: MediaMessage, now: number, dm: DirectMessages): Delivery {
  return { ...directMessage(turn, [media], now, dm), id }
}

function directMessage(
  turn: Turn,
  messages: readonly Message[],
  now: number,
  { deliverWithinMs }: DirectMessages,
): ReturnType<typeof queued> {
  const to: Target = { kind: 'user', ids: [turn.sender] }
  return queued(turn, {
    id: `${turn.id}:app`,
    route: 'app',
    body: { kind: 'messages', to, messages },
    lane: laneOf('app', turn.account, to),
    order: orderAt(now),
    dueAt: now,
    expiresAt: now + deliverWithinMs,
  })
}

/** Where something stands in its lane; there is room for a thousand in a millisecond. */
export function orderAt(now: number): number {
  return now * 1000
}

/** What goes to one target goes in order. */
export function laneOf(route: Delivery['route'], account: string, to: Target): string {
  return `${route}:${account}:${formatTarget(to).toLowerCase()}`
}

/** What `splitParts` begins each part with. */
const partNumber = /^\(\d+\/\d+\)\n/

/** What of an answer has not arrived: all of it when nothing has. */
function untold(turn: Turn, failed: Delivery): string {
  const next = nextPart(failed) ?? 1
  if (failed.body.kind !== 'messages' || next === 1) return turn.answer
  return failed.body.messages
    .slice(next - 1)
    .map(message => textOf(message).replace(partNumber, ''))
    .join('')
}

function textOf(message: Message): string {
  if (message.kind === 'text' || message.kind === 'markdown') return message.content
  if (message.kind === 'card') return message.inWords?.map(part => part.replace(partNumber, '')).join('') ?? ''
  return message.kind === 'media' && message.source.kind === 'text' ? message.source.content : ''
}

/**
 * The whole when it fits, else what the bubble did not show; a response_url takes one body and no second. What is too
 * much comes by direct message where `byApp` says so.
 */
function planResponse(
  turn: Turn,
  answer: string,
  now: number,
  translate: Translate,
  byApp = false,
): readonly Delivery[] {
  const url = turn.responseUrl ?? ''
  const fits = byteLength(answer) <= limits.responseMarkdownBytes
  const wanted = fits || answer !== turn.answer ? answer : cutAfter(answer, turn.shownBytes)
  if (byteLength(wanted) <= limits.responseMarkdownBytes)
    return [toResponse(turn, { kind: 'markdown', url, content: wanted }, now)]

  const notice = `\n\n${translate({ key: byApp ? 'continued' : 'overflow_lost' })}`
  const head = cutHead(wanted, limits.responseMarkdownBytes - byteLength(notice))
  return [
    toResponse(turn, { kind: 'markdown', url, content: head + notice }, now),
    ...(byApp ? planDirect(turn, answer, now, translate) : [deadLetter(turn, cutAfter(wanted, byteLength(head)), now)]),
  ]
}

function toResponse(turn: Turn, body: DeliveryBody, now: number, name = 'response_url'): Delivery {
  return queued(turn, {
    id: `${turn.id}:${name}`,
    route: 'response_url',
    body,
    lane: `${turn.id}:home`,
    dueAt: now,
    expiresAt: turn.receivedAt + limits.responseUrlMs,
  })
}

/** What nothing could carry. */
function deadLetter(turn: Turn, content: string, now: number): Delivery {
  const letter = toResponse(turn, { kind: 'remainder', content }, now, 'remainder')
  return { ...letter, state: 'refused', dead: true, finishedAt: now }
}
