import type { Delivery, MediaMessage, Outcome } from '../../domain/delivery.ts'
import type { Target } from '../../domain/target.ts'
import { isOutcomeUnknown } from './attempt.ts'

/** WeCom's errcode for an unknown or expired media_id (90313). */
const invalidMediaId = 40_007

/** Returns the first media at or after part `from` that must be uploaded before the delivery can continue. */
export function nextUpload(
  { body, route }: Delivery,
  from: number,
): { readonly part: number; readonly to: Target; readonly message: MediaMessage } | undefined {
  if (body.kind !== 'messages') return undefined
  for (const [index, message] of body.messages.entries()) {
    if (index + 1 < from || message.kind !== 'media' || message.mediaId !== undefined) continue
    if (route === 'webhook' && message.media === 'image') continue // the message contains the picture itself
    return { part: index + 1, to: body.to, message }
  }
  return undefined
}

export function withMediaId(delivery: Delivery, part: number, mediaId: string): Delivery {
  return replaceMedia(delivery, part, message => ({ ...message, mediaId }))
}

function withoutMediaId(delivery: Delivery, part: number): Delivery {
  return replaceMedia(delivery, part, message => {
    const { mediaId: _, ...rest } = message
    return rest
  })
}

/**
 * Changes a refused part so that WeCom may accept it: a file with an expired media_id is uploaded again, once, and a
 * card is replaced by readable text. Returns undefined if neither applies, or if an earlier attempt may have arrived:
 * then another body could show the message twice.
 */
export function repair(delivery: Delivery, part: number, { outcome, errcode }: Outcome): Delivery | undefined {
  const { body, attempts } = delivery
  const message = body.kind === 'messages' ? body.messages[part - 1] : undefined
  if (outcome !== 'refused' || isOutcomeUnknown(delivery) || body.kind !== 'messages') return undefined
  if (message?.kind === 'media' && errcode === invalidMediaId) {
    return attempts.some(attempt => attempt.errcode === invalidMediaId) ? undefined : withoutMediaId(delivery, part)
  }
  if (message?.kind !== 'card' || message.inWords === undefined) return undefined
  const texts = message.inWords.map(content => ({ kind: 'text', content }) as const)
  return { ...delivery, body: { ...body, messages: [...body.messages.slice(0, part - 1), ...texts] } }
}

function replaceMedia(delivery: Delivery, part: number, change: (message: MediaMessage) => MediaMessage): Delivery {
  const { body } = delivery
  if (body.kind !== 'messages') return delivery
  const messages = body.messages.map((message, index) =>
    index === part - 1 && message.kind === 'media' ? change(message) : message,
  )
  return { ...delivery, body: { ...body, messages } }
}
