import { type Fence, isFenceLikeAt, type TextLine, scanLines } from './fences.ts'
import { byteLength, cutHead } from './split.ts'

/** A place in the text where a part may end: in or at the beginning of `line`. */
interface Position {
  readonly line: number
  readonly index: number
  readonly bytes: number
}

/** A text whose lines are known. */
interface LinedText {
  readonly text: string
  readonly lines: readonly TextLine[]
}

/** How full a part must be before it may end at a nice place; the first that needs few enough parts is taken. */
const fills = [0.3, 0.6, 0.85, 0.95, 1]

/**
 * Cuts a text into messages of at most `limitBytes` (at least 64) of UTF-8; undefined when that takes more than
 * `mostParts`. One message is the text as it is. Several begin with `(i/n)` on a line of its own, and a code block that
 * goes on in the next one is closed and opened again. What is between is the text, byte for byte.
 */
export function splitParts(text: string, limitBytes: number, mostParts: number): readonly string[] | undefined {
  if (text === '' || mostParts < 1) return text === '' ? [] : undefined
  const bytes = byteLength(text)
  if (bytes <= limitBytes) return [text]
  if (bytes > limitBytes * mostParts) return undefined
  const script = { text, lines: scanLines(text, Math.floor(limitBytes / 4)) }
  const room = limitBytes - formatNumber(mostParts, mostParts).length
  for (const fill of fills) {
    const places = placeCuts(script, room, Math.floor(room * fill), mostParts)
    if (places)
      return places.slice(1).map((end, i) => formatPart(script, places[i] ?? end, end, i + 1, places.length - 1))
  }
  return undefined
}

function formatNumber(part: number, parts: number): string {
  return `(${part}/${parts})\n`
}

function formatPart(script: LinedText, start: Position, end: Position, part: number, parts: number): string {
  const slice = script.text.slice(start.index, end.index)
  const reopened = fenceAt(script, start)
  const left = end.index < script.text.length ? fenceAt(script, end) : undefined
  const head = reopened ? `${reopened.opening}\n` : ''
  const tail = left ? `${slice.endsWith('\n') ? '' : '\n'}${left.closing}` : ''
  return `${formatNumber(part, parts)}${head}${slice}${tail}`
}

function fenceAt(script: LinedText, place: Position): Fence | undefined {
  return script.lines[place.line]?.fence
}

/** The beginning, every cut and the end; undefined when there would be too many parts. */
function placeCuts(script: LinedText, room: number, least: number, mostParts: number): readonly Position[] | undefined {
  let place: Position | undefined = { line: 0, index: 0, bytes: 0 }
  const places = [place]
  while (place.index < script.text.length) {
    if (places.length > mostParts) return undefined
    place = nextCut(script, place, room, least)
    if (place === undefined) return undefined
    places.push(place)
  }
  return places
}

function nextCut(script: LinedText, from: Position, room: number, least: number): Position | undefined {
  const { lines } = script
  const reopened = fenceAt(script, from)
  const base = from.bytes - (reopened ? byteLength(reopened.opening) + 1 : 0)
  let nicest: { at: number; rank: number } | undefined
  let farthest = from.line
  let next = from.line + 1
  for (; next < lines.length; next++) {
    const line = lines[next]
    const last = lines[next - 1]
    if (line === undefined || last === undefined || line.bytes - base > room) break
    if (line.kind === 'end') return placeOf(line, next)
    const used = line.bytes - base + (line.fence ? line.fence.closing.length : 0)
    if (used > room) continue
    farthest = next
    const rank = rankOf(last, line)
    if (used >= least && rank <= (nicest?.rank ?? worstNice)) nicest = { at: next, rank }
  }
  if (nicest) return placeAt(script, nicest.at)
  for (let at = next - 1; at >= farthest; at--) {
    const cut = cutLine(script, at, at === from.line ? from : placeAt(script, at), base + room, base + least)
    if (cut) return cut
  }
  return farthest > from.line ? placeAt(script, farthest) : undefined
}

function placeAt(script: LinedText, at: number): Position | undefined {
  const line = script.lines[at]
  return line && placeOf(line, at)
}

function placeOf(line: TextLine, at: number): Position {
  return { line: at, index: line.start, bytes: line.bytes }
}

const worstNice = 3

/** How good it is to cut between two lines, best first: not in a code block, after a blank line. */
function rankOf(last: TextLine, next: TextLine): number {
  if (last.kind === 'opens' || next.kind === 'closes') return worstNice + 1
  return (next.fence ? 2 : 0) + (last.kind === 'blank' ? 0 : 1)
}

/** The last place inside a line, behind `from`, at which at most `mostBytes` of the text are used. */
function cutLine(script: LinedText, at: number, from: Position | undefined, mostBytes: number, leastBytes: number) {
  const { text, lines } = script
  const line = lines[at]
  if (from === undefined || line === undefined || (line.kind !== 'text' && line.kind !== 'blank')) return undefined
  const budget = mostBytes - from.bytes - (line.fence ? line.fence.closing.length + 1 : 0)
  const piece = text.slice(from.index, Math.min(from.index + Math.max(budget, 0), lines[at + 1]?.start ?? text.length))
  const index = from.index + cutHead(piece, budget).length
  const safe = beforeFence(text, from.index, index)
  const whole = beforeFence(text, from.index, beforeCluster(text, from.index, safe))
  const placeIn = (index: number) => ({
    line: at,
    index,
    bytes: from.bytes + byteLength(text.slice(from.index, index)),
  })
  if (whole > from.index && placeIn(whole).bytes >= leastBytes) return placeIn(whole)
  const last = safe > from.index ? safe : index
  return last > from.index ? placeIn(last) : undefined
}

/** The beginning of the grapheme cluster that a cut at `index` would break; `index` when it breaks none. */
function beforeCluster(text: string, start: number, index: number): number {
  const around = text.slice(start, index + 64)
  const cluster = new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(around).containing(index - start)
  return cluster ? start + cluster.index : index
}

/** The nearest place before, but not before `start`, at which what follows does not begin like a fence. */
function beforeFence(text: string, start: number, index: number): number {
  let at = index
  while (at > start && isFenceLikeAt(text, at)) at--
  return at
}
