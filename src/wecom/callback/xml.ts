import { XMLParser, XMLValidator } from 'fast-xml-parser'

/** An element with the text that stands directly in it, unescaped. */
export interface Element {
  readonly name: string
  readonly text: string
  readonly children: readonly Element[]
}

/** What the parser makes of a document when it has to keep the order: each node has one name. */
interface Node {
  readonly [name: string]: string | readonly Node[]
}

const textName = '#text'
const cdataName = '#cdata'

/** Nothing is converted or trimmed: ids have leading zeros and more digits than a number holds. */
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
 * Reads the `<xml>` element of a callback; undefined when the text is not well-formed XML, is nested deeper than the
 * parser likes, or has a DOCTYPE or anything else to declare. Attributes and comments are passed over.
 */
export function parseXml(xml: string): Element | undefined {
  if (declares(xml)) return undefined
  try {
    // The parser alone takes tags that are not closed, or closed by another name.
    if (XMLValidator.validate(xml) !== true) return undefined
    const nodes: readonly Node[] = parser.parse(xml)
    return elementOf('', nodes).children.find(element => element.name === 'xml')
  } catch {
    return undefined // the parser throws at names such as __proto__ and at depth; for a caller it is no XML
  }
}

/** The text of the first child of this name; undefined without one, and for one that has elements in it. */
export function textOf(element: Element, name: string): string | undefined {
  const child = element.children.find(one => one.name === name)
  return child === undefined || child.children.length > 0 ? undefined : child.text
}

/** All children of this name. */
export function childrenOf(element: Element, name: string): readonly Element[] {
  return element.children.filter(one => one.name === name)
}

/** Looks at markup from left to right, so that what a user wrote about DOCTYPEs inside a CDATA section is no markup. */
function declares(xml: string): boolean {
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

/** One pass, so that what an entity stands for is never read as an entity; what stands for no character stays as it is. */
function unescapeOnce(text: string): string {
  return text.replaceAll(
    /&(?:(lt|gt|amp|quot|apos)|#(\d+)|#x([\da-fA-F]+));/g,
    (escaped, name?: string, decimal?: string, hex?: string) =>
      (name === undefined ? characterOf(Number(decimal ?? `0x${hex}`)) : entities[name]) ?? escaped,
  )
}

/** The character that XML allows under a number. */
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
