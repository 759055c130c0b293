import type { Delivery } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { Click } from '../../domain/message.ts'
import { hasBubble, type Turn, type TurnCard } from '../../domain/turn.ts'
import { nextRoute } from '../fallback/routes.ts'
import type { Translate } from '../notices/notices.ts'
import { shapeCard } from './shape.ts'
import { describeCard } from './text.ts'
import { type Piece, type RawCard, splitCards } from './find.ts'
import { queuedDelivery } from '../fallback/queued.ts'

/** How long a bubble waits for what becomes of its card. */
const bubbleWaitsMs = 5_000

/** An answer without the JSON of its cards, and its first card when there is a way for it. */
export interface CardPlan {
  readonly answer: string
  readonly card?: TurnCard
  readonly add?: readonly Delivery[]
}

/**
 * What becomes of the cards in an answer: the first goes as a real one by response_url while the bubble is open, or with
 * the direct message; where there is no such way, and whatever else is a card, is put into words.
 */
export function planCard(turn: Turn, said: string, now: number, translate: Translate): CardPlan {
  const pieces = said.includes('"template_card"') ? splitCards(said) : []
  const first = pieces.find(piece => piece.kind === 'card')
  if (first === undefined) return { answer: said }
  const words = inWords(pieces, translate)
  const way = wayOfCard(turn, now)
  const shaped = way === undefined ? undefined : shape(turn, first.card, way)
  if (way === undefined || shaped === undefined) return { answer: words }
  const around = inWords(
    pieces.filter(piece => piece !== first),
    translate,
  )
  const state = way === 'app' ? 'direct' : 'pending'
  const card: TurnCard = { ...shaped, state, around, words, inWords: describeCard(first.card, translate) }
  if (way === 'app') return { answer: words, card }
  const waitUntil = now + bubbleWaitsMs
  return { answer: around, card: { ...card, waitUntil }, add: [cardDelivery(turn, card, now, waitUntil)] }
}

/** The turn with its card's fate known, if it waited for that. */
export function settleCard(turn: Turn, arrived: boolean, translate: Translate): Turn | undefined {
  const { card } = turn
  if (turn.state !== 'closing' || card?.state !== 'pending') return undefined
  const text = arrived ? card.around || translate({ key: 'card_sent' }) : card.words
  return { ...turn, answer: text, card: { ...card, state: arrived ? 'sent' : 'refused' } }
}

function inWords(pieces: readonly Piece[], translate: Translate): string {
  return pieces
    .map(piece => (piece.kind === 'text' ? piece.text.trim() : describeCard(piece.card, translate)))
    .filter(part => part !== '')
    .join('\n\n')
}

function wayOfCard(turn: Turn, now: number): 'app' | 'response_url' | undefined {
  const isOpen = hasBubble(turn) && turn.closedWith === undefined
  if (!isOpen) return nextRoute(turn, [], now) === 'app' ? 'app' : undefined
  const canCarry = turn.conversation.kind === 'direct' && nextRoute(turn, ['app'], now) === 'response_url'
  return canCarry ? 'response_url' : undefined
}

function shape(turn: Turn, raw: RawCard, way: 'app' | 'response_url') {
  const shaped = shapeCard(raw, taskIdOf(turn), way === 'app' ? 'app' : 'bot')
  if ('refused' in shaped) return undefined
  const { card, modelTaskId } = shaped
  return { card, ...(modelTaskId !== undefined && { modelTaskId }) }
}

const taskPrefix = 'card_'

/** Unique per Bot and app, and it tells which turn the card is of. */
function taskIdOf(turn: Turn): string {
  return `${taskPrefix}${turn.streamId}`
}

/** The stream of the turn whose card was clicked; undefined for a card that is not of an answer. */
export function streamOfClick({ taskId }: Click): string | undefined {
  return taskId.startsWith(taskPrefix) ? taskId.slice(taskPrefix.length) : undefined
}

/** It has no time to be tried for long: its bubble waits. */
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
