/** Finds the markup around cards, which has nothing left to mark up once the cards are taken out of the text. */

export interface Range {
  readonly start: number
  readonly end: number
}

/** Around a card on one line or several, and what closes it. */
const pairs = [
  ['```', '```'],
  ['``', '``'],
  ['`', '`'],
  ['***', '***'],
  ['**', '**'],
  ['__', '__'],
  ['~~', '~~'],
  ['*', '*'],
  ['_', '_'],
  ['[', ']'],
  ['(', ')'],
  ['（', '）'],
  ['【', '】'],
  ['「', '」'],
  ['“', '”'],
  ['"', '"'],
] as const
/** What begins a quote, a list item or a heading. */
const linePrefix = /(?:^|\n)[ \t]*(?:>[ \t]*|[-*+][ \t]+|\d{1,9}[.)][ \t]+|#{1,6}[ \t]+)+$/
/** The same, or an opening bracket or emphasis, before a card whose end has not come yet. */
const openMarkup = /[\s[(*_~`"“「（【]+$/

/** The range of cards with all markup directly around it. Nothing before `from` belongs to it. */
export function withMarkup(text: string, cards: Range, from: number): Range {
  let range = cards
  for (;;) {
    const wider = withFence(text, range, from) ?? withPair(text, range, from) ?? withPrefix(text, range, from)
    if (wider === undefined) return range
    range = wider
  }
}

/** A code block with nothing else in it. At the end of the text its closing fence may be missing. */
function withFence(text: string, { start, end }: Range, from: number): Range | undefined {
  const opening = /(?:^|\n)( {0,3})(`{3,}|~{3,})[^\n`]*\n\s*$/.exec(text.slice(from, start))
  if (opening === null) return undefined
  const fence = opening[2] ?? ''
  const after = text.slice(end)
  const closing = /^[\s;]*\n {0,3}(`{3,}|~{3,})[ \t]*(?=\n|$)/.exec(after)
  const begin = from + opening.index
  if (closing?.[1]?.startsWith(fence) === true) return { start: begin, end: end + closing[0].length }
  return /^\s*[`~]*$/.test(after) ? { start: begin, end: text.length } : undefined
}

/** At the end of the text the closing half may be missing. */
function withPair(text: string, { start, end }: Range, from: number): Range | undefined {
  const before = text.slice(Math.max(from, start - 40), start).trimEnd()
  const after = /^\s*[,;]?\s*/.exec(text.slice(end, end + 40))?.[0].length ?? 0
  const rest = text.slice(end + after, end + after + 4)
  const pair = pairs.find(
    ([open, close]) =>
      before.endsWith(open) &&
      (rest.startsWith(close) || (end + after + rest.length === text.length && close.startsWith(rest))),
  )
  if (pair === undefined) return undefined
  const begin = start - (text.slice(Math.max(from, start - 40), start).length - before.length) - pair[0].length
  return { start: begin, end: Math.min(text.length, end + after + pair[1].length) }
}

function withPrefix(text: string, { start, end }: Range, from: number): Range | undefined {
  const prefix = linePrefix.exec(text.slice(from, start))
  return prefix !== null && /^[ \t]*(?:\n|$)/.test(text.slice(end)) ? { start: from + prefix.index, end } : undefined
}

/** A text without the markup at its end that was opened for a card. */
export function withoutOpenMarkup(text: string): string {
  return withoutOpenFence(text.replace(openMarkup, '').replace(linePrefix, ''))
}

/** Removes a last line that opens a code block, because the block may be for a card. */
export function withoutOpenFence(text: string): string {
  const line = /(?:^|\n) {0,3}(`{1,}|~{3,})[^\n`]*\n?\s*$/.exec(text)
  if (line === null) return text
  const before = text.slice(0, line.index).match(/^ {0,3}(?:`{3,}|~{3,})/gm) ?? []
  return before.length % 2 === 0 ? text.slice(0, line.index) : text
}
