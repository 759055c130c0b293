import { byteLength } from './split.ts'

/** How a fenced code block is closed early, and opened again elsewhere. */
export interface Fence {
  /** The line that opened it, without its end. */
  readonly opening: string
  readonly closing: string
}

/** A line of a text: where it begins and what it means for code blocks. */
export interface TextLine {
  readonly start: number
  /** Bytes of the text before it. */
  readonly bytes: number
  /** `fenceLike`: begins like a fence and is none, but a piece of it would be. `end` follows the last line. */
  readonly kind: 'text' | 'blank' | 'opens' | 'closes' | 'fenceLike' | 'end'
  /** The code block in which it begins; so a closing line has one and an opening line none. */
  readonly fence?: Fence
}

const beginning = /^ {0,3}(`{3,}|~{3,})(.*)$/s

/** The lines of `text` with an `end` behind them. A fence line of more than `mostBytes` counts as text. */
export function scanLines(text: string, mostBytes: number): readonly TextLine[] {
  const lines: TextLine[] = []
  let bytes = 0
  let fence: Fence | undefined
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const next = newline === -1 ? text.length : newline + 1
    const raw = text.slice(start, next)
    const content = raw.replace(/\r?\n$/, '')
    const kind = kindOf(content, fence, mostBytes)
    lines.push({ start, bytes, kind, ...(fence && { fence }) })
    if (kind === 'opens') fence = fenceOf(content)
    if (kind === 'closes') fence = undefined
    bytes += byteLength(raw)
    start = next
  }
  return [...lines, { start: text.length, bytes, kind: 'end', ...(fence && { fence }) }]
}

/** True when a line that begins at `at` would begin like a fence. */
export function isFenceLikeAt(text: string, at: number): boolean {
  return beginning.test(text.slice(at, at + 6))
}

function kindOf(content: string, fence: Fence | undefined, mostBytes: number): TextLine['kind'] {
  const match = byteLength(content) > mostBytes ? null : beginning.exec(content)
  if (match === null) return content.trim() === '' ? 'blank' : 'text'
  const [, run = '', rest = ''] = match
  if (fence === undefined) return run.startsWith('`') && rest.includes('`') ? 'fenceLike' : 'opens'
  return run.startsWith(fence.closing) && /^[ \t]*$/.test(rest) ? 'closes' : 'fenceLike'
}

function fenceOf(opening: string): Fence {
  return { opening, closing: beginning.exec(opening)?.[1] ?? '' }
}
