import type { MediaMessage, Message } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { Card } from '../../domain/message.ts'
import { printableJson } from '../../domain/visible.ts'
import { cutHead } from '../../core/text/split.ts'

/** The receivers of message/send. Tag names are already resolved to ids. */
export interface Receivers {
  readonly kind: 'user' | 'party' | 'tag'
  readonly ids: readonly string[]
}

const receiverNames = { user: 'touser', party: 'toparty', tag: 'totag' } as const

/**
 * Encodes the body of message/send (page 90236). The order of keys is fixed: the platform detects duplicates by
 * comparing the JSON, so equal messages must be equal bytes. `unchecked` turns that detection off.
 */
export function encodeAppMessage(agentId: number, to: Receivers, message: Message, unchecked: boolean): string {
  return printableJson({
    [receiverNames[to.kind]]: to.ids.join('|'),
    msgtype: msgtypeOf(message),
    agentid: agentId,
    ...contentOf(message),
    enable_duplicate_check: unchecked ? 0 : 1,
    duplicate_check_interval: limits.duplicateCheckSeconds,
  })
}

/** Encodes the body of appchat/send (page 90248); undefined for a card, which groups do not accept. */
export function encodeGroupMessage(chatid: string, message: Message): string | undefined {
  if (message.kind === 'card') return undefined
  return printableJson({ chatid, msgtype: msgtypeOf(message), ...contentOf(message) })
}

function msgtypeOf(message: Message): string {
  if (message.kind === 'media') return message.media
  return message.kind === 'card' ? 'template_card' : message.kind
}

function contentOf(message: Message): object {
  switch (message.kind) {
    case 'text':
      return { text: { content: message.content } }
    case 'markdown':
      return { markdown: { content: message.content } }
    case 'card':
      return { template_card: message.card }
    case 'news':
      return encodeNews(message)
    case 'media':
      return encodeMedia(message)
    default:
      return message satisfies never
  }
}

/** Encodes articles, in the format shared by apps, groups and robots. */
export function encodeNews({ articles }: Extract<Message, { kind: 'news' }>): object {
  const inOrder = articles.map(({ title, description, url, picurl }) => ({ title, description, url, picurl }))
  return { news: { articles: inOrder } }
}

function encodeMedia(message: MediaMessage): object {
  const { media, fileName, mediaId } = message
  if (mediaId === undefined) throw new Error('media must be uploaded before it is sent')
  if (media !== 'video') return { [media]: { media_id: mediaId } }
  return { video: { media_id: mediaId, title: cutHead(fileName, limits.articleTitleBytes) } }
}

/** Encodes the body of message/update_template_card (page 94888) for one member. */
export function encodeCardUpdate(agentid: number, userid: string, responseCode: string, card: Card): string {
  return printableJson({ userids: [userid], agentid, response_code: responseCode, template_card: card })
}
