import { scanLines } from './fences.ts'

/** A longer fence line would not be one. See `scanLines`. */
const fenceLineBytes = 4_096

/** Changes a piece of prose. `isEnd` for the piece that ends the text. */
type ChangeProse = (prose: string, isEnd: boolean) => string

/** Applies `change` to everything in a markdown text but its code: fenced blocks and inline code stay as they are. */
export function mapProse(text: string, change: ChangeProse): string {
  let changed = ''
  let prose = ''
  const lines = scanLines(text, fenceLineBytes)
  for (const [at, { start, kind, fence }] of lines.entries()) {
    const line = text.slice(start, lines[at + 1]?.start)
    if (fence === undefined && kind !== 'opens') {
      prose += line
      continue
    }
    changed += mapOutsideInlineCode(prose, piece => change(piece, false)) + line
    prose = ''
  }
  return changed + mapOutsideInlineCode(prose, change)
}

/** Inline code ends at the next run of as many backticks, within its paragraph. */
function mapOutsideInlineCode(text: string, change: ChangeProse): string {
  if (text === '') return ''
  return text
    .split(/(\n[ \t]*\n)/)
    .map((paragraph, at, all) => {
      let changed = ''
      let from = 0
      for (const [start, end] of inlineCode(paragraph)) {
        changed += change(paragraph.slice(from, start), false) + paragraph.slice(start, end)
        from = end
      }
      return changed + change(paragraph.slice(from), at === all.length - 1)
    })
    .join('')
}

/** True for a position in inline code that begins and ends in its line. */
export function isInlineCode(text: string, at: number): boolean {
  const start = text.lastIndexOf('\n', at - 1) + 1
  const [line = ''] = text.slice(start).split('\n', 1)
  return inlineCode(line).some(([from, end]) => from + start < at && at < end + start)
}

/** Start and end of each piece of inline code in a paragraph, in order. */
function inlineCode(paragraph: string): readonly (readonly [start: number, end: number])[] {
  const runs = Array.from(paragraph.matchAll(/`+/g), ({ 0: { length }, index }) => ({ length, index }))
  const found: [number, number][] = []
  /** The last run of each length, so that a run without a partner is not searched for again. */
  const lastOf = new Map(runs.map(({ length, index }) => [length, index]))
  for (let at = 0; at < runs.length; at++) {
    const opening = runs[at]
    if (opening === undefined || (lastOf.get(opening.length) ?? 0) <= opening.index) continue
    const closing = runs.findIndex((run, other) => other > at && run.length === opening.length)
    const end = runs[closing]
    if (end === undefined) continue
    found.push([opening.index, end.index + end.length])
    at = closing
  }
  return found
}
