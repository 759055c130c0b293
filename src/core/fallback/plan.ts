import type { Delivery, DeliveryBody, MediaMessage, Message } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import { formatTarget, type Target } from '../../domain/target.ts'
import { type DirectMessages, hasBubble, type ReplyFormat, type Turn } from '../../domain/turn.ts'
import { nextPart } from './attempt.ts'
import { nextRoute, responseUntilOf, routesUpTo } from './routes.ts'
import type { Translate } from '../notices/notices.ts'
import { planMessages } from './messages.ts'
import { queuedDelivery } from './queued.ts'
import { cutForNotice, openFence, withNotice } from '../text/fences.ts'
import { byteLength, cutAfter, cutHead } from '../text/split.ts'

/**
 * Plans the deliveries of an answer that its bubble did not show, or not completely. Text that no route can deliver
 * becomes a dead letter at once, so that an operator sees it.
 */
export function planDeliveries(turn: Turn, now: number, translate: Translate): readonly Delivery[] {
  if (turn.answer === '' && turn.files !== undefined) return [] // each file is a delivery of its own
  const route = nextRoute(turn, [], now)
  switch (route) {
    case 'app':
      return planDirectMessage(turn, turn.answer, now, translate)
    case 'response_url':
      return planResponse(turn, turn.answer, now, translate, nextRoute(turn, [route], now) === 'app')
    case undefined:
      return [deadLetter(turn, cutAfter(turn.answer, turn.shownBytes), now)]
    default:
      return route satisfies never
  }
}

/**
 * Plans the deliveries by the next route after `failed`; none if no route is left. With `whole`, the route is used only
 * if it can deliver everything: the app was not refused for good, and may still deliver the answer later.
 */
export function planFallback(
  turn: Turn,
  failed: Delivery,
  whole: boolean,
  now: number,
  translate: Translate,
): readonly Delivery[] {
  const route = nextRoute(turn, routesUpTo(turn, failed.route), now)
  if (route === undefined) return []
  if (route === 'app') return planDirectMessage(turn, turn.answer, now, translate)
  const planned = planResponse(turn, remainderOf(turn, failed), now, translate)
  return whole && planned.some(delivery => delivery.dead) ? [] : planned
}

/**
 * Plans a notice to the sender as a direct message; nothing if the account has no app. An `id` that does not begin with
 * the turn's is for a notice that several turns share: it is sent once, and belongs to none of them.
 */
export function planNotice(
  turn: Turn,
  text: string,
  now: number,
  translate: Translate,
  id = `${turn.id}:notice`,
): readonly Delivery[] {
  if (turn.dm === undefined) return []
  const { turn: turnId, ...notice } = directMessage(turn, planMessages(text, 'text', translate), now, turn.dm)
  const isOwn = id.startsWith(`${turn.id}:`)
  return [{ ...notice, id, ...(isOwn && { turn: turnId }) }]
}

/**
 * Plans a notice that is the whole answer to a message without a bubble. It may therefore use the response_url, which
 * an answer would need.
 */
export function planNoticeAnyRoute(
  turn: Turn,
  text: string,
  now: number,
  translate: Translate,
  id?: string,
): readonly Delivery[] {
  if (turn.dm !== undefined) return planNotice(turn, text, now, translate, id)
  if (nextRoute(turn, [], now) !== 'response_url') return []
  const content = cutForNotice(text, limits.responseMarkdownBytes)
  return [toResponse(turn, { kind: 'markdown', url: turn.responseUrl ?? '', content }, now)]
}

/** Plans the whole answer as a direct message. If there is no bubble for the preface, it comes before the answer. */
export function planDirectMessage(turn: Turn, answer: string, now: number, translate: Translate): readonly Delivery[] {
  if (turn.dm === undefined) return []
  const text = turn.preface === undefined || hasBubble(turn) ? answer : `${turn.preface}\n\n${answer}`
  return [directMessage(turn, withCard(turn, text, turn.dm.format, translate), now, turn.dm)]
}

