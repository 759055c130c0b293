import { parseId, parseTypeName } from './values.ts'

export function fieldOf(holder: unknown, name: string): unknown {
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, name)) return undefined
  return (holder as Record<string, unknown>)[name] // an object's own property, by the line above
}

export function stringOf(holder: unknown, name: string): string | undefined {
  const value = fieldOf(holder, name)
  return typeof value === 'string' ? value : undefined
}

export function idOf(holder: unknown, name: string): string | undefined {
  return parseId(stringOf(holder, name))
}

export function typeNameOf(holder: unknown, name: string): string | undefined {
  return parseTypeName(stringOf(holder, name))
}

/** A list; a single thing where a list is meant counts as one. */
export function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}
