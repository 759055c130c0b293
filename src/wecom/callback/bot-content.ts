import type { Attachment, Inbound } from '../../domain/message.ts'
import { fieldOf, stringOf, typeNameOf } from './json-fields.ts'

/** The message types a Bot receives from users (page 100719). */
export const messageTypes = ['text', 'mixed', 'voice', 'image', 'file', 'video'] as const
export type MessageType = (typeof messageTypes)[number]

/** The text of a message for the agent, and the media to fetch. */
export interface BotContent {
  readonly text: string
  readonly attachments: readonly Attachment[]
  readonly isMediaOnly: boolean
}

/** Decodes the content of a message or a quote; undefined when a required field is missing. */
export function contentOf(holder: unknown, type: MessageType): BotContent | undefined {
  const struct = fieldOf(holder, type)
  switch (type) {
    case 'text':
    case 'voice': {
      const text = stringOf(struct, 'content')
      return text === undefined ? undefined : { text, attachments: [], isMediaOnly: false }
    }
    case 'mixed':
      return mixedContent(fieldOf(struct, 'msg_item'))
    case 'image':
    case 'file':
    case 'video': {
      const url = stringOf(struct, 'url')
      return url === undefined
        ? undefined
        : { text: `[${type}]`, attachments: [{ kind: type, url }], isMediaOnly: true }
    }
    default:
      return type satisfies never
  }
}

/** Joins texts and images in order. Each image leaves `[image]` in the text. Real messages contain file items, too. */
function mixedContent(items: unknown): BotContent | undefined {
  if (!Array.isArray(items)) return undefined
  const parts = items.flatMap(item => {
    const type = messageTypes.find(one => one === typeNameOf(item, 'msgtype'))
    const content = type === undefined || type === 'mixed' ? undefined : contentOf(item, type)
    return content === undefined ? [] : [content]
  })
  return {
    text: parts.map(part => part.text).join('\n'),
    attachments: parts.flatMap(part => part.attachments),
    isMediaOnly: parts.length > 0 && parts.every(part => part.isMediaOnly),
  }
}

/** The quoted message as `> ` lines, with its media; undefined without a quote. */
export function quoteOf(quote: unknown): Pick<Inbound, 'text' | 'attachments'> | undefined {
  if (quote === undefined || quote === null) return undefined
  const name = typeNameOf(quote, 'msgtype') ?? 'message'
  const type = messageTypes.find(one => one === name)
  const content = type === undefined ? undefined : contentOf(quote, type)
  const words = content === undefined || content.isMediaOnly ? '' : content.text.trimEnd()
  const text = (words === '' ? `[quoted ${name}]` : words)
    .split(/\r\n|\r|\n/)
    .map(line => `> ${line}`)
    .join('\n')
  const attachments = (content?.attachments ?? []).map(one => ({ ...one, isQuoted: true }) as const)
  return { text, attachments }
}
