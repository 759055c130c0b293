import { isObject } from '../../domain/json.ts'
import { isVerdict, refuse, type ApiVerdict } from './answer.ts'
import { cardFault } from './card.ts'
import type { SeenMedia } from './ledger.ts'
import { type MediaShelf, seenMedia } from './api/media.ts'

/** A message as its receivers see it. */
export interface SentContent {
  readonly what: 'text' | 'markdown' | 'card' | 'media' | 'news'
  readonly text: string
  readonly media?: SeenMedia
  /** The size in bytes before WeCom truncated the text. */
  readonly cutFrom?: number
}

/** Where to look up the media_ids of a message. */
export interface MediaOwner {
  readonly shelf: MediaShelf
  readonly owner: string
}

type Payload = Readonly<Record<string, unknown>>

const contentBytes = 2_048
const maxArticles = 8

/** The part of a message that its type names; `payload` is empty where it is not an object. */
export function partsOf(message: Payload): { msgtype: string; value: unknown; payload: Payload } {
  const msgtype = String(message['msgtype'])
  const value = message[msgtype]
  return { msgtype, value, payload: isObject(value) ? value : {} }
}

/** Reads the content of an app's message. mpnews and miniprogram_notice are not supported. */
export function readContent(message: Payload, source: MediaOwner): SentContent | ApiVerdict {
  const { msgtype, value, payload } = partsOf(message)
  switch (msgtype) {
    case 'text':
      return readText(payload)
    case 'markdown':
      return readMarkdown(payload, contentBytes, 45_002)
    case 'image':
    case 'voice':
    case 'video':
    case 'file':
      return readMedia(msgtype, payload, source)
    case 'news':
      return readNews(payload)
    case 'textcard':
      return readTextCard(payload)
    case 'template_card':
      return readCard(value)
    default:
      return refuse(40_008, 'invalid message type')
  }
}

function readText(payload: Payload): SentContent | ApiVerdict {
  const content = contentOf(payload)
  if (isVerdict(content)) return content
  const bytes = Buffer.byteLength(content.text)
  if (bytes <= contentBytes) return { what: 'text', text: content.text }
  return { what: 'text', text: cutBytes(content.text, contentBytes), cutFrom: bytes }
}

/** Truncates a text to at most this many bytes, at a character boundary. */
export function cutBytes(text: string, most: number): string {
  return new TextDecoder().decode(Buffer.from(text).subarray(0, most), { stream: true })
}

export function readMarkdown(payload: Payload, most: number, errcode: number): SentContent | ApiVerdict {
  const content = contentOf(payload)
  if (isVerdict(content)) return content
  if (Buffer.byteLength(content.text) > most) return refuse(errcode, `markdown.content exceed max length ${most}`)
  return { what: 'markdown', text: content.text }
}

/** Reads `content`, which must be a non-empty text. */
export function contentOf({ content }: Payload): { readonly text: string } | ApiVerdict {
  return typeof content === 'string' && content !== '' ? { text: content } : refuse(44_004, 'empty content')
}

export function readMedia(msgtype: string, payload: Payload, { shelf, owner }: MediaOwner): SentContent | ApiVerdict {
  const media = shelf.open(payload['media_id'], owner)
  if (!media || media.type !== msgtype) return refuse(40_007, 'invalid media_id')
  return { what: 'media', text: media.name, media: seenMedia(media) }
}

export function readNews(payload: Payload): SentContent | ApiVerdict {
  const articles: unknown = payload['articles']
  if (!Array.isArray(articles) || articles.length === 0 || articles.length > maxArticles)
    return refuse(45_008, 'article count out of limit')
  if (!articles.every(article => isObject(article) && isText(article['title']))) return refuse(41_016, 'title missing')
  if (!articles.every(article => isObject(article) && (isText(article['url']) || isText(article['appid']))))
    return refuse(40_058, 'url missing')
  return { what: 'news', text: JSON.stringify(articles) }
}

function readTextCard(payload: Payload): SentContent | ApiVerdict {
  if (!isText(payload['title'])) return refuse(41_016, 'title missing')
  if (!isText(payload['description'])) return refuse(41_033, 'description missing')
  if (!/^https?:\/\//.test(String(payload['url']))) return refuse(40_094, 'invalid url')
  return { what: 'news', text: JSON.stringify(payload) }
}

export function readCard(card: unknown, types?: string[]): SentContent | ApiVerdict {
  const fault = cardFault(card, types)
  return fault === undefined ? { what: 'card', text: JSON.stringify(card) } : refuse(40_058, fault)
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}