/** The answer as messages. Its card comes last, and its readable text is in none of the others. */
function withCard({ card, answer }: Turn, text: string, format: ReplyFormat, translate: Translate): readonly Message[] {
  if (card?.state !== 'direct') return planMessages(text, format, translate)
  // `text` ends with the answer, in which the card is readable text.
  const before = text.slice(0, text.length - answer.length) + card.around
  const inWords = planMessages(card.inWords, 'text', translate).flatMap(message =>
    'content' in message ? [message.content] : [],
  )
  return [...planMessages(before, format, translate), { kind: 'card', card: card.card, inWords }]
}

/** Plans one file as a direct message. */
export function planMedia(turn: Turn, id: string, media: MediaMessage, now: number, dm: DirectMessages): Delivery {
  return { ...directMessage(turn, [media], now, dm), id }
}

function directMessage(
  turn: Turn,
  messages: readonly Message[],
  now: number,
  { deliverWithinMs }: DirectMessages,
): ReturnType<typeof queuedDelivery> {
  const to: Target = { kind: 'user', ids: [turn.sender] }
  return queuedDelivery(turn, {
    id: `${turn.id}:app`,
    route: 'app',
    body: { kind: 'messages', to, messages },
    lane: laneOf('app', turn.account, to),
    order: orderAt(now),
    dueAt: now,
    expiresAt: now + deliverWithinMs,
  })
}

/** Returns the place in a lane of a delivery created at `now`, with room for a thousand per millisecond. */
export function orderAt(now: number): number {
  return now * 1000
}

/** Returns the lane of a target. Messages to one target are sent in order, one at a time. */
export function laneOf(route: Delivery['route'], account: string, to: Target): string {
  return `${route}:${account}:${formatTarget(to).toLowerCase()}`
}

/** The line with which `splitParts` begins each part. */
const partNumber = /^\(\d+\/\d+\)\n/

/** The text of the parts that have not arrived; the whole answer if none has. */
function remainderOf(turn: Turn, failed: Delivery): string {
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
 * Plans one message for the response_url: the whole answer if it fits, else what the bubble did not show. The rest
 * becomes a direct message if `overflowsToApp`, else a dead letter, because a second body is not accepted.
 */
function planResponse(
  turn: Turn,
  answer: string,
  now: number,
  translate: Translate,
  overflowsToApp = false,
): readonly Delivery[] {
  const url = turn.responseUrl ?? ''
  const fits = byteLength(answer) <= limits.responseMarkdownBytes
  const text = fits || answer !== turn.answer ? answer : unshownOf(turn)
  if (byteLength(text) <= limits.responseMarkdownBytes)
    return [toResponse(turn, { kind: 'markdown', url, content: text }, now)]

  const notice = translate({ key: overflowsToApp ? 'continued' : 'overflow_lost' })
  const head = cutForNotice(text, limits.responseMarkdownBytes - byteLength(`\n\n${notice}`))
  return [
    toResponse(turn, { kind: 'markdown', url, content: withNotice(head, notice) }, now),
    ...(overflowsToApp
      ? planDirectMessage(turn, answer, now, translate)
      : [deadLetter(turn, cutAfter(text, byteLength(head)), now)]),
  ]
}

/** The part of an answer that its bubble did not show. A code block that was cut is opened again. */
function unshownOf({ answer, shownBytes }: Turn): string {
  const fence = shownBytes === 0 ? undefined : openFence(cutHead(answer, shownBytes))
  return `${fence === undefined ? '' : `${fence.opening}\n`}${cutAfter(answer, shownBytes)}`
}

function toResponse(turn: Turn, body: DeliveryBody, now: number, name = 'response_url'): Delivery {
  return queuedDelivery(turn, {
    id: `${turn.id}:${name}`,
    route: 'response_url',
    body,
    lane: `${turn.id}:home`,
    dueAt: now,
    expiresAt: responseUntilOf(turn),
  })
}

/** Text that no route can deliver, kept for the operator. */
function deadLetter(turn: Turn, content: string, now: number): Delivery {
  const letter = toResponse(turn, { kind: 'remainder', content }, now, 'remainder')
  return { ...letter, state: 'refused', dead: true, finishedAt: now }
}
