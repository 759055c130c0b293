import { limits } from '../../domain/limits.ts'
import { byteLength } from './split.ts'

/** Inline code, the only kind that is shown: on one line, between single backticks. */
const code = /(?<!`)`[^`\n]+`(?!`)/g
const font = /<font color="(?:info|comment|warning)">([^]*?)<\/font>/g

/** What WeCom shows as more than its characters. */
const shown = [/^#{1,6} +\S/m, /\*\*[^\s*](?:[^*\n]*[^\s*])?\*\*/, /\[[^\]\n]+\]\(\S+?\)/, /^ {0,3}> ?\S/m, font, code]

/** What other markdown knows and WeCom shows raw, or not at all. Looked for behind quote marks too. */
const notShown = [
  // lists
  /^[> ]*[-*+][ \t]+\S/m,
  /^[> ]*\d{1,9}[.)][ \t]+\S/m,
  // a table's second line
  /^[> ]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?[ \t]*$|^[> ]*\|[ \t]*:?-+:?[ \t]*\|[ \t]*$/m,
  // code blocks (those of ~~~ below), inline code over lines
  /`|^(?: {4}|\t)/m,
  // rules and underlined headings
  /^[> ]*([-*_])(?:[ \t]*\1){2,}[ \t]*$|^[> ]*(?:=+|-+)[ \t]*$/m,
  // images, strikethrough, footnotes, links by name
  /!\[[^\]\n]*\]\(|~~\S|\[\^[^\]\s]+\]|^ {0,3}\[[^\]\n]+\]:[ \t]/m,
  // HTML, with which a text message at least has links
  /<\/?[a-z][^>\n]*>/i,
]

/**
 * True when an app's markdown message shows `text` better than a text message would: it fits one, has markup that WeCom
 * shows (90236), and none that it does not. Italics do not count either way, they look the same in both.
 */
export function fitsAppMarkdown(text: string): boolean {
  if (byteLength(text) > limits.messageBytes) return false
  if (!shown.some(markup => text.search(markup) !== -1)) return false
  const rest = text.replace(code, 'code').replace(font, '$1')
  return notShown.every(markup => !markup.test(rest))
}
