import type { Delivery, MediaMessage, Outcome } from '../domain/delivery.ts'
import type { Target } from '../domain/target.ts'
import { isDoubtful } from './attempt.ts'

/** The errcode of a media_id that the platform does not know, or not any more (90313). */
const invalidMediaId = 40_007

/** The media that must be at the platform before this part can be sent. */
export function neededUpload(
  { body, route }: Delivery,
  part: number,
): { readonly to: Target; readonly message: MediaMessage } | undefined {
  const message = body.kind === 'messages' ? body.messages[part - 1] : undefined
  if (body.kind !== 'messages' || message?.kind !== 'media' || message.mediaId !== undefined) return undefined
  if (route === 'webhook' && message.media === 'image') return undefined // travels inside the message
  return { to: body.to, message }
}

export function withMediaId(delivery: Delivery, part: number, mediaId: string): Delivery {
  return replaceMedia(delivery, part, message => ({ ...message, mediaId }))
}

export function withoutMediaId(delivery: Delivery, part: number): Delivery {
  return replaceMedia(delivery, part, message => {
    const { mediaId: _, ...bare } = message
    return bare
  })
}

/** The platform has forgotten the file that it took: it gets it once more, unless the message may have arrived. */
export function mayUploadAgain(delivery: Delivery, { outcome, errcode }: Outcome): boolean {
  if (outcome !== 'refused' || errcode !== invalidMediaId || isDoubtful(delivery)) return false
  return !delivery.attempts.some(attempt => attempt.errcode === invalidMediaId)
}

function replaceMedia(delivery: Delivery, part: number, change: (message: MediaMessage) => MediaMessage): Delivery {
  const { body } = delivery
  if (body.kind !== 'messages') return delivery
  const messages = body.messages.map((message, index) =>
    index === part - 1 && message.kind === 'media' ? change(message) : message,
  )
  return { ...delivery, body: { ...body, messages } }
}
