import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { isObject } from '../../../domain/json.ts'

/** Elements by name. Strings become CDATA, numbers are plain, and a list repeats its element. */
export interface AppFields {
  readonly [element: string]: AppField | readonly AppField[]
}

type AppField = string | number | bigint | AppFields

/** Formats `<xml>…</xml>` like WeCom: on one line, with elements in the order of `fields`. */
export function formatXml(fields: AppFields): string {
  return `<xml>${formatFields(fields)}</xml>`
}

function formatFields(fields: AppFields): string {
  return Object.entries(fields)
    .flatMap(([name, value]) => (isList(value) ? value : [value]).map(one => `<${name}>${formatField(one)}</${name}>`))
    .join('')
}

function formatField(value: AppField): string {
  if (typeof value === 'object') return formatFields(value)
  return typeof value === 'string' ? `<![CDATA[${value.replaceAll(']]>', ']]]]><![CDATA[>')}]]>` : String(value)
}

function isList(value: AppField | readonly AppField[]): value is readonly AppField[] {
  return Array.isArray(value)
}

/** Parses the elements inside `<xml>` without converting text; undefined if the text is anything else. */
export function parseXml(text: string): Readonly<Record<string, unknown>> | undefined {
  if (XMLValidator.validate(text) !== true) return undefined
  const root = parse(text)
  const xml = isObject(root) ? root['xml'] : undefined
  return isObject(xml) ? xml : undefined
}

function parse(text: string): unknown {
  try {
    const options = { processEntities: false, parseTagValue: false, ignoreAttributes: true, trimValues: false }
    return new XMLParser(options).parse(text)
  } catch {
    return undefined // well-formed, but the parser rejects tags such as __proto__
  }
}
