import { createHash } from 'node:crypto'
import type { MediaMessage, Message, Outcome } from '../../domain/delivery.ts'
import { type Card, robotCardTypes } from '../../domain/message.ts'
import { encodeNews } from './app-message.ts'
import { refused } from './outcome.ts'

/** The body of webhook/send (page 91770), or the reason why a robot cannot send this message. */
export type RobotBody = { readonly body: object } | Outcome

/** Encodes any message but media, which must be embedded (`encodePicture`) or uploaded (`encodeUploaded`). */
export function encodeRobotMessage(message: Exclude<Message, MediaMessage>): RobotBody {
  switch (message.kind) {
    case 'text': {
      const { content } = message
      const named = mentionsIn(content)
      return { body: { msgtype: 'text', text: { content, ...(named.length > 0 && { mentioned_list: named }) } } }
    }
    case 'markdown': {
      const msgtype = needsV2(message.content) ? 'markdown_v2' : 'markdown'
      return { body: { msgtype, [msgtype]: { content: message.content } } }
    }
    case 'news':
      return { body: { msgtype: 'news', ...encodeNews(message) } }
    case 'card':
      return encodeCard(message.card)
    default:
      return message satisfies never
  }
}

/** Encodes an image that is embedded in the message. */
export function encodePicture(bytes: Uint8Array): RobotBody {
  const md5 = createHash('md5').update(bytes).digest('hex')
  return { body: { msgtype: 'image', image: { base64: Buffer.from(bytes).toString('base64'), md5 } } }
}

/** Encodes media that the same robot has uploaded. */
export function encodeUploaded(message: MediaMessage, mediaId: string): RobotBody {
  const msgtype = robotMediaOf(message)
  return { body: { msgtype, [msgtype]: { media_id: mediaId } } }
}

/** The upload type for a robot: it knows only voice and files. Videos, and images too large to embed, become files. */
export function robotMediaOf({ media }: MediaMessage): 'voice' | 'file' {
  return media === 'voice' ? 'voice' : 'file'
}

function encodeCard(card: Card): RobotBody {
  const type = card['card_type']
  if (typeof type === 'string' && robotCardTypes.includes(type))
    return { body: { msgtype: 'template_card', template_card: card } }
  return refused(`a group robot accepts only ${robotCardTypes.join(' and ')} cards`)
}

/** A mention at the start or after white space, punctuation or Chinese, but not in an e-mail address or a URL path. */
const mention = /(?<=^|[\s\p{P}\p{Lo}])(?<![/@_+-])@([A-Za-z0-9][A-Za-z0-9_@.-]*)/gu

/** The members a text mentions as `@userid` or `@all`, without duplicates, in the format of `mentioned_list`. */
function mentionsIn(text: string): readonly string[] {
  const ids = Array.from(text.matchAll(mention), ([, id = '']) => id.replace(/[@.-]+$/, ''))
  return [...new Set(ids.map(id => (id.toLowerCase() === 'all' ? '@all' : id)))]
}

/** Lists, tables, code blocks, rules, nested quotes and images, which only markdown_v2 renders. */
const onlyInV2 = /^\s*(?:[-*+] |\d+[.)] |> *>|```|~~~|\|.*\||:?-+:? *\||(?:[-*_] *){3,}$)|!\[[^\]\n]*\]\(/m
/** Colours and mentions, which markdown_v2 does not render. */
const onlyInV1 = /<font\b|<@/

function needsV2(content: string): boolean {
  return onlyInV2.test(content) && !onlyInV1.test(content)
}
