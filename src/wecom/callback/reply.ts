import type { Card, Picture, Reply } from '../../domain/message.ts'
import { printable } from '../../domain/visible.ts'

/** A passive reply in the Bot's wire format, before encryption (page 101031). */
export type WireReply =
  | { readonly msgtype: 'text'; readonly text: { readonly content: string } }
  | {
      readonly msgtype: 'stream'
      readonly stream: {
        readonly id: string
        readonly finish: boolean
        readonly content: string
        readonly feedback?: { readonly id: string }
        readonly msg_item?: readonly { readonly msgtype: 'image'; readonly image: Picture }[]
      }
    }
  | { readonly response_type: 'update_template_card'; readonly template_card: Card }

/** Encodes a reply. Undefined means an empty body, which the platform accepts as "no reply". */
export function encodeReply(reply: Reply): WireReply | undefined {
  switch (reply.kind) {
    case 'empty':
      return undefined
    case 'text':
      return { msgtype: 'text', text: { content: printable(reply.content) } }
    case 'stream': {
      const { streamId, finish, content, feedbackId, pictures = [] } = reply.frame
      const feedback = feedbackId === undefined ? {} : { feedback: { id: feedbackId } }
      const items = pictures.map(image => ({ msgtype: 'image', image }) as const)
      const shown = items.length === 0 ? {} : { msg_item: items }
      return { msgtype: 'stream', stream: { id: streamId, finish, content: printable(content), ...feedback, ...shown } }
    }
    case 'card_update':
      return { response_type: 'update_template_card', template_card: reply.card }
    default:
      return reply satisfies never
  }
}
