import { type TSchema, Type } from '@sinclair/typebox'

/** What a key of the schema can carry beside its type. All of it is read by the reader and the reference alike. */
export interface Marks {
  /** Never printed; may be given as `{ file: '/path' }`. */
  readonly secret?: true
  /** The feature is not there yet: `check` says so. A pattern means only values that match it. */
  readonly unbuilt?: true | string
  /** A path, relative to the folder of the config file. */
  readonly relative?: true
  /** What must be under the path: certificates that can be read, files of a workspace; or a folder, which may also be made later. */
  readonly holds?: 'certificates' | 'workspace' | 'folder'
  /** Digits in quotes count as a number here, or a number as text. */
  readonly coerce?: true
  /** The id of an agent, which the gateway spells in its own way. */
  readonly isAgentId?: true
  /** What a valid value looks like, where the type alone does not say it. */
  readonly expects?: string
  /** What a valid name in a record looks like. */
  readonly names?: string
  /** Shown in the example as a live line. */
  readonly example?: unknown
  /** Shown in the example behind a comment sign. */
  readonly sample?: unknown
  /** The reference describes these keys once, there. */
  readonly sameAs?: string
}

/** A schema as the reader walks it. */
export interface Node extends TSchema, Marks {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean'
  readonly properties?: Readonly<Record<string, Node>>
  readonly patternProperties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[] | undefined
  readonly items?: Node
  readonly anyOf?: readonly Node[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly pattern?: string
  readonly description?: string
}

/** Keys with fixed names. */
export const section = { additionalProperties: false } as const

export const text = (description: string, marks: Marks & { pattern?: string; default?: string } = {}) =>
  Type.String({ minLength: 1, description, ...marks })

export const flag = (description: string, value: boolean, marks: Marks = {}) =>
  Type.Boolean({ description, default: value, ...marks })

export const whole = (description: string, value: number, more: Marks & { minimum?: number; maximum?: number } = {}) =>
  Type.Integer({ minimum: 1, description, default: value, ...more })

export const port = (description: string, value: number) => whole(description, value, { minimum: 0, maximum: 65535 })

/** `each` is what holds for an entry. */
export const texts = (description: string, value: string[], each: Marks & { pattern?: string } = {}) =>
  Type.Array(Type.String({ minLength: 1, ...each }), { description, default: value })

export const path = (description: string, marks: Marks = {}) =>
  Type.String({ minLength: 1, expects: 'a path', relative: true, description, ...marks })

/** Whatever a file of OpenClaw may call an agent. */
export const agent = (description: string, marks: Marks & { default?: string } = {}) =>
  text(description, {
    pattern: '[A-Za-z0-9_]',
    expects: 'the id of an agent: letters, digits, "_" and "-"',
    isAgentId: true,
    ...marks,
  })

export const aesKey = (description: string, marks: Marks = {}) =>
  Type.String({
    pattern: '^[A-Za-z0-9]{43}$',
    expects: '43 letters and digits',
    description,
    secret: true,
    ...marks,
  })

/** The schema under a dotted path; `*` of a record is any of its keys. */
export function nodeAt(root: Node, keys: readonly string[]): Node | undefined {
  let node: Node | undefined = root
  for (const key of keys) node = node && childOf(node, key)
  return node
}

function childOf(node: Node, key: string): Node | undefined {
  if (node.properties && Object.hasOwn(node.properties, key)) return node.properties[key]
  return recordOf(node)?.[1]
}

/** The key pattern and the value schema of an object whose names are the user's. */
export function recordOf(node: Node): readonly [string, Node] | undefined {
  return node.patternProperties && Object.entries(node.patternProperties)[0]
}

/** The values of a choice between fixed words. */
export function choicesOf(node: Node): readonly unknown[] | undefined {
  if (!node.anyOf?.every(choice => 'const' in choice)) return undefined
  return node.anyOf.map(choice => choice.const)
}
