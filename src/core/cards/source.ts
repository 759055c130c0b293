/** Reads the JSON of a card the way models write it: with comments, single quotes, missing or trailing commas, cut off. */
import { jsonrepair } from 'jsonrepair'
import { isObject } from '../../domain/json.ts'
import { printable } from '../../domain/visible.ts'

/** A template card as the agent wrote it, before `shapeCard`. */
export type RawCard = Readonly<Record<string, unknown>>

/** A longer object is not a card. In characters. */
export const maxLength = 65_536
/** Repairing takes much longer than parsing, so only sources up to this length are repaired. In characters. */
const maxRepaired = 16_384
/** Values that a reader of a card would see, in a source that can't be repaired. */
const readableValue =
  /["'“”]?\b(?:title|desc|text|quote_text|sub_title_text|keyname|value)["'“”]?\s*[:=：]\s*(?:"((?:[^"\\\n]|\\.){1,500})"|'([^'\n]{1,500})'|“([^”\n]{1,500})”)/g
const maxReadable = 40

/** The end of the object that starts at `start`, as its quotes and braces say; undefined if it is not closed. */
export function objectEnd(text: string, start: number): number | undefined {
  let depth = 0
  let quote = ''
  /** The last character that was not white space: a string starts only where JSON expects a key or a value. */
  let last = ''
  const limit = Math.min(text.length, start + maxLength)
  for (let at = start; at < limit; at++) {
    const char = text[at] ?? ''
    if (quote !== '') {
      if (char === '\\') at++
      else if (char === quote) quote = ''
    } else if (char === '"') quote = char
    else if ('{[,:('.includes(last) && char in otherQuotes) quote = otherQuotes[char] ?? ''
    else if (char === '{') depth++
    else if (char === '}' && --depth === 0) return at + 1
    if (char.trim() !== '') last = char
  }
  return undefined
}

/** Quotes other than `"` around a string, and what closes each. */
const otherQuotes: Readonly<Record<string, string>> = { "'": "'", '“': '”', '‘': '’', '`': '`' }

/** The end of the object that starts at `start` by its braces alone, for a source with an odd number of quotes. */
export function bracesEnd(text: string, start: number): number | undefined {
  let depth = 0
  const limit = Math.min(text.length, start + maxLength)
  for (let at = start; at < limit; at++) {
    if (text[at] === '{') depth++
    else if (text[at] === '}' && --depth === 0) return at + 1
  }
  return undefined
}

/** The card in the source of an object; undefined if that is not JSON, or has no card of its own. */
export function parseCard(source: string): RawCard | undefined {
  try {
    const value: unknown = JSON.parse(source, (_, item: unknown) => (typeof item === 'string' ? printable(item) : item))
    const card = isObject(value) ? value['template_card'] : undefined
    return isObject(card) ? card : undefined
  } catch {
    return undefined // not valid JSON
  }
}

/** The same for a source with mistakes that are common in what models write. A source that is cut off is completed. */
export function repairCard(source: string): RawCard | undefined {
  return source.length > maxRepaired ? undefined : (repaired(source) ?? repaired(withAsciiPunctuation(source)))
}

function repaired(source: string): RawCard | undefined {
  try {
    return parseCard(jsonrepair(source))
  } catch {
    return undefined // beyond repair
  }
}

/** Full-width colons and commas between the quotes of keys and values. */
function withAsciiPunctuation(source: string): string {
  return source
    .replace(/(?<=["'”’]\s{0,9})：(?=\s*["'“‘[{\dtfn-])/g, ':')
    .replace(/(?<=["'”’}\]\de]\s{0,9})，(?=\s*["'“‘{[])/g, ',')
}

/** A card with what a reader would see of a source that can't be repaired, as lines. */
export function salvageCard(source: string): RawCard {
  const values = Array.from(
    source.slice(0, maxLength).matchAll(readableValue),
    found => found[1] ?? found[2] ?? found[3],
  )
  return { vertical_content_list: values.slice(0, maxReadable).map(title => ({ title: printable(title ?? '') })) }
}
