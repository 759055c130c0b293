import { createHash } from 'node:crypto'
import type { MediaMessage, Message, Outcome } from '../../domain/delivery.ts'
import { type Card, robotCardTypes } from '../../domain/message.ts'
import { encodeNews } from './app-message.ts'
import { refused } from './outcome.ts'

/** The body of webhook/send (page 91770), or why a robot cannot send this. */
export type RobotBody = { readonly body: object } | Outcome

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

/** A picture that travels inside the message. */
export function encodePicture(bytes: Uint8Array): RobotBody {
  const md5 = createHash('md5').update(bytes).digest('hex')
  return { body: { msgtype: 'image', image: { base64: Buffer.from(bytes).toString('base64'), md5 } } }
}

/** What was uploaded by the same robot. */
export function encodeUploaded(message: MediaMessage, mediaId: string): RobotBody {
  const msgtype = robotMediaOf(message)
  return { body: { msgtype, [msgtype]: { media_id: mediaId } } }
}

/** A robot knows voice and files; a video, and a picture that does not fit into a message, is a file. */
export function robotMediaOf({ media }: MediaMessage): 'voice' | 'file' {
  return media === 'voice' ? 'voice' : 'file'
}

function encodeCard(card: Card): RobotBody {
  const type = card['card_type']
  if (typeof type === 'string' && robotCardTypes.includes(type))
    return { body: { msgtype: 'template_card', template_card: card } }
  return refused(`a group robot takes cards of the kinds ${robotCardTypes.join(' and ')} only`)
}

/** At the start, after white space, punctuation or Chinese, but neither in an e-mail address nor in the path of a URL. */
const mention = /(?<=^|[\s\p{P}\p{Lo}])(?<![/@_+-])@([A-Za-z0-9][A-Za-z0-9_@.-]*)/gu

/** Whom a text names as `@userid` or `@all`, each once, as mentioned_list wants them. */
function mentionsIn(text: string): readonly string[] {
  const ids = Array.from(text.matchAll(mention), ([, id = '']) => id.replace(/[@.-]+$/, ''))
  return [...new Set(ids)].map(id => (id === 'all' ? '@all' : id))
}

/** Lists, tables, code blocks, rules, nested quotes and pictures, which only markdown_v2 shows. */
const onlyInV2 = /^\s*(?:[-*+] |\d+[.)] |> *>|```|~~~|\|.*\||:?-+:? *\||(?:[-*_] *){3,}$)|!\[[^\]\n]*\]\(/m
/** Colours and mentions, which markdown_v2 does not show. */
const onlyInV1 = /<font\b|<@/

function needsV2(content: string): boolean {
  return onlyInV2.test(content) && !onlyInV1.test(content)
}
