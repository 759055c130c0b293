/** A template card as the agent wrote it, before `shapeCard`. */
export type RawCard = Readonly<Record<string, unknown>>

export type Piece = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'card'; readonly card: RawCard }

/**
 * After this many cards, or this many places that looked like one, the rest stays text, so that searching stays cheap.
 */
const maxCards = 20
/** How many braces before the key are tried as the start of its object. */
const maxBraces = 4
/** A longer object is not a card. In characters. */
const maxCardLength = 65_536
/** How far before the key its object may start. */
const maxBraceDistance = 4_096
/** While a text streams, a longer card that is still not closed is shown as text. */
const maxOpenCardLength = 8_192
const cardKey = /"template_card"\s*:/g
const cardStarts = ['{"template_card":', '{"msgtype":"template_card"'] as const
const cardStart = /\{\s*(?:"template_card"\s*:|"msgtype"\s*:\s*"template_card")/g

/**
 * Splits a complete answer into text and cards. A card is a JSON object `{"template_card": {…}}`: alone, in a code
 * block of its own, or inside other text. Text that only looks like a card stays text.
 */
export function splitCards(text: string): readonly Piece[] {
  const pieces: Piece[] = []
  let from = 0
  let misses = 0
  for (const match of text.matchAll(cardKey)) {
    if (match.index < from) continue
    const found = cardAround(text, match.index, from)
    if (found === undefined && ++misses === maxCards) break
    if (found === undefined) continue
    const { start, end } = withFence(text, found)
    pieces.push(...textPiece(text.slice(from, Math.max(start, from))), { kind: 'card', card: found.card })
    from = end
    if (pieces.length >= 2 * maxCards) break
  }
  return [...pieces, ...textPiece(text.slice(from))]
}

function textPiece(text: string): readonly Piece[] {
  return text.trim() === '' ? [] : [{ kind: 'text', text }]
}

interface FoundCard {
  readonly start: number
  readonly end: number
  readonly card: RawCard
}

/** The innermost object whose own key is the one at `at`. */
function cardAround(text: string, at: number, from: number): FoundCard | undefined {
  let brace = at
  for (let tries = 0; tries < maxBraces; tries++) {
    brace = text.lastIndexOf('{', brace - 1)
    if (brace < from || at - brace > maxBraceDistance) return undefined
    const end = objectEnd(text, brace)
    const card = end === undefined || end < at ? undefined : cardOf(text.slice(brace, end))
    if (card !== undefined && end !== undefined) return { start: brace, end, card }
    if (brace === 0) return undefined
  }
  return undefined
}

/** The end of the object that starts at `start`; undefined if it is not closed. */
function objectEnd(text: string, start: number): number | undefined {
  let depth = 0
  let isQuoted = false
  const limit = Math.min(text.length, start + maxCardLength)
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
    return undefined // not valid JSON, so it is text
  }
}

function isCardEntry([name]: [string, unknown]): boolean {
  return name === 'template_card'
}

/**
 * The range of a card, including its code block if there is nothing else in it. While streaming, its end may be
 * missing.
 */
function withFence(text: string, { start, end }: FoundCard): { start: number; end: number } {
  const opening = /(?:^|\n)( {0,3})(`{3,}|~{3,})[^\n`]*\n\s*$/.exec(text.slice(0, start))
  if (opening === null) return { start, end }
  const fence = opening[2] ?? ''
  const after = text.slice(end)
  const closing = /^\s*\n {0,3}(`{3,}|~{3,})[ \t]*(?=\n|$)/.exec(after)
  if (closing?.[1]?.startsWith(fence) === true) return { start: opening.index, end: end + closing[0].length }
  return /^\s*[`~]*$/.test(after) ? { start: opening.index, end: text.length } : { start, end }
}

/**
 * Removes cards from a streaming answer, so that users never see their JSON. A card that has started stays hidden until
 * it is closed, or too long to be one. An end of the text that may become a card is hidden too, but only while
 * `isFresh`.
 */
export function maskCards(text: string, isFresh: boolean): string {
  if (!text.includes('{') && !isFresh) return text
  const pieces = splitCards(text)
  const shown = pieces.flatMap(piece => (piece.kind === 'text' ? [piece.text] : []))
  if (pieces.length === shown.length) return maskEnd(text, isFresh)
  // Text after the last card may start another one.
  const last = pieces.at(-1)?.kind === 'text' ? maskEnd(shown.pop() ?? '', isFresh) : ''
  return [...shown, last]
    .map(part => part.trim())
    .filter(part => part !== '')
    .join('\n\n')
}

function maskEnd(text: string, isFresh: boolean): string {
  const open = findOpenCard(text)
  if (open !== undefined) return withoutOpenFence(text.slice(0, open))
  if (!isFresh) return text
  const brace = text.lastIndexOf('{')
  const isCandidate = brace !== -1 && text.length - brace < 100 && mayBecomeCard(text.slice(brace))
  return withoutOpenFence(isCandidate ? text.slice(0, brace) : text)
}

/** The start of a card that is not closed yet. */
function findOpenCard(text: string): number | undefined {
  for (const { index } of text.matchAll(cardStart)) {
    if (text.length - index <= maxOpenCardLength && objectEnd(text, index) === undefined) return index
  }
  return undefined
}

function mayBecomeCard(end: string): boolean {
  const dense = end.replace(/\s+/g, '')
  return cardStarts.some(start => start.startsWith(dense))
}

/** Removes a last line that opens a code block, because the block may be for a card. */
function withoutOpenFence(text: string): string {
  const line = /(?:^|\n) {0,3}(`{1,}|~{3,})[^\n`]*\n?\s*$/.exec(text)
  if (line === null) return text
  const before = text.slice(0, line.index).match(/^ {0,3}(?:`{3,}|~{3,})/gm) ?? []
  return before.length % 2 === 0 ? text.slice(0, line.index) : text
}
