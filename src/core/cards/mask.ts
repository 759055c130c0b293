import { findOpenCard, splitCards } from './find.ts'
import { withoutOpenFence, withoutOpenMarkup } from './markup.ts'
import { objectEnd } from './source.ts'

/** While a text streams, a longer card that is still not closed is shown as text. In characters. */
const maxOpenLength = 8_192
/** How far from the end of a text a card may begin that can't be recognised yet. */
const maxStartLength = 200
const starts = [
  '{"template_card":',
  '{template_card:',
  '{"msgtype":"template_card"',
  '{msgtype:"template_card"',
] as const
const messageStart = /\{\s*["'“]?msgtype["'”]?\s*[:：]\s*["'“]template_card/g

/**
 * Removes cards from a streaming answer, so that users never see their JSON. A card that has started stays hidden until
 * it is closed, or too long to be one. An end of the text that may become a card is hidden too, but only while
 * `isFresh`.
 */
export function maskCards(text: string, isFresh: boolean): string {
  if (!text.includes('{') && !isFresh) return text
  const pieces = splitCards(text, false)
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
  const open = findOpenCard(text) ?? findOpenMessage(text)
  if (open !== undefined && text.length - open <= maxOpenLength) return withoutOpenMarkup(text.slice(0, open))
  if (!isFresh) return text
  const brace = text.lastIndexOf('{')
  const isCandidate = brace !== -1 && text.length - brace < maxStartLength && mayBecomeCard(text.slice(brace))
  return isCandidate ? withoutOpenMarkup(text.slice(0, brace)) : withoutOpenFence(text)
}

/** The start of a whole message with a card, whose own key has not come yet. */
function findOpenMessage(text: string): number | undefined {
  return Array.from(text.matchAll(messageStart), ({ index }) => index).find(
    index => objectEnd(text, index) === undefined,
  )
}

function mayBecomeCard(end: string): boolean {
  const dense = end
    .replace(/\/(?:\*[^]*?(?:\*\/|$)|\/[^\n]*|$)/g, '')
    .replace(/\s+/g, '')
    .replace(/["'“”‘’`]/g, '"')
    .replaceAll('：', ':')
  return starts.some(start => start.startsWith(dense))
}
