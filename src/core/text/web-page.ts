/**
 * Rewrites what models are told to write for the gateway's own web page, because our runs count as that page: HTML that
 * folds text, `[embed …]` directives, and links to files on the gateway's disk. None of it works in WeCom.
 */
import { mapProse } from './prose.ts'

/** A text for WeCom, and the names of what was embedded in it. */
export interface ForChat {
  readonly text: string
  readonly embeds: readonly string[]
}

/** A text without these has nothing to rewrite. */
const sign = /[<[]|file:/i

const details = /[ \t]*<\/?details(?:\s[^<>]*)?>[ \t]*\n?/gi
const summaryStart = /[ \t]*<summary(?:\s[^<>]*)?>\s*(?:<(?:b|strong|h[1-6])>\s*|\*\*)?/gi
const summaryEnd = /(?:\*\*|<\/(?:b|strong|h[1-6])>)?\s*<\/summary>\s*/gi
/** An attribute in quotes may have brackets of its own. */
const embed = /\[embed\b((?:"[^"\n]*"|'[^'\n]*'|[^[\]"'])*)\]/gi
const embedEnd = /\[\/embed\]/gi
const embedTitle = /\btitle\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s\]"'/]+))/i
/** A link or a picture, with a title or without. The address may be in angle brackets, or have one level of parentheses. */
const link =
  /!?\[((?:[^[\]]|\[[^[\]]*\])*)\]\(\s*(?:<([^<>\n]*)>|((?:[^()\s]|\([^()\s]*\))*))(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/g
const reference = /^ {0,3}\[([^\]\n]+)\]:[ \t]*<?([^\s>]+)>?.*\n?/gm
const bareFile = /<?\bfile:\/{1,3}[^\s<>()[\]"'，。；：！？、）】》]+>?/gi

/** The end of a growing text that may become one of these. */
const openEnd =
  /(?:<\/?(?:[a-z]{0,10}[1-6]?|(?:details|summary)\s[^<>]*)|\[\/?(?:e(?:m(?:b(?:e(?:d(?:\s(?:"[^"\n]*"?|'[^'\n]*'?|[^[\]"'])*)?)?)?)?)?)?)$/i
/** It may be the last thing in a summary. */
const closedEmphasis = /<\/(?:b|strong|h[1-6])>\s*$/i
const openFile = /<?file:[^\s<>()[\]"']{0,2000}$/i
const openLink = /!?\[((?:[^[\]\n]|\[[^[\]\n]*\])*)\]\([^()\n]{0,2000}$/

/** Rewrites a complete answer. Code is not changed. */
export function rewriteForChat(text: string): ForChat {
  if (!sign.test(text)) return { text, embeds: [] }
  const embeds: string[] = []
  const rewritten = mapProse(text, prose => rewriteProse(prose, embeds))
  return { text: rewritten, embeds }
}

/** The same for an answer that still grows: what may become a tag or a link at its end is not shown yet. */
export function rewriteSoFar(text: string): string {
  if (!sign.test(text)) return text
  return mapProse(text, (prose, isEnd) => rewriteProse(isEnd ? withoutOpenEnd(prose) : prose, []))
}

function withoutOpenEnd(prose: string): string {
  return prose
    .replace(openEnd, '')
    .replace(closedEmphasis, '')
    .replace(openFile, '')
    .replace(openLink, (_, label: string) => label)
}

function rewriteProse(prose: string, embeds: string[]): string {
  const rewritten = prose
    .replace(details, tag => (tag.includes('\n') ? '\n' : ''))
    .replace(summaryStart, (_, offset: number, all: string) => `${startsLine(all, offset) ? '' : '\n'}### `)
    .replace(summaryEnd, (tag, offset: number, all: string) => (offset + tag.length === all.length ? '' : '\n'))
    .replace(embed, (_, attributes: string) => {
      const [, double, single, bare] = embedTitle.exec(attributes) ?? []
      const title = (double ?? single ?? bare ?? '').trim()
      embeds.push(title)
      return title
    })
    .replace(embedEnd, '')
  return withoutLocalLinks(rewritten)
}

function startsLine(text: string, offset: number): boolean {
  return offset === 0 || text[offset - 1] === '\n'
}

function withoutLocalLinks(prose: string): string {
  return prose
    .replace(link, (whole, label: string, quoted: string | undefined, address: string | undefined) =>
      isLocal(quoted ?? address ?? '') ? label.trim() || fileNameOf(quoted ?? address ?? '') : whole,
    )
    .replace(reference, (whole, label: string, address: string) =>
      isLocal(address) && !label.startsWith('^') ? '' : whole,
    )
    .replace(bareFile, fileNameOf)
}

/** True for an address that only the gateway's host can open. A relative one is in the agent's folder there. */
function isLocal(address: string): boolean {
  if (/^(?:file|sandbox|media|attachment):/i.test(address) || /^[a-z]:[\\/]/i.test(address)) return true
  if (address === '' || /^(?:[a-z][a-z0-9+.-]*:|\/\/|#)/i.test(address)) return false
  return !/^(?:[\w-]+\.)+(?:com|cn|net|org|io|dev|ai|app|gov|edu|info)(?:[:/?#]|$)/i.test(address)
}

function fileNameOf(address: string): string {
  const path = address.replace(/[<>]/g, '').replace(/[?#].*$/, '')
  const name = path.split(/[/\\]/).findLast(part => part !== '') ?? ''
  try {
    return decodeURIComponent(name)
  } catch {
    return name // a percent sign that is not an escape
  }
}
