import { choicesOf, type Node } from './keys.ts'

/** One thing that is wrong with a config file. Never carries a secret. `path` is empty when it concerns the whole file. */
export interface ConfigIssue {
  readonly path: string
  readonly message: string
  readonly severity: 'error' | 'warning'
}

/** Of what is valid and seldom meant. */
export function warn(path: string, message: string): ConfigIssue {
  return { path, message, severity: 'warning' }
}

/** What a valid value of `node` looks like, in words. */
export function expectationOf(node: Node): string {
  if (node.expects !== undefined) return node.expects
  if ('const' in node) return quote(node.const)
  const choices = choicesOf(node)
  if (choices) return `one of ${choices.map(quote).join(', ')}`
  if (node.anyOf) return node.anyOf.map(expectationOf).join(' or ')
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

function rangeOf(node: Node): string {
  if (node.minimum === undefined) return ''
  return node.maximum === undefined ? ` of at least ${node.minimum}` : ` from ${node.minimum} to ${node.maximum}`
}

/** What was there instead. Of a secret only its length is told. */
export function findingOf(node: Node, value: unknown): string {
  if (typeof value === 'string' && value === '') return 'an empty string'
  if (typeof value === 'string' && node.secret) return secretFindingOf(value)
  if (typeof value === 'object' || node.secret) return kindOf(value)
  const shown = JSON.stringify(value) ?? kindOf(value)
  return shown.length > 60 ? `${shown.slice(0, 60)}…` : shown
}

/** A complaint for a log: its path and what is wrong, without what stands there instead. */
export function formatIssue({ path, message }: ConfigIssue): string {
  const told = message.replace(/, got (?:.|\n)*$/, '')
  return path === '' ? told : `${path}: ${told}`
}

function secretFindingOf(value: string): string {
  const length = `${value.length} character${value.length === 1 ? '' : 's'}`
  if (/\s/.test(value)) return `${length} with white space among them`
  return /[^A-Za-z0-9]/.test(value) ? `${length} with other signs among them` : length
}

export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  return `a ${typeof value}`
}

/** More names than these are not listed. */
const mostNames = 20

/** The name that somebody who wrote `key` most likely meant; undefined when none is near. */
export function nearestOf(key: string, names: readonly string[]): string | undefined {
  const [best] = rankedBy(key, names)
  // Two wrong letters of two are another word.
  const farthest = Math.min(key.length - 1, Math.max(2, Math.floor(key.length / 3)))
  return best !== undefined && best.distance <= farthest ? best.name : undefined
}

/** `; did you mean "token"?`, also of the sections below, or what is known where nothing is near. */
export function suggestionFor(key: string, properties: Readonly<Record<string, Node>>): string {
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
  return `; the nearest is "${best}"${known.length > mostNames ? '' : ` (known here: ${known.join(', ')})`}`
}

function rankedBy(key: string, names: readonly string[]): readonly { name: string; distance: number }[] {
  return names
    .map(name => ({ name, distance: remotenessOf(key.toLowerCase(), name.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance)
}

/** The beginning of a name is nearer to it than any name with a wrong letter. */
function remotenessOf(key: string, name: string): number {
  const distance = distanceOf(key, name)
  return key.length > 2 && name.startsWith(key) ? distance / 100 : distance
}

/** Levenshtein: how many letters must be added, removed or replaced. */
function distanceOf(from: string, to: string): number {
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
