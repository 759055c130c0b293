import { type Delivery, isDone } from '../../domain/delivery.ts'
import type { TurnEvent } from '../../core/streaming/advance.ts'

/**
 * Whether a delivery is an extra of an answer: a card, a file, the notice that a file was refused, or the update of a
 * clicked card. Extras are sent next to the text, have no other route, and the bubble may wait for their outcome.
 */
export function isAnswerExtra(delivery: Delivery): boolean {
  const { kind } = delivery.body
  const isNotice = /:notice\d+$/.test(delivery.id)
  return isNotice || kind === 'card' || kind === 'card_update' || answerFileOf(delivery) !== undefined
}

/** The spool name of the answer's file that a delivery sends. Undefined if it sends something else. */
export function answerFileOf({ turn, body }: Delivery): string | undefined {
  const only = body.kind === 'messages' && body.messages.length === 1 ? body.messages[0] : undefined
  return turn !== undefined && only?.kind === 'media' && only.source.kind === 'spool' ? only.source.file : undefined
}

/**
 * The event that the end of an extra is for its turn. Undefined before the end, and if the turn doesn't wait for it.
 */
export function endOfExtra(delivery: Delivery, at: number): TurnEvent | undefined {
  const { state, body } = delivery
  if (!isDone(state)) return undefined
  if (body.kind === 'card') return { kind: 'card_settled', at, arrived: state === 'delivered' }
  const file = answerFileOf(delivery)
  if (file === undefined) return undefined
  if (state === 'delivered' || state === 'partial') return { kind: 'file_settled', at, file, fate: 'arrived' }
  return { kind: 'file_settled', at, file, fate: state === 'unknown' ? 'unsure' : 'not_sent' }
}

/** Whether a delivery carries the text of an answer. Only that has a next route: a notice that fails is not the answer. */
export function isAnswer(delivery: Delivery): delivery is Delivery & { readonly turn: string } {
  const { id, turn } = delivery
  return turn !== undefined && [`${turn}:app`, `${turn}:response_url`].includes(id)
}
