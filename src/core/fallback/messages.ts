import type { Message } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { ReplyFormat } from '../../domain/turn.ts'
import type { Translate } from '../notices/notices.ts'
import { fitsAppMarkdown } from '../text/markdown.ts'
import { splitParts } from '../text/parts.ts'
import { byteLength } from '../text/split.ts'

/** A text that needs more parts than this is sent as a file. */
const maxParts = 8

/**
 * Splits a text into messages of an app: one message, up to eight numbered parts, or a summary line and a file with all
 * of it. `auto` chooses markdown if WeCom renders all of the text's markup, else text.
 */
export function planMessages(text: string, format: ReplyFormat, translate: Translate): readonly Message[] {
  const isMarkdown = format === 'markdown' || (format === 'auto' && fitsAppMarkdown(text))
  return planParts(text, isMarkdown ? 'markdown' : 'text', limits.messageBytes, translate)
}

/** Splits a text into messages of a group robot, whose markdown may be longer than an app's. */
export function planRobotMessages(text: string, kind: 'text' | 'markdown', translate: Translate): readonly Message[] {
  return planParts(text, kind, kind === 'text' ? limits.robotTextBytes : limits.robotMarkdownBytes, translate)
}

function planParts(
  text: string,
  kind: 'text' | 'markdown',
  limitBytes: number,
  translate: Translate,
): readonly Message[] {
  const parts = splitParts(text, limitBytes, maxParts)
  return parts ? parts.map(content => ({ kind, content })) : planFile(text, translate)
}

function planFile(text: string, translate: Translate): readonly Message[] {
  const bytes = byteLength(text)
  const fileName = translate({ key: 'answer_file_name' })
  return [
    { kind: 'text', content: translate({ key: 'answer_in_file', bytes, fileName }) },
    { kind: 'media', media: 'file', fileName, bytes, source: { kind: 'text', content: text } },
  ]
}
