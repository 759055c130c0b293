import type { Delivery, MediaMessage, Outcome } from '../../domain/delivery.ts'
import type { Target } from '../../domain/target.ts'
import { isOutcomeUnknown } from './attempt.ts'

/** The errcode of a media_id that the platform does not know, or not any more (90313). */
const invalidMediaId = 40_007

/** What must be at the platform before a delivery goes on with part `from`: the first of its media that is not. */
export function neededUpload(
  { body, route }: Delivery,
  from: number,
): { readonly part: number; readonly to: Target; readonly message: MediaMessage } | undefined {
  if (body.kind !== 'messages') return undefined
  for (const [index, message] of body.messages.entries()) {
    if (index + 1 < from || message.kind !== 'media' || message.mediaId !== undefined) continue
    if (route === 'webhook' && message.media === 'image') continue // travels inside the message
    return { part: index + 1, to: body.to, message }
  }
  return undefined
}

export function withMediaId(delivery: Delivery, part: number, mediaId: string): Delivery {
  return replaceMedia(delivery, part, message => ({ ...message, mediaId }))
}

function withoutMediaId(delivery: Delivery, part: number): Delivery {
  return replaceMedia(delivery, part, message => {
    const { mediaId: _, ...bare } = message
    return bare
  })
}

/**
 * A delivery whose part was refused, changed so that it may be taken: a file that the platform has forgotten is uploaded
 * once more, a card that it does not take is written in words. Undefined when nothing can be done, or when the message
 * may have arrived before.
 */
export function repair(delivery: Delivery, part: number, { outcome, errcode }: Outcome): Delivery | undefined {
  const { body, attempts } = delivery
  const message = body.kind === 'messages' ? body.messages[part - 1] : undefined
  if (outcome !== 'refused' || isOutcomeUnknown(delivery) || body.kind !== 'messages') return undefined
  if (message?.kind === 'media' && errcode === invalidMediaId) {
    return attempts.some(attempt => attempt.errcode === invalidMediaId) ? undefined : withoutMediaId(delivery, part)
  }
  if (message?.kind !== 'card' || message.inWords === undefined) return undefined
  const words = message.inWords.map(content => ({ kind: 'text', content }) as const)
  return { ...delivery, body: { ...body, messages: [...body.messages.slice(0, part - 1), ...words] } }
}

function replaceMedia(delivery: Delivery, part: number, change: (message: MediaMessage) => MediaMessage): Delivery {
  const { body } = delivery
  if (body.kind !== 'messages') return delivery
  const messages = body.messages.map((message, index) =>
    index === part - 1 && message.kind === 'media' ? change(message) : message,
  )
  return { ...delivery, body: { ...body, messages } }
}
