import { byteLength, cutHead } from './split.ts'

/** The two lines around a fenced code block. A block that is split closes with `closing` and reopens with `opening`. */
export interface Fence {
  /** The line that opened the block, without its newline. */
  readonly opening: string
  readonly closing: string
}

/** A line of a text, and its role in a fenced code block. */
export interface TextLine {
  /** Index of its first character. */
  readonly start: number
  /** UTF-8 bytes before it. */
  readonly bytes: number
  /**
   * `fenceLike`: starts like a fence but isn't one, such as a fence of the other character inside a block. A piece of
   * such a line could become a fence, so it must not be split. `end`: the empty position after the last line.
   */
  readonly kind: 'text' | 'blank' | 'opens' | 'closes' | 'fenceLike' | 'end'
  /** The code block that is open where the line starts. So a closing line has one, and an opening line has none. */
  readonly fence?: Fence
}

const fenceLine = /^ {0,3}(`{3,}|~{3,})(.*)$/s

/**
 * Splits `text` into lines and finds its fenced code blocks (CommonMark). The last item has the kind `end`. A fence
 * line of more than `maxBytes` counts as text, because a message could not repeat it.
 */
export function scanLines(text: string, maxBytes: number): readonly TextLine[] {
  const lines: TextLine[] = []
  let bytes = 0
  let fence: Fence | undefined
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const next = newline === -1 ? text.length : newline + 1
    const raw = text.slice(start, next)
    const content = raw.replace(/\r?\n$/, '')
    const kind = kindOf(content, fence, maxBytes)
    lines.push({ start, bytes, kind, ...(fence && { fence }) })
    if (kind === 'opens') fence = fenceOf(content)
    if (kind === 'closes') fence = undefined
    bytes += byteLength(raw)
    start = next
  }
  return [...lines, { start: text.length, bytes, kind: 'end', ...(fence && { fence }) }]
}

/** True if a line that started at `at` would start like a fence. */
export function isFenceLikeAt(text: string, at: number): boolean {
  return fenceLine.test(text.slice(at, at + 6)) // three spaces and three backticks
}

function kindOf(content: string, fence: Fence | undefined, maxBytes: number): TextLine['kind'] {
  const match = byteLength(content) > maxBytes ? null : fenceLine.exec(content)
  if (match === null) return content.trim() === '' ? 'blank' : 'text'
  const [, run = '', rest = ''] = match
  if (fence === undefined) return run.startsWith('`') && rest.includes('`') ? 'fenceLike' : 'opens'
  return run.startsWith(fence.closing) && /^[ \t]*$/.test(rest) ? 'closes' : 'fenceLike'
}

function fenceOf(opening: string): Fence {
  return { opening, closing: fenceLine.exec(opening)?.[1] ?? '' }
}

/** A fence line of more bytes counts as text here: it could not be repeated. */
const repeatableBytes = 200

/** The code block that is open at the end of a text. */
export function openFence(text: string): Fence | undefined {
  return scanLines(text, repeatableBytes).at(-1)?.fence
}

/** A text with a notice below it. A code block that is open at the end of the text is closed, or the notice would be code. */
export function withNotice(text: string, notice: string): string {
  return `${text}${closingOf(text)}\n\n${notice}`
}

/** What ends a code block that is open at the end of a text; else nothing. */
export function closingOf(text: string): string {
  const fence = openFence(text)
  return fence === undefined ? '' : `${text.endsWith('\n') ? '' : '\n'}${fence.closing}`
}

/** The longest head of a text that fits in `room` bytes together with the end of its code block. */
export function cutForNotice(text: string, room: number): string {
  let head = cutHead(text, room)
  for (let over = overflow(head, room); over > 0; over = overflow(head, room)) {
    head = cutHead(head, byteLength(head) - over)
  }
  return head
}

function overflow(head: string, room: number): number {
  return head === '' ? 0 : byteLength(head) + byteLength(closingOf(head)) - room
}
