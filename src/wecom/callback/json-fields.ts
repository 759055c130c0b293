import { parseId, parseTypeName } from './values.ts'

export function fieldOf(holder: unknown, name: string): unknown {
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, name)) return undefined
  return (holder as Record<string, unknown>)[name] // checked above: an object's own property
}

/** A string property; undefined for any other type. */
export function stringOf(holder: unknown, name: string): string | undefined {
  const value = fieldOf(holder, name)
  return typeof value === 'string' ? value : undefined
}

/** A property that is a valid id, see `parseId`. */
export function idOf(holder: unknown, name: string): string | undefined {
  return parseId(stringOf(holder, name))
}

/** A property that is a valid type name, see `parseTypeName`. */
export function typeNameOf(holder: unknown, name: string): string | undefined {
  return parseTypeName(stringOf(holder, name))
}

/** The value as a list. A single value becomes a list of one. */
export function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}
