import { type TSchema, Type } from '@sinclair/typebox'
import type { ValueKind } from './values.ts'

/** Our annotations of a schema node, used by the reader and by the generated reference. */
export interface KeyOptions {
  /** Never printed. May be written as `{ file: '/path' }`. */
  readonly secret?: true
  /** Not implemented yet: `check` warns about the key. A pattern limits that to the values that match, which are errors. */
  readonly unimplemented?: true | string
  /** A path. Relative paths start at the folder of the config file. */
  readonly relative?: true
  /** What the path must contain: readable certificates, or workspace files. A `folder` may also be created later. */
  readonly contents?: 'certificates' | 'workspace' | 'folder'
  /** Accepts a quoted number for an integer, and a number for a string. */
  readonly coerce?: true
  /** The longest text, in bytes of UTF-8. */
  readonly maxBytes?: number
  /** What its text must be, beyond its type. */
  readonly valueKind?: ValueKind
  /** An agent id, normalized the way the gateway does it. */
  readonly isAgentId?: true
  /** Describes a valid value, if the type alone is not enough. */
  readonly expects?: string
  /** Describes a valid key of a record. */
  readonly nameRule?: string
  /** The value in the example config. */
  readonly example?: unknown
  /** The value in the example config, commented out. */
  readonly sample?: unknown
  /** The placeholders that a text may contain. */
  readonly placeholders?: readonly string[]
  /** How the reference shows the keys of a section: a table, or a list if the descriptions are too long for table cells. */
  readonly layout?: 'list'
  /** The path of a section with the same keys. The reference refers to it instead of repeating them. */
  readonly sameAs?: string
}

/** A TypeBox schema, typed for walking through it. */
export interface SchemaNode extends TSchema, KeyOptions {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean'
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly required?: readonly string[] | undefined
  readonly items?: SchemaNode
  readonly anyOf?: readonly SchemaNode[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly pattern?: string
  readonly description?: string
}

/** An object that accepts only the listed keys. */
export const section = { additionalProperties: false } as const

export const string = (description: string, options: KeyOptions & { pattern?: string; default?: string } = {}) =>
  Type.String({ minLength: 1, description, ...options })

export const boolean = (description: string, value: boolean, options: KeyOptions = {}) =>
  Type.Boolean({ description, default: value, ...options })

export const integer = (
  description: string,
  value: number,
  more: KeyOptions & { minimum?: number; maximum?: number } = {},
) => Type.Integer({ minimum: 1, description, default: value, ...more })

export const port = (description: string, value: number) => integer(description, value, { minimum: 0, maximum: 65535 })

/** `each` are the options of one entry. */
export const stringList = (description: string, value: string[], each: KeyOptions & { pattern?: string } = {}) =>
  Type.Array(Type.String({ minLength: 1, ...each }), { description, default: value })

export const path = (description: string, options: KeyOptions = {}) =>
  Type.String({ minLength: 1, expects: 'a path', relative: true, valueKind: 'path', description, ...options })

/** An agent id in any spelling that OpenClaw accepts in its own config. */
export const agentId = (description: string, options: KeyOptions & { default?: string } = {}) =>
  string(description, {
    pattern: '[A-Za-z0-9_]',
    expects: 'an agent id (letters, digits, "_" and "-")',
    isAgentId: true,
    ...options,
  })

export const aesKey = (description: string, options: KeyOptions = {}) =>
  Type.String({
    pattern: '^[A-Za-z0-9]{43}$',
    expects: '43 letters and digits',
    description,
    secret: true,
    ...options,
  })

/** The schema of the key at a path. In a record, any name leads to the schema of its values. */
export function nodeAt(root: SchemaNode, keys: readonly string[]): SchemaNode | undefined {
  let node: SchemaNode | undefined = root
  for (const key of keys) node = node && childOf(node, key)
  return node
}

function childOf(node: SchemaNode, key: string): SchemaNode | undefined {
  if (node.properties && Object.hasOwn(node.properties, key)) return node.properties[key]
  return recordOf(node)?.[1]
}

/** The key pattern and the value schema of an object with user-defined keys; undefined for other nodes. */
export function recordOf(node: SchemaNode): readonly [string, SchemaNode] | undefined {
  return node.patternProperties && Object.entries(node.patternProperties)[0]
}

/** The values of an enum; undefined for other nodes. */
export function choicesOf(node: SchemaNode): readonly unknown[] | undefined {
  if (!node.anyOf?.every(choice => 'const' in choice)) return undefined
  return node.anyOf.map(choice => choice.const)
}
