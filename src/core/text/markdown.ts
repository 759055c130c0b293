import { limits } from '../../domain/limits.ts'
import { byteLength } from './split.ts'

/** Inline code between single backticks on one line, the only kind of code that WeCom renders. */
const code = /(?<!`)`[^`\n]+`(?!`)/g
const font = /<font color="(?:info|comment|warning)">([^]*?)<\/font>/g

/** Markup that WeCom renders. */
const rendered = [
  /^#{1,6} +\S/m,
  /\*\*[^\s*](?:[^*\n]*[^\s*])?\*\*/,
  /\[[^\]\n]+\]\(\S+?\)/,
  /^ {0,3}> ?\S/m,
  font,
  code,
]

/** Common markdown that WeCom shows raw or drops, inside quotes too. */
const notRendered = [
  // lists
  /^[> ]*[-*+][ \t]+\S/m,
  /^[> ]*\d{1,9}[.)][ \t]+\S/m,
  // a table's delimiter row
  /^[> ]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?[ \t]*$|^[> ]*\|[ \t]*:?-+:?[ \t]*\|[ \t]*$/m,
  // code blocks, and inline code over several lines (`~~~` blocks are matched as strikethrough below)
  /`|^(?: {4}|\t)/m,
  // thematic breaks and underlined headings
  /^[> ]*([-*_])(?:[ \t]*\1){2,}[ \t]*$|^[> ]*(?:=+|-+)[ \t]*$/m,
  // images, strikethrough, footnotes, link references
  /!\[[^\]\n]*\]\(|~~\S|\[\^[^\]\s]+\]|^ {0,3}\[[^\]\n]+\]:[ \t]/m,
  // HTML: a text message at least keeps its links
  /<\/?[a-z][^>\n]*>/i,
]

/**
 * Decides whether an app sends `text` as a markdown or as a text message. True if it fits in one message, has markup
 * that WeCom renders (90236), and has none that WeCom would show raw. Italics don't count: they look the same in both.
 */
export function fitsAppMarkdown(text: string): boolean {
  if (byteLength(text) > limits.messageBytes) return false
  if (!rendered.some(markup => text.search(markup) !== -1)) return false
  const rest = text.replace(code, 'code').replace(font, '$1')
  return notRendered.every(markup => !markup.test(rest))
}
