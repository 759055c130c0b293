/** A template card as the agent wrote it, not yet judged. */
export type RawCard = Readonly<Record<string, unknown>>

export type Piece = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'card'; readonly card: RawCard }

/** Beyond these many, or places that looked like one, the rest stays text: looking for cards has a price. */
const mostCards = 20
/** Objects around the key that are tried as the one that it belongs to. */
const mostBraces = 4
/** A longer object is no card. */
const longestCard = 65_536
/** How far before its key the brace of a card may be. */
const farthestBrace = 4_096
/** A card that is longer than this, and not closed, is shown as it is. */
const longestOpenCard = 8_192
const key = /"template_card"\s*:/g
const beginnings = ['{"template_card":', '{"msgtype":"template_card"'] as const
const begun = /\{\s*(?:"template_card"\s*:|"msgtype"\s*:\s*"template_card")/g

/** Cuts a whole answer at the cards in it: `{"template_card": …}` alone, in a fence of its own, or within prose. */
export function splitCards(text: string): readonly Piece[] {
  const pieces: Piece[] = []
  let from = 0
  let misses = 0
  for (const match of text.matchAll(key)) {
    if (match.index < from) continue
    const found = cardAround(text, match.index, from)
    if (found === undefined && ++misses === mostCards) break
    if (found === undefined) continue
    const { start, end } = withFence(text, found)
    pieces.push(...textPiece(text.slice(from, Math.max(start, from))), { kind: 'card', card: found.card })
    from = end
    if (pieces.length >= 2 * mostCards) break
  }
  return [...pieces, ...textPiece(text.slice(from))]
}

function textPiece(text: string): readonly Piece[] {
  return text.trim() === '' ? [] : [{ kind: 'text', text }]
}

interface Found {
  readonly start: number
  readonly end: number
  readonly card: RawCard
}

/** The innermost object that has the key at `at` for its own. */
function cardAround(text: string, at: number, from: number): Found | undefined {
  let brace = at
  for (let tries = 0; tries < mostBraces; tries++) {
    brace = text.lastIndexOf('{', brace - 1)
    if (brace < from || at - brace > farthestBrace) return undefined
    const end = objectEnd(text, brace)
    const card = end === undefined || end < at ? undefined : cardOf(text.slice(brace, end))
    if (card !== undefined && end !== undefined) return { start: brace, end, card }
    if (brace === 0) return undefined
  }
  return undefined
}

/** Where the object that begins at `start` ends; undefined when it does not. */
function objectEnd(text: string, start: number): number | undefined {
  let depth = 0
  let isQuoted = false
  const limit = Math.min(text.length, start + longestCard)
  for (let at = start; at < limit; at++) {
    const char = text[at]
    if (isQuoted) {
      if (char === '\\') at++
      else if (char === '"') isQuoted = false
    } else if (char === '"') isQuoted = true
    else if (char === '{') depth++
    else if (char === '}' && --depth === 0) return at + 1
  }
  return undefined
}

function cardOf(json: string): RawCard | undefined {
  try {
    const value: unknown = JSON.parse(json)
    const card = typeof value === 'object' && value !== null ? Object.entries(value).find(isCardEntry)?.[1] : undefined
    return typeof card === 'object' && card !== null && !Array.isArray(card) ? { ...card } : undefined
  } catch {
    return undefined // not JSON, so it is text
  }
}

function isCardEntry([name]: [string, unknown]): boolean {
  return name === 'template_card'
}

/** The place of a card with the fence that holds nothing else; what of its end has not come yet is taken as come. */
function withFence(text: string, { start, end }: Found): { start: number; end: number } {
  const opening = /(?:^|\n)( {0,3})(`{3,}|~{3,})[^\n`]*\n\s*$/.exec(text.slice(0, start))
  if (opening === null) return { start, end }
  const fence = opening[2] ?? ''
  const after = text.slice(end)
  const closing = /^\s*\n {0,3}(`{3,}|~{3,})[ \t]*(?=\n|$)/.exec(after)
  if (closing?.[1]?.startsWith(fence) === true) return { start: opening.index, end: end + closing[0].length }
  return /^\s*[`~]*$/.test(after) ? { start: opening.index, end: text.length } : { start, end }
}

/**
 * A growing answer without its cards, and without an end that may become one. That is held back only as long as
 * `isFresh`; a card that has begun stays hidden until it closes or is too long to be one.
 */
export function maskCards(text: string, isFresh: boolean): string {
  if (!text.includes('{') && !isFresh) return text
  const pieces = splitCards(text)
  const shown = pieces.flatMap(piece => (piece.kind === 'text' ? [piece.text] : []))
  if (pieces.length === shown.length) return maskEnd(text, isFresh)
  const last = pieces.at(-1)?.kind === 'text' ? maskEnd(shown.pop() ?? '', isFresh) : ''
  return [...shown, last]
    .map(part => part.trim())
    .filter(part => part !== '')
    .join('\n\n')
}

function maskEnd(text: string, isFresh: boolean): string {
  const open = openCardAt(text)
  if (open !== undefined) return withoutOpenFence(text.slice(0, open))
  if (!isFresh) return text
  const brace = text.lastIndexOf('{')
  const mayBegin = brace !== -1 && text.length - brace < 100 && mayBecomeCard(text.slice(brace))
  return withoutOpenFence(mayBegin ? text.slice(0, brace) : text)
}

/** Where a card begins that has not closed. */
function openCardAt(text: string): number | undefined {
  for (const { index } of text.matchAll(begun)) {
    if (text.length - index <= longestOpenCard && objectEnd(text, index) === undefined) return index
  }
  return undefined
}

function mayBecomeCard(end: string): boolean {
  const dense = end.replace(/\s+/g, '')
  return beginnings.some(beginning => beginning.startsWith(dense))
}

/** Without a line at the end that opens a code block in which nothing stands yet. */
function withoutOpenFence(text: string): string {
  const line = /(?:^|\n) {0,3}(`{1,}|~{3,})[^\n`]*\n?\s*$/.exec(text)
  if (line === null) return text
  const before = text.slice(0, line.index).match(/^ {0,3}(?:`{3,}|~{3,})/gm) ?? []
  return before.length % 2 === 0 ? text.slice(0, line.index) : text
}
