import { XMLParser, XMLValidator } from 'fast-xml-parser'

/** An element with its own text, unescaped. */
export interface Element {
  readonly name: string
  readonly text: string
  readonly children: readonly Element[]
}

/** The parser's output with `preserveOrder`: each node has exactly one name. */
interface Node {
  readonly [name: string]: string | readonly Node[]
}

const textName = '#text'
const cdataName = '#cdata'

/** Values are neither converted nor trimmed: ids have leading zeros and more digits than a number can hold. */
const parser = new XMLParser({
  preserveOrder: true,
  textNodeName: textName,
  cdataPropName: cdataName,
  processEntities: false,
  parseTagValue: false,
  ignoreAttributes: true,
  trimValues: false,
})

/**
 * Parses the `<xml>` element of a callback. Returns undefined for text that is not well-formed, is nested too deeply, or
 * contains a DOCTYPE or any other declaration (entity expansion). Attributes and comments are ignored.
 */
export function parseXml(xml: string): Element | undefined {
  if (hasDeclaration(xml)) return undefined
  try {
    // The parser alone accepts unclosed and mismatched tags.
    if (XMLValidator.validate(xml) !== true) return undefined
    const nodes: readonly Node[] = parser.parse(xml)
    return elementOf('', nodes).children.find(element => element.name === 'xml')
  } catch {
    return undefined // the parser throws on names such as __proto__ and on deep nesting
  }
}

/** The text of the first child with this name; undefined when there is none, or when it contains elements. */
export function textOf(element: Element, name: string): string | undefined {
  const child = element.children.find(one => one.name === name)
  return child === undefined || child.children.length > 0 ? undefined : child.text
}

/** All children with this name. */
export function childrenOf(element: Element, name: string): readonly Element[] {
  return element.children.filter(one => one.name === name)
}

/** Scans markup from left to right, so that a user's text inside a CDATA section may contain `<!DOCTYPE`. */
function hasDeclaration(xml: string): boolean {
  const body = xml.replace(/^\s*<\?xml\s[^?>]*\?>/, '')
  return body.matchAll(/<!\[CDATA\[[^]*?\]\]>|<!--[^]*?-->|<[!?]/g).some(([markup]) => markup.length === 2)
}

function elementOf(name: string, nodes: readonly Node[]): Element {
  const children: Element[] = []
  let text = ''
  for (const [inner, content] of nodes.flatMap(node => Object.entries(node))) {
    if (typeof content === 'string') text += unescapeOnce(content)
    else if (inner === cdataName) text += rawTextOf(content)
    else children.push(elementOf(inner, content))
  }
  return { name, text, children }
}

function rawTextOf(nodes: readonly Node[]): string {
  return nodes.map(({ [textName]: text }) => (typeof text === 'string' ? text : '')).join('')
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** Unescapes in one pass, so that `&amp;lt;` becomes `&lt;` and not `<`. Invalid character references stay unchanged. */
function unescapeOnce(text: string): string {
  return text.replaceAll(
    /&(?:(lt|gt|amp|quot|apos)|#(\d+)|#x([\da-fA-F]+));/g,
    (escaped, name?: string, decimal?: string, hex?: string) =>
      (name === undefined ? characterOf(Number(decimal ?? `0x${hex}`)) : entities[name]) ?? escaped,
  )
}

/** The character with this code; undefined when XML does not allow it. */
function characterOf(code: number): string | undefined {
  const isCharacter =
    code === 0x9 ||
    code === 0xa ||
    code === 0xd ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff)
  return isCharacter ? String.fromCodePoint(code) : undefined
}
