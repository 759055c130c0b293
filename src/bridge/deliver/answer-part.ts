import { type Delivery, isDone } from '../../domain/delivery.ts'
import type { TurnEvent } from '../../core/streaming/advance.ts'

/** A card, a file, or a card that changes: what goes beside the text of an answer. */
export function isPartOfAnswer(delivery: Delivery): boolean {
  const { kind } = delivery.body
  return kind === 'card' || kind === 'card_update' || fileOf(delivery) !== undefined
}

/** The file of an answer that a delivery brings, by its name in the spool. */
export function fileOf({ turn, body }: Delivery): string | undefined {
  const only = body.kind === 'messages' && body.messages.length === 1 ? body.messages[0] : undefined
  return turn !== undefined && only?.kind === 'media' && only.source.kind === 'spool' ? only.source.file : undefined
}

/** What the end of such a delivery is to its turn; undefined before the end, and where nobody waits for it. */
export function endOfPart(delivery: Delivery, at: number): TurnEvent | undefined {
  const { state, body } = delivery
  if (!isDone(state)) return undefined
  if (body.kind === 'card') return { kind: 'card_settled', at, arrived: state === 'delivered' }
  const file = fileOf(delivery)
  if (file === undefined) return undefined
  if (state === 'delivered' || state === 'partial') return { kind: 'file_settled', at, file, fate: 'arrived' }
  return { kind: 'file_settled', at, file, fate: state === 'unknown' ? 'unsure' : 'not_sent' }
}
