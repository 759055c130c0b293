import type { Article, Route } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import { type Card, robotCardTypes } from '../../domain/message.ts'
import { WecomdError } from '../../errors.ts'
import { cardProblem, cardTypes } from '../../core/cards/shape.ts'
import { isVisible, printableJson } from '../../domain/visible.ts'
import { byteLength } from '../../core/text/split.ts'

/** The content of one message to send. */
export type SendContent =
  | { readonly kind: 'text' | 'markdown'; readonly content: string }
  | { readonly kind: 'card'; readonly card: Card }
  | { readonly kind: 'news'; readonly articles: readonly Article[] }
  | { readonly kind: 'media'; readonly fileName: string; readonly bytes: Uint8Array }

/** The content without characters that no client can show. */
export function printableContent(content: SendContent): SendContent {
  return content.kind === 'media' ? content : (JSON.parse(printableJson(content)) as SendContent)
}

/** Throws `bad_message` if WeCom doesn't accept such content on this route. */
export function checkContent(content: SendContent, route: Route): void {
  switch (content.kind) {
    case 'text':
    case 'markdown':
      return checkText(content.content)
    case 'card':
      return checkCard(content.card, route)
    case 'news':
      return content.articles.forEach(checkArticle)
    case 'media':
      return
    default:
      return content satisfies never
  }
}

function checkText(text: string): void {
  if (!isVisible(text)) throw new WecomdError('bad_message', 'the text is empty')
  // A text that is too long for messages is sent as a file.
  if (byteLength(text) > limits.mediaBytes.file) {
    throw new WecomdError('bad_message', 'the text is larger than 20 MiB, the limit of WeCom')
  }
}

function checkCard(card: Card, route: Route): void {
  if (route === 'appchat') {
    throw new WecomdError('bad_message', 'WeCom does not accept template cards in groups', {
      hint: 'send markdown or text',
    })
  }
  const type = card['card_type']
  const allowed: readonly string[] = route === 'webhook' ? robotCardTypes : cardTypes
  if (typeof type !== 'string' || !allowed.includes(type)) {
    throw new WecomdError('bad_message', `card_type must be one of ${allowed.join(', ')}`, {
      hint: 'the card is the object under template_card, with its card_type',
    })
  }
  const problem = cardProblem(card)
  if (problem !== undefined) throw new WecomdError('bad_message', `WeCom would reject the card: ${problem}`)
}

function checkArticle({ title, description = '', url, picurl }: Article, index: number): void {
  const { articleTitleBytes, articleDescriptionBytes } = limits
  if (!isVisible(title)) throw new WecomdError('bad_message', `news.${index}.title is empty`)
  checkLength(`news.${index}.title`, title, articleTitleBytes)
  checkLength(`news.${index}.description`, description, articleDescriptionBytes)
  checkUrl(`news.${index}.url`, url)
  if (picurl !== undefined) checkUrl(`news.${index}.picurl`, picurl)
}

function checkLength(field: string, text: string, maxBytes: number): void {
  const bytes = byteLength(text)
  if (bytes <= maxBytes) return
  throw new WecomdError('bad_message', `${field} has ${bytes} bytes of UTF-8, WeCom accepts ${maxBytes}`)
}

function checkUrl(field: string, url: string): void {
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return
  throw new WecomdError('bad_message', `${field} must be an http:// or https:// URL`)
}
