import type { Delivery } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { Click } from '../../domain/message.ts'
import { hasOpenBubble, type Turn, type TurnCard } from '../../domain/turn.ts'
import { type AnswerRoute, nextRoute } from '../fallback/routes.ts'
import type { Translate } from '../notices/notices.ts'
import { shapeCard } from './shape.ts'
import { describeCard } from './text.ts'
import { type Piece, splitCards } from './find.ts'
import type { RawCard } from './source.ts'
import { queuedDelivery } from '../fallback/queued.ts'

/** How long a bubble waits for the outcome of its card. */
const bubbleWaitsMs = 5_000

/** The answer without card JSON, and its first card if a route can deliver it. */
export interface CardPlan {
  readonly answer: string
  readonly card?: TurnCard
  readonly add?: readonly Delivery[]
}

/**
 * Plans how the cards in an answer are delivered. The first one is sent as a card: by response_url while the bubble is
 * open, else in the direct message. It becomes readable text if no route can deliver it, and so do all further cards.
 */
export function planCard(turn: Turn, text: string, now: number, translate: Translate): CardPlan {
  const pieces = text.includes('template_card') ? splitCards(text) : []
  const first = pieces.find(piece => piece.kind === 'card')
  const isPlain = pieces.every(piece => piece.kind === 'text')
  if (first === undefined) return { answer: isPlain ? text : asText(pieces, translate) }
  const words = asText(pieces, translate)
  const route = routeOfCard(turn, now)
  const shaped = route === undefined ? undefined : shape(turn, first.card, route)
  if (route === undefined || shaped === undefined) return { answer: words }
  const around = asText(
    pieces.filter(piece => piece !== first),
    translate,
  )
  const state = route === 'app' ? 'direct' : 'pending'
  const card: TurnCard = { ...shaped, state, around, words, inWords: describeCard(first.card, translate) }
  if (route === 'app') return { answer: words, card }
  const waitUntil = now + bubbleWaitsMs
  return { answer: around, card: { ...card, waitUntil }, add: [cardDelivery(turn, card, now, waitUntil)] }
}

/** Applies the outcome of a pending card. Returns undefined if the bubble does not wait for one. */
export function settleCard(turn: Turn, arrived: boolean, translate: Translate): Turn | undefined {
  const { card } = turn
  if (turn.state !== 'closing' || card?.state !== 'pending') return undefined
  const text = arrived ? card.around || translate({ key: 'card_sent' }) : card.words
  return { ...turn, answer: text, card: { ...card, state: arrived ? 'sent' : 'refused' } }
}

function asText(pieces: readonly Piece[], translate: Translate): string {
  const parts = pieces.map(piece => (piece.kind === 'text' ? piece.text.trim() : describeCard(piece.card, translate)))
  const isUnread = pieces.some((piece, at) => piece.kind === 'broken' || parts[at] === '')
  return [...parts, isUnread ? translate({ key: 'card_unreadable' }) : ''].filter(part => part !== '').join('\n\n')
}

function routeOfCard(turn: Turn, now: number): AnswerRoute | undefined {
  if (!hasOpenBubble(turn)) return nextRoute(turn, [], now) === 'app' ? 'app' : undefined
  // WeCom accepts a card by response_url in single chats only.
  const acceptsCard = turn.conversation.kind === 'direct' && nextRoute(turn, ['app'], now) === 'response_url'
  return acceptsCard ? 'response_url' : undefined
}

function shape(turn: Turn, raw: RawCard, route: AnswerRoute) {
  const shaped = shapeCard(raw, taskIdOf(turn), route === 'app' ? 'app' : 'bot')
  if ('refused' in shaped) return undefined
  const { card, modelTaskId } = shaped
  return { card, ...(modelTaskId !== undefined && { modelTaskId }) }
}

const taskPrefix = 'card_'

/** A task_id must be unique per Bot and app. Ours also identifies the turn of the card. */
function taskIdOf(turn: Turn): string {
  return `${taskPrefix}${turn.streamId}`
}

/** Returns the stream id of the turn whose card was clicked; undefined if the card is not from an answer. */
export function streamOfClick({ taskId }: Click): string | undefined {
  return taskId.startsWith(taskPrefix) ? taskId.slice(taskPrefix.length) : undefined
}

/** Expires early, because the bubble waits for it. */
function cardDelivery(turn: Turn, { card }: TurnCard, now: number, waitUntil: number): Delivery {
  return queuedDelivery(turn, {
    id: `${turn.id}:card`,
    route: 'response_url',
    body: { kind: 'card', url: turn.responseUrl ?? '', card },
    lane: `${turn.id}:home`,
    order: 0,
    dueAt: now,
    expiresAt: Math.min(waitUntil, turn.receivedAt + limits.responseUrlMs),
  })
}
