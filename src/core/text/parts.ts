import { type Fence, isFenceLikeAt, type TextLine, scanLines } from './fences.ts'
import { byteLength, cutHead } from './split.ts'

/** A position in the text where a part may end: at the beginning of `line`, or inside it. */
interface Position {
  readonly line: number
  readonly index: number
  readonly bytes: number
}

/** A text with its scanned lines. */
interface LinedText {
  readonly text: string
  readonly lines: readonly TextLine[]
}

/**
 * How full a part must be before it may end at a preferred boundary. Tried in this order until few enough parts are
 * needed: nicer cuts cost more parts.
 */
const fills = [0.3, 0.6, 0.85, 0.95, 1]

/**
 * Splits a text into messages of at most `limitBytes` of UTF-8 (at least 64). Returns undefined if that takes more than
 * `maxParts`.
 *
 * A text that fits in one message is unchanged. Otherwise each part begins with a line `(i/n)`. A code block that
 * continues in the next part is closed at the end of this one and reopened there. Apart from these lines, the parts
 * contain the text byte for byte.
 */
export function splitParts(text: string, limitBytes: number, maxParts: number): readonly string[] | undefined {
  if (text === '' || maxParts < 1) return text === '' ? [] : undefined
  const bytes = byteLength(text)
  if (bytes <= limitBytes) return [text]
  if (bytes > limitBytes * maxParts) return undefined
  const source = { text, lines: scanLines(text, Math.floor(limitBytes / 4)) }
  const room = limitBytes - formatNumber(maxParts, maxParts).length
  for (const fill of fills) {
    const cuts = findCuts(source, room, Math.floor(room * fill), maxParts)
    if (cuts) return cuts.slice(1).map((end, i) => formatPart(source, cuts[i] ?? end, end, i + 1, cuts.length - 1))
  }
  return undefined
}

function formatNumber(part: number, parts: number): string {
  return `(${part}/${parts})\n`
}

function formatPart(source: LinedText, start: Position, end: Position, part: number, parts: number): string {
  const slice = source.text.slice(start.index, end.index)
  const reopened = fenceAt(source, start)
  const unclosed = end.index < source.text.length ? fenceAt(source, end) : undefined
  const head = reopened ? `${reopened.opening}\n` : ''
  const tail = unclosed ? `${slice.endsWith('\n') ? '' : '\n'}${unclosed.closing}` : ''
  return `${formatNumber(part, parts)}${head}${slice}${tail}`
}

function fenceAt(source: LinedText, { line }: Position): Fence | undefined {
  return source.lines[line]?.fence
}

/** The start, every cut and the end of the text; undefined if there would be more than `maxParts` parts. */
function findCuts(
  source: LinedText,
  room: number,
  minBytes: number,
  maxParts: number,
): readonly Position[] | undefined {
  let cut: Position | undefined = { line: 0, index: 0, bytes: 0 }
  const cuts = [cut]
  while (cut.index < source.text.length) {
    if (cuts.length > maxParts) return undefined
    cut = nextCut(source, cut, room, minBytes)
    if (cut === undefined) return undefined
    cuts.push(cut)
  }
  return cuts
}

/**
 * Where the part that starts at `from` ends: at the best line boundary of a part with at least `minBytes`, else inside
 * a line, else at the last line boundary that fits.
 */
function nextCut(source: LinedText, from: Position, room: number, minBytes: number): Position | undefined {
  const { lines } = source
  const reopened = fenceAt(source, from)
  const base = from.bytes - (reopened ? byteLength(reopened.opening) + 1 : 0)
  let best: { at: number; rank: number } | undefined
  let farthest = from.line
  let next = from.line + 1
  for (; next < lines.length; next++) {
    const line = lines[next]
    const last = lines[next - 1]
    if (line === undefined || last === undefined || line.bytes - base > room) break
    if (line.kind === 'end') return startOf(line, next)
    const used = line.bytes - base + (line.fence ? line.fence.closing.length : 0)
    if (used > room) continue
    farthest = next
    const rank = rankOf(last, line)
    if (used >= minBytes && rank <= (best?.rank ?? worstRank)) best = { at: next, rank }
  }
  if (best) return startOfLine(source, best.at)
  for (let at = next - 1; at >= farthest; at--) {
    const cut = cutLine(source, at, at === from.line ? from : startOfLine(source, at), base + room, base + minBytes)
    if (cut) return cut
  }
  return farthest > from.line ? startOfLine(source, farthest) : undefined
}

function startOfLine(source: LinedText, at: number): Position | undefined {
  const line = source.lines[at]
  return line && startOf(line, at)
}

function startOf(line: TextLine, at: number): Position {
  return { line: at, index: line.start, bytes: line.bytes }
}

/** The highest rank of an acceptable boundary. */
const worstRank = 3

/** Ranks the boundary between two lines, best first: outside of code blocks, and after a blank line. */
function rankOf(last: TextLine, next: TextLine): number {
  if (last.kind === 'opens' || next.kind === 'closes') return worstRank + 1
  return (next.fence ? 2 : 0) + (last.kind === 'blank' ? 0 : 1)
}

/** The last position inside a line, after `from`, that uses at most `maxBytes` of the text. */
function cutLine(source: LinedText, at: number, from: Position | undefined, maxBytes: number, minBytes: number) {
  const { text, lines } = source
  const line = lines[at]
  if (from === undefined || line === undefined || (line.kind !== 'text' && line.kind !== 'blank')) return undefined
  const budget = maxBytes - from.bytes - (line.fence ? line.fence.closing.length + 1 : 0)
  const piece = text.slice(from.index, Math.min(from.index + Math.max(budget, 0), lines[at + 1]?.start ?? text.length))
  const index = from.index + cutHead(piece, budget).length
  const safe = beforeFence(text, from.index, index)
  const whole = beforeFence(text, from.index, beforeCluster(text, from.index, safe))
  const positionAt = (index: number) => ({
    line: at,
    index,
    bytes: from.bytes + byteLength(text.slice(from.index, index)),
  })
  if (whole > from.index && positionAt(whole).bytes >= minBytes) return positionAt(whole)
  const last = safe > from.index ? safe : index
  return last > from.index ? positionAt(last) : undefined
}

/** The start of the grapheme cluster that a cut at `index` would split, else `index`. */
function beforeCluster(text: string, start: number, index: number): number {
  const around = text.slice(start, index + 64)
  const cluster = new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(around).containing(index - start)
  return cluster ? start + cluster.index : index
}

/** The nearest index at or before `index`, but not before `start`, where the rest would not start like a fence. */
function beforeFence(text: string, start: number, index: number): number {
  let at = index
  while (at > start && isFenceLikeAt(text, at)) at--
  return at
}
