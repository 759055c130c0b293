import type { Attachment, Inbound } from '../../domain/message.ts'
import { fieldOf, stringOf, typeNameOf } from './json-fields.ts'

/** The message types a Bot receives from users (page 100719; `appmsg`, a shared document, is undocumented). */
export const messageTypes = ['text', 'mixed', 'voice', 'image', 'file', 'video', 'appmsg'] as const
export type MessageType = (typeof messageTypes)[number]

/** The text of a message for the agent, and the media to fetch. */
export interface BotContent {
  readonly text: string
  /** Where the user's own words begin in `text`: after the media that a mixed message begins with. */
  readonly wordsAt?: number
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
    case 'appmsg':
      return sharedDocument(struct)
    default:
      return type satisfies never
  }
}

/** A shared document: its title, and the file if there is one. */
function sharedDocument(struct: unknown): BotContent | undefined {
  const title = stringOf(struct, 'title') ?? ''
  const url = stringOf(fieldOf(struct, 'file'), 'url')
  if (url === undefined) return title === '' ? undefined : { text: title, attachments: [], isMediaOnly: false }
  const text = [title, '[file]'].filter(part => part !== '').join('\n')
  return { text, attachments: [{ kind: 'file', url }], isMediaOnly: true }
}

/**
 * Joins texts and images in order. Each image leaves `[image]` in the text, and each item of a kind that we don't know
 * `[unsupported: kind]`. Real messages contain file items, too.
 */
function mixedContent(items: unknown): BotContent | undefined {
  if (!Array.isArray(items)) return undefined
  const parts = items.flatMap(item => {
    const name = typeNameOf(item, 'msgtype')
    const type = messageTypes.find(one => one === name)
    if (type === undefined && name !== undefined) return [unsupported(name)]
    const content = type === undefined || type === 'mixed' ? undefined : contentOf(item, type)
    return content === undefined ? [] : [content]
  })
  const firstWords = parts.findIndex(part => !part.isMediaOnly)
  const lead = parts.slice(0, Math.max(0, firstWords))
  return {
    text: parts.map(part => part.text).join('\n'),
    wordsAt: lead.reduce((at, { text }) => at + text.length + 1, 0),
    attachments: parts.flatMap(part => part.attachments),
    isMediaOnly: parts.length > 0 && parts.every(part => part.isMediaOnly),
  }
}

function unsupported(kind: string): BotContent {
  return { text: `[unsupported: ${kind}]`, attachments: [], isMediaOnly: true }
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
