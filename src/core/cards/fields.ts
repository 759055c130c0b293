import type { Card } from '../../domain/message.ts'
import { byteLength } from '../text/split.ts'

/** By what a card is sent: each of the two has a few things that the other has not. */
export type Flavour = 'bot' | 'app'

/** Where in a card a value stands, and whom to tell that it breaks a hard rule. */
export interface FieldPath {
  readonly path: string
  readonly flavour: Flavour
  readonly refuse: (reason: string) => void
}

/** The value as the platform takes it, mistyped ones put right; undefined when nothing can be made of it. */
export type Reader<T> = (value: unknown, place: FieldPath) => T | undefined

/** A text that somebody reads. */
export const text: Reader<string> = value => {
  const written = typeof value === 'number' && Number.isFinite(value) ? String(value) : value
  return typeof written === 'string' && written.trim() !== '' ? written : undefined
}

/** A text that only programs read; without the space around it, which does not come back in a click. */
export const word: Reader<string> = (value, place) => text(value, place)?.trim()

export function limited(reader: Reader<string>, limitBytes: number): Reader<string> {
  return (value, place) => {
    const read = reader(value, place)
    if (read !== undefined && byteLength(read) > limitBytes) refuse(place, `is longer than ${limitBytes} bytes`)
    return read
  }
}

export function oneOf(...allowed: readonly number[]): Reader<number> {
  return value => {
    const number = numberOf(value)
    return number !== undefined && allowed.includes(number) ? number : undefined
  }
}

/** A number between the two, neither of which is allowed itself. */
export function between(least: number, most: number): Reader<number> {
  return value => {
    const number = numberOf(value)
    return number !== undefined && number > least && number < most ? number : undefined
  }
}

export const truth: Reader<boolean> = value => {
  if (value === true || value === 'true' || numberOf(value) === 1) return true
  return value === false || value === 'false' || numberOf(value) === 0 ? false : undefined
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

/** Something to open: what `type` needs, and what it may have. */
interface Link {
  readonly type: number
  readonly needs: string
  readonly limitBytes?: number
  readonly may?: string
  readonly only?: Flavour
}

export interface Rules {
  /** Without these it is refused. */
  readonly required?: readonly string[]
  /** The field that is meant where a text stands instead of the object. */
  readonly asText?: string
  readonly links?: readonly Link[]
}

export const pages: readonly Link[] = [
  { type: 1, needs: 'url' },
  { type: 2, needs: 'appid', may: 'pagepath' },
]

/** An object of known fields; whatever else it has is dropped, and so is one of which nothing is left. */
export function struct(fields: Readonly<Record<string, Reader<unknown>>>, rules: Rules = {}): Reader<Card> {
  return (value, place) => {
    const written = rules.asText === undefined ? undefined : text(value, place)
    const given = written === undefined ? fieldsOf(value) : { [rules.asText ?? '']: written }
    const read = Object.entries(fields).map(([name, reader]) => [name, reader(given[name], inside(place, name))])
    const known: Card = Object.fromEntries(read.filter(([, found]) => found !== undefined))
    const shaped = { ...known, ...linkOf(given, rules.links ?? [], place) }
    if (Object.keys(shaped).length === 0) return undefined
    const missing = rules.required?.find(name => !(name in shaped))
    if (missing !== undefined) refuse(place, `has no ${missing}`)
    return shaped
  }
}

/** The link of the given type, else the one that can be made of what is there. */
function linkOf(given: Card, links: readonly Link[], place: FieldPath): Card {
  const type = numberOf(given['type'])
  if (type === 0) return {}
  const usable = links.filter(
    ({ needs, only }) => (only ?? place.flavour) === place.flavour && text(given[needs], place) !== undefined,
  )
  const link = usable.find(link => link.type === type) ?? usable[0]
  if (link === undefined) return {}
  const { needs, may, limitBytes = Number.POSITIVE_INFINITY } = link
  const option = may === undefined ? undefined : text(given[may], place)
  return {
    type: link.type,
    [needs]: limited(text, limitBytes)(given[needs], inside(place, needs)),
    ...(may !== undefined && option !== undefined && { [may]: option }),
  }
}

/** Everything that can be used of a list; more than `most` is refused, since nobody can say which to leave out. */
export function list(reader: Reader<Card>, most: number): Reader<readonly Card[]> {
  return (value, place) => {
    const items = listOf(value)
      .map(item => reader(item, place))
      .filter(item => item !== undefined)
    if (items.length > most) refuse(place, `has ${items.length} items, and ${most} are allowed`)
    return items.length === 0 ? undefined : items.slice(0, most)
  }
}

/** A list in which each has an id of its own under `name`: `prefix` and its number where it has none. */
export function identified(
  reader: Reader<readonly Card[]>,
  name: string,
  limitBytes: number,
  prefix = '',
): Reader<readonly Card[]> {
  return (value, place) => {
    const items = reader(value, place)
    if (items === undefined) return undefined
    const ids = uniqueIds(
      items.map(item => word(item[name], place)),
      prefix,
    )
    if (ids.some(id => byteLength(id) > limitBytes)) refuse(place, `has a ${name} of more than ${limitBytes} bytes`)
    return items.map((item, index) => ({ ...item, [name]: ids[index] }))
  }
}

/** Who has an id keeps it; those without one, or with that of another before them, get the next that is free. */
function uniqueIds(given: readonly (string | undefined)[], prefix: string): readonly string[] {
  const taken = new Set(given)
  return given.map((id, index) => {
    if (id !== undefined && given.indexOf(id) === index) return id
    const wanted = id ?? `${prefix}${index + 1}`
    let unique = wanted
    for (let n = 2; taken.has(unique); n++) unique = `${wanted}-${n}`
    taken.add(unique)
    return unique
  })
}

/** What there is to choose from: each with an id under `name` and a text, of which one can stand for the other. */
export function choices(
  name: string,
  limits: { readonly most: number; readonly bytes: number },
  fields: Readonly<Record<string, Reader<unknown>>> = {},
  links: readonly Link[] = [],
): Reader<readonly Card[]> {
  const item = struct({ ...fields, [name]: word, text }, { asText: 'text', links })
  const labelled: Reader<Card> = (value, place) => {
    const read = item(value, place)
    if (read === undefined || 'text' in read) return read
    if (!(name in read)) refuse(place, 'has an item without a text')
    return { ...read, text: read[name] }
  }
  return identified(list(labelled, limits.most), name, limits.bytes)
}

function inside(place: FieldPath, name: string): FieldPath {
  return { ...place, path: place.path === '' ? name : `${place.path}.${name}` }
}

export function refuse(place: FieldPath, reason: string): void {
  place.refuse(`${place.path === '' ? 'the card' : place.path} ${reason}`)
}

/** The fields of an object; none of anything else. */
export function fieldsOf(value: unknown): Card {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}

/** A list, or the one thing that stands where a list belongs. */
export function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}
