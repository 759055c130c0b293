/**
 * Finds the cards that an agent wrote into its answer, as JSON objects `{"template_card": {…}}`: alone, in a code block,
 * or inside other text. Users must never read that source, whatever mistakes the model made in it. Text that only
 * mentions a card stays text: in inline code, in code with more than the card, or without an object.
 */
import { scanLines } from '../text/fences.ts'
import { isInlineCode } from '../text/prose.ts'
import { type Range, withMarkup } from './markup.ts'
import { bracesEnd, maxLength, objectEnd, parseCard, type RawCard, repairCard, salvageCard } from './source.ts'

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'card'; readonly card: RawCard }
  /** A card whose source is cut off or beyond repair, with what can be read of it. */
  | { readonly kind: 'broken'; readonly card: RawCard }

/**
 * After this many cards, or this many places that looked like one, the rest stays text, so that searching stays cheap.
 */
const maxCards = 20
/** How many braces before the key are tried as the start of its object. */
const maxBraces = 4
/** How far before the key its object may start. */
const maxBraceDistance = 4_096
/** The key of a card, also with other quotes or without. */
const cardKey = /["'“”‘’`]?\btemplate_card["'“”‘’`]?\s*[:：]/g
/** Between cards of one list. */
const separator = /^[\s,;[\]]*$/

interface Found extends Range {
  readonly piece: Exclude<Piece, { kind: 'text' }>
}

/** Splits an answer into text and cards. A source that is not closed is text, unless the answer is complete. */
export function splitCards(text: string, isComplete = true): readonly Piece[] {
  const pieces: Piece[] = []
  let from = 0
  for (const group of groupsOf(text, findCards(text, isComplete))) {
    const { start, end } = withMarkup(text, rangeOf(group), from)
    pieces.push(...textPiece(text.slice(from, start)), ...group.map(({ piece }) => piece))
    from = end
  }
  return [...pieces, ...textPiece(text.slice(from))]
}

function textPiece(text: string): readonly Piece[] {
  return text.trim() === '' ? [] : [{ kind: 'text', text }]
}

function findCards(text: string, isComplete: boolean): readonly Found[] {
  const found: Found[] = []
  let from = 0
  let misses = 0
  for (const match of text.matchAll(cardKey)) {
    if (match.index < from) continue
    const card = cardAround(text, match.index, match[0].length, from, isComplete)
    if (card === undefined && ++misses === maxCards) break
    if (card === undefined) continue
    found.push(card)
    from = card.end
    if (found.length === maxCards) break
  }
  return found
}

/** Cards with nothing but separators between them. */
function groupsOf(text: string, found: readonly Found[]): readonly (readonly Found[])[] {
  const groups: Found[][] = []
  for (const card of found) {
    const last = groups.at(-1)
    const end = last?.at(-1)?.end
    if (last !== undefined && end !== undefined && separator.test(text.slice(end, card.start))) last.push(card)
    else groups.push([card])
  }
  return groups
}

function rangeOf(group: readonly Found[]): Range {
  return { start: group[0]?.start ?? 0, end: group.at(-1)?.end ?? 0 }
}

/** The innermost object whose own key is the one at `at`. */
function cardAround(text: string, at: number, keyLength: number, from: number, isComplete: boolean): Found | undefined {
  let brace = at
  for (let tries = 0; tries < maxBraces; tries++) {
    brace = brace === 0 ? -1 : text.lastIndexOf('{', brace - 1)
    if (brace < from || at - brace > maxBraceDistance) return undefined
    const ends = [objectEnd(text, brace), bracesEnd(text, brace)].flatMap(end =>
      end !== undefined && end > at ? [end] : [],
    )
    const found = readObject(text, brace, ends) ?? readSource(text, { brace, at, keyLength, ends, isComplete })
    if (found !== undefined) return found
  }
  return undefined
}

/** A card that is valid JSON. */
function readObject(text: string, start: number, ends: readonly number[]): Found | undefined {
  for (const end of ends) {
    const card = isExample(text, start, end) ? undefined : parseCard(sourceOf(text, start, end))
    if (card !== undefined) return { start, end, piece: { kind: 'card', card } }
  }
  return undefined
}

interface Place {
  readonly brace: number
  readonly at: number
  readonly keyLength: number
  readonly ends: readonly number[]
  readonly isComplete: boolean
}

/** A card that is not valid JSON. */
function readSource(text: string, { brace, at, keyLength, ends, isComplete }: Place): Found | undefined {
  if (!isSource(text, brace, at, keyLength)) return undefined
  const block = blockAround(text, brace)
  for (const end of ends) {
    if (!isAloneIn(text, block, brace, end)) return undefined
    const card = isExample(text, brace, end) ? undefined : repairCard(sourceOf(text, brace, end))
    if (card !== undefined) return { start: brace, end, piece: { kind: 'card', card } }
  }
  if (isInlineCode(text, brace) && !ends.some(end => isInlineCode(text, end - 1) && !isExample(text, brace, end)))
    return undefined
  if (ends.length === 0 && (!isComplete || text.length - brace > maxLength)) return undefined
  const end = ends[0] ?? (block ? text.slice(0, block.end).trimEnd().length : cutEnd(text, at))
  if (!isAloneIn(text, block, brace, end)) return undefined
  const source = sourceOf(text, brace, end)
  const card = (ends.length === 0 ? repairCard(source) : undefined) ?? salvageCard(source)
  return { start: brace, end, piece: { kind: 'broken', card } }
}

/** True if the key at `at` belongs to an object that starts at `brace`, and its value is an object, too. */
function isSource(text: string, brace: number, at: number, keyLength: number): boolean {
  const before = text.slice(brace + 1, at).trim()
  const isKey = before === '' || /[,}\]"'”\d]$|\*\/$|\/\/[^\n]*$/.test(before)
  return (
    isKey && /^\s*(?:\/\/[^\n]*\n\s*|\/\*[^*]*\*\/\s*)?(?:\{|$)/.test(text.slice(at + keyLength, at + keyLength + 200))
  )
}

/** A source in inline code that leaves something out explains how cards are written. */
function isExample(text: string, start: number, end: number): boolean {
  return /\.\.\.|…/.test(text.slice(start, end)) && isInlineCode(text, start)
}

/** The code block around a position, without its fences; undefined outside of code. */
function blockAround(text: string, at: number): Range | undefined {
  const lines = scanLines(text, maxBraceDistance)
  const index = lines.findLastIndex(({ start }) => start <= at)
  if (lines[index]?.fence === undefined) return undefined
  const opening = lines.findLastIndex(({ kind }, line) => line < index && kind === 'opens')
  const closing = lines.findIndex(({ kind }, line) => line > index && kind === 'closes')
  return { start: lines[opening + 1]?.start ?? 0, end: lines[closing]?.start ?? text.length }
}

/** True if a code block contains nothing but this source. */
function isAloneIn(text: string, block: Range | undefined, start: number, end: number): boolean {
  if (block === undefined) return true
  const after = text.slice(end, Math.max(end, block.end))
  // A closing fence may have come in part.
  const rest = block.end === text.length ? after.replace(/[`~]+$/, '') : after
  return separator.test(text.slice(block.start, start)) && separator.test(rest)
}

const jsonLine = /["'”]?\s*[:：]\s*["'“[{\d]|[{}[\]]/
const stringLine = /^[ \t]*(?:["'“]|\/\/)|^[ \t]+\w/

/** Where a source ends that is cut off, from its key: after its last line that looks like JSON, before two lines that do not. */
function cutEnd(text: string, start: number): number {
  let end = start
  let at = start
  let others = 0
  for (const line of text.slice(start).split('\n')) {
    const isJson = jsonLine.test(line) || (others === 0 && stringLine.test(line))
    at += line.length + 1
    if (isJson) end = at - 1
    others = isJson ? 0 : others + 1
    if (others > 1) break
  }
  return end
}

/** The source of an object. In a quote, each of its lines has a prefix. */
function sourceOf(text: string, start: number, end: number): string {
  const source = text.slice(start, end)
  const line = text.slice(text.lastIndexOf('\n', start - 1) + 1, start)
  return /^ {0,3}(?:> ?)+[^\w]*$/.test(line) ? source.replace(/\n {0,3}(?:> ?)+/g, '\n') : source
}

/** The start of a card's source that is not closed yet; undefined if there is none. */
export function findOpenCard(text: string): number | undefined {
  for (const { index, 0: key } of text.matchAll(cardKey)) {
    let brace = index
    for (let tries = 0; tries < maxBraces; tries++) {
      brace = brace === 0 ? -1 : text.lastIndexOf('{', brace - 1)
      if (brace === -1 || index - brace > maxBraceDistance) break
      const isOpen = objectEnd(text, brace) === undefined && isSource(text, brace, index, key.length)
      if (isOpen && !isInlineCode(text, brace)) return brace
    }
  }
  return undefined
}
