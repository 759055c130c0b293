import { isObject } from '../../domain/json.ts'
import type { Card } from '../../domain/message.ts'
import { byteLength } from '../text/split.ts'

/** Who sends a card: the Bot by response_url, or the app. A few fields are valid in only one of the two. */
export type Flavour = 'bot' | 'app'

/** The field that a reader reads, and how it reports a violation for which WeCom would refuse the card. */
export interface FieldContext {
  readonly path: string
  readonly flavour: Flavour
  readonly refuse: (reason: string) => void
}

/**
 * Reads a field in the form that WeCom accepts, with wrong types corrected. Returns undefined for an unusable value.
 */
export type Reader<T> = (value: unknown, context: FieldContext) => T | undefined

/** Reads a text for people. Numbers are converted. */
export const text: Reader<string> = value => {
  const written = typeof value === 'number' && Number.isFinite(value) ? String(value) : value
  return typeof written === 'string' && written.trim() !== '' ? written : undefined
}

/** Reads an id or key. It is trimmed, because WeCom trims it in click callbacks. */
export const identifier: Reader<string> = (value, context) => text(value, context)?.trim()

/** Refuses a text of more than `limitBytes`. */
export function limited(reader: Reader<string>, limitBytes: number): Reader<string> {
  return (value, context) => {
    const read = reader(value, context)
    if (read !== undefined && byteLength(read) > limitBytes) refuse(context, `is longer than ${limitBytes} bytes`)
    return read
  }
}

export function oneOf(...allowed: readonly number[]): Reader<number> {
  return value => {
    const number = numberOf(value)
    return number !== undefined && allowed.includes(number) ? number : undefined
  }
}

/** Reads a number between `min` and `max`, both exclusive. */
export function between(min: number, max: number): Reader<number> {
  return value => {
    const number = numberOf(value)
    return number !== undefined && number > min && number < max ? number : undefined
  }
}

export const boolean: Reader<boolean> = value => {
  if (value === true || value === 'true' || numberOf(value) === 1) return true
  return value === false || value === 'false' || numberOf(value) === 0 ? false : undefined
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

/** A kind of link: the field that its `type` requires, and one that is optional. */
interface Link {
  readonly type: number
  readonly requires: string
  readonly limitBytes?: number
  readonly optional?: string
  /** Valid only in cards of this sender. */
  readonly only?: Flavour
}

export interface Rules {
  /** The card is refused without these fields. */
  readonly required?: readonly string[]
  /** The field to set if the model wrote a text instead of the object. */
  readonly asText?: string
  readonly links?: readonly Link[]
}

/** Links to a web page and to a mini program. */
export const pages: readonly Link[] = [
  { type: 1, requires: 'url' },
  { type: 2, requires: 'appid', optional: 'pagepath' },
]

/** Reads an object with these fields. Other fields are dropped, and so is an object without any usable field. */
export function struct(fields: Readonly<Record<string, Reader<unknown>>>, rules: Rules = {}): Reader<Card> {
  return (value, context) => {
    const written = rules.asText === undefined ? undefined : text(value, context)
    const given = written === undefined ? fieldsOf(value) : { [rules.asText ?? '']: written }
    const read = Object.entries(fields).map(([name, reader]) => [name, reader(given[name], inside(context, name))])
    const known: Card = Object.fromEntries(read.filter(([, found]) => found !== undefined))
    const shaped = { ...known, ...linkOf(given, rules.links ?? [], context) }
    if (Object.keys(shaped).length === 0) return undefined
    const missing = rules.required?.find(name => !(name in shaped))
    if (missing !== undefined) refuse(context, `has no ${missing}`)
    return shaped
  }
}

/** The link of the given type, else the first one that has its required field. */
function linkOf(given: Card, links: readonly Link[], context: FieldContext): Card {
  const type = numberOf(given['type'])
  if (type === 0) return {}
  const usable = links.filter(
    ({ requires, only }) =>
      (only ?? context.flavour) === context.flavour && text(given[requires], context) !== undefined,
  )
  const link = usable.find(link => link.type === type) ?? usable[0]
  if (link === undefined) return {}
  const { requires, optional, limitBytes = Number.POSITIVE_INFINITY } = link
  const extra = optional === undefined ? undefined : text(given[optional], context)
  return {
    type: link.type,
    [requires]: limited(text, limitBytes)(given[requires], inside(context, requires)),
    ...(optional !== undefined && extra !== undefined && { [optional]: extra }),
  }
}

/**
 * Reads a list, without unusable items. More than `max` items are refused, because any of them could be the important
 * one.
 */
export function list(reader: Reader<Card>, max: number): Reader<readonly Card[]> {
  return (value, context) => {
    const items = listOf(value)
      .map(item => reader(item, context))
      .filter(item => item !== undefined)
    if (items.length > max) refuse(context, `has ${items.length} items, and ${max} are allowed`)
    return items.length === 0 ? undefined : items.slice(0, max)
  }
}

/** Gives each item of a list a unique id in its field `name`. An item without one gets `prefix` and its number. */
export function withUniqueIds(
  reader: Reader<readonly Card[]>,
  name: string,
  limitBytes: number,
  prefix = '',
): Reader<readonly Card[]> {
  return (value, context) => {
    const items = reader(value, context)
    if (items === undefined) return undefined
    const ids = uniqueIds(
      items.map(item => identifier(item[name], context)),
      prefix,
    )
    if (ids.some(id => byteLength(id) > limitBytes)) refuse(context, `has a ${name} of more than ${limitBytes} bytes`)
    return items.map((item, index) => ({ ...item, [name]: ids[index] }))
  }
}

/** Keeps the first use of each id. A missing or repeated id becomes the next free one. */
function uniqueIds(given: readonly (string | undefined)[], prefix: string): readonly string[] {
  const used = new Set(given)
  return given.map((id, index) => {
    if (id !== undefined && given.indexOf(id) === index) return id
    const wanted = id ?? `${prefix}${index + 1}`
    let unique = wanted
    for (let n = 2; used.has(unique); n++) unique = `${wanted}-${n}`
    used.add(unique)
    return unique
  })
}

/** Reads the options of a question. Each has a unique id in its field `name` and a text; one can replace the other. */
export function choices(
  name: string,
  limits: { readonly items: number; readonly bytes: number },
  fields: Readonly<Record<string, Reader<unknown>>> = {},
  links: readonly Link[] = [],
): Reader<readonly Card[]> {
  const item = struct({ ...fields, [name]: identifier, text }, { asText: 'text', links })
  const labelled: Reader<Card> = (value, context) => {
    const read = item(value, context)
    if (read === undefined || 'text' in read) return read
    if (!(name in read)) refuse(context, 'has an item without a text')
    return { ...read, text: read[name] }
  }
  return withUniqueIds(list(labelled, limits.items), name, limits.bytes)
}

function inside(context: FieldContext, name: string): FieldContext {
  return { ...context, path: context.path === '' ? name : `${context.path}.${name}` }
}

/** Reports why WeCom would refuse the card. */
export function refuse(context: FieldContext, reason: string): void {
  context.refuse(`${context.path === '' ? 'the card' : context.path} ${reason}`)
}

/** Returns the fields of an object, and no fields for any other value. */
export function fieldsOf(value: unknown): Card {
  return isObject(value) ? value : {}
}

/** Returns the items of a list; a single value counts as a list of one. */
export function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}
