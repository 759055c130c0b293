import { choicesOf, type SchemaNode } from './keys.ts'

/** One problem in a config file. Never contains a secret. `path` is empty if the problem concerns the whole file. */
export interface ConfigIssue {
  readonly path: string
  readonly message: string
  readonly severity: 'error' | 'warning'
}

/** A warning: the value is valid but probably not meant. */
export function warn(path: string, message: string): ConfigIssue {
  return { path, message, severity: 'warning' }
}

/** Describes a valid value of `node`, as in "expected a whole number from 0 to 65535". */
export function describeExpected(node: SchemaNode): string {
  if (node.expects !== undefined) return node.expects
  if ('const' in node) return quote(node.const)
  const choices = choicesOf(node)
  if (choices) return `one of ${choices.map(quote).join(', ')}`
  if (node.anyOf) return node.anyOf.map(describeExpected).join(' or ')
  switch (node.type) {
    case 'boolean':
      return 'true or false'
    case 'integer':
      return `a whole number${rangeOf(node)}`
    case 'array':
      return node.items?.type === 'string' ? 'a list of strings' : 'a list of objects'
    case 'string':
      return (node.minLength ?? 0) > 0 ? 'a non-empty string' : 'a string'
    default:
      return 'an object'
  }
}

function rangeOf(node: SchemaNode): string {
  if (node.minimum === undefined) return ''
  return node.maximum === undefined ? ` of at least ${node.minimum}` : ` from ${node.minimum} to ${node.maximum}`
}

/** Describes the invalid value. Of a secret it reveals only the length. */
export function describeActual(node: SchemaNode, value: unknown): string {
  if (typeof value === 'string' && value === '') return 'an empty string'
  if (typeof value === 'string' && node.secret) return describeSecret(value)
  if (typeof value === 'object' || node.secret) return describeType(value)
  const shown = JSON.stringify(value) ?? describeType(value)
  return shown.length > 60 ? `${shown.slice(0, 60)}…` : shown
}

/** Formats an issue for the log, without the invalid value: it may be personal data such as a user id. */
export function formatIssue({ path, message }: ConfigIssue): string {
  const problem = message.replace(/, got (?:.|\n)*$/, '')
  return path === '' ? problem : `${path}: ${problem}`
}

function describeSecret(value: string): string {
  const length = `${value.length} character${value.length === 1 ? '' : 's'}`
  if (/\s/.test(value)) return `${length}, including white space`
  return /[^A-Za-z0-9]/.test(value) ? `${length}, including some that are not letters or digits` : length
}

/** Names the JSON type of a value, with its article. */
export function describeType(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  return `a ${typeof value}`
}

/** A section with more keys than this does not list them all. */
const maxListedKeys = 20

/** The name that was most likely meant by `key`; undefined if none is close. */
export function nearestOf(key: string, names: readonly string[]): string | undefined {
  const [best] = rankedBy(key, names)
  // A name of two letters with two wrong ones is another word.
  const farthest = Math.min(key.length - 1, Math.max(2, Math.floor(key.length / 3)))
  return best !== undefined && best.distance <= farthest ? best.name : undefined
}

/**
 * Suggests a known key for an unknown one, as a suffix for the message: `; did you mean "token"?`. If no key of this section is
 * close, it looks for the same key in the sections below, since flat keys of other plugins belong there.
 */
export function suggestionFor(key: string, properties: Readonly<Record<string, SchemaNode>>): string {
  const known = Object.keys(properties)
  const best = rankedBy(key, known)[0]?.name
  if (best === undefined) return ''
  if (nearestOf(key, known) !== undefined) return `; did you mean "${best}"?`
  const below = Object.entries(properties).flatMap(([section, node]) =>
    Object.keys(node.properties ?? {})
      .filter(name => name.toLowerCase() === key.toLowerCase())
      .map(name => `"${section}.${name}"`),
  )
  if (below.length > 0) return `; did you mean ${below.join(' or ')}?`
  return `; closest match: "${best}"${known.length > maxListedKeys ? '' : ` (known keys: ${known.join(', ')})`}`
}

function rankedBy(key: string, names: readonly string[]): readonly { name: string; distance: number }[] {
  return names
    .map(name => ({ name, distance: rankOf(key.toLowerCase(), name.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance)
}

/** Like `editDistance`, but an abbreviation (`lang` for `language`) ranks before any misspelling. */
function rankOf(key: string, name: string): number {
  const distance = editDistance(key, name)
  return key.length > 2 && name.startsWith(key) ? distance / 100 : distance
}

/** Levenshtein distance: the number of letters to add, remove or replace. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (const [index, letter] of from.split('').entries()) {
    const next = [index + 1]
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (row[column - 1] ?? 0) + (letter === to[column - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}

function quote(value: unknown): string {
  return JSON.stringify(value)
}
