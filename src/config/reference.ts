import { describeExpected } from './issues.ts'
import { choicesOf, type SchemaNode, recordOf } from './keys.ts'

type Json = Record<string, unknown>

const note = (node: SchemaNode): string => (node.unimplemented === true ? ' Has no effect yet.' : '')

/** Converts the schema to JSON Schema (draft 2020-12), which editors use for completion. */
export function jsonSchemaOf(root: SchemaNode): Json {
  const head = { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'wecomd' }
  return { ...head, ...jsonSchemaNode(root), $defs: { secret } }
}

function jsonSchemaNode(node: SchemaNode): Json {
  const described = {
    ...(node.description !== undefined && { description: node.description + note(node) }),
    ...(node.default !== undefined && { default: node.default as unknown }),
  }
  if (node.secret) return { ...described, $ref: '#/$defs/secret' }
  const choices = choicesOf(node)
  if (choices) return { ...described, enum: choices }
  if (node.anyOf) return { ...described, anyOf: node.anyOf.map(jsonSchemaNode) }
  if ('const' in node) return { ...described, const: node.const as unknown }
  return { ...described, type: node.coerce ? ['integer', 'string'] : node.type, ...jsonSchemaBounds(node) }
}

const secret = {
  anyOf: [
    { type: 'string', minLength: 1 },
    {
      type: 'object',
      properties: { file: { type: 'string', minLength: 1, description: 'File that contains the value.' } },
      required: ['file'],
      additionalProperties: false,
    },
  ],
}

function jsonSchemaBounds(node: SchemaNode): Json {
  if (node.properties) {
    const properties = Object.entries(node.properties)
    // TypeBox lists keys with a default as required, but a user may leave them out.
    const required = properties.filter(([key, child]) => node.required?.includes(key) && mustBeGiven(child))
    return {
      properties: Object.fromEntries(properties.map(([key, child]) => [key, jsonSchemaNode(child)])),
      ...(required.length > 0 && { required: required.map(([key]) => key) }),
      additionalProperties: false,
    }
  }
  const record = recordOf(node)
  if (record) return { patternProperties: { [record[0]]: jsonSchemaNode(record[1]) }, additionalProperties: false }
  return {
    ...(node.items && { items: jsonSchemaNode(node.items) }),
    ...(node.minimum !== undefined && { minimum: node.minimum }),
    ...(node.maximum !== undefined && { maximum: node.maximum }),
    ...(node.minLength !== undefined && { minLength: node.minLength }),
    // The value may contain a variable, which an editor cannot resolve.
    ...(node.pattern !== undefined && { pattern: `${node.pattern}|\\$\\{` }),
  }
}

/** False for a section if all its required keys have defaults. */
function mustBeGiven(node: SchemaNode): boolean {
  if (node.default !== undefined) return false
  if (!node.properties) return true
  return Object.entries(node.properties).some(([key, child]) => node.required?.includes(key) && mustBeGiven(child))
}

interface Row {
  readonly key: string
  readonly node: SchemaNode
  readonly required: boolean
}

/** A longer cell makes a table unreadable as text and on a narrow screen. */
const maxCellLength = 120

/**
 * Generates `docs/config.md`: a table per section. If a description is too long for a cell, the cell has its first sentence and
 * the rest follows below the table.
 */
export function markdownOf(root: SchemaNode): string {
  return `${[...introduction, ...sectionsOf(root, '', '')].join('\n').trimEnd()}\n`
}

const introduction = [
  '# Configuration',
  '',
  '<!-- Generated from src/config/schema.ts by `bun run docs`. Changes made here are lost. -->',
  '',
  'wecomd reads one JSON5 file. It uses the first of these: `--config FILE`, `$WECOMD_CONFIG`, `./wecomd.json5`,',
  '`/etc/wecomd/wecomd.json5`.',
  '',
  '- **Commands.** `wecomd check` validates the file and lists every problem. `wecomd config example` prints a file to start from,',
  '  `wecomd config schema` a JSON Schema for editors, and `wecomd config get KEY` the effective value of a key.',
  '- **Variables.** `${NAME}` in a value is replaced with the environment variable. An unset variable is an error.',
  '  Write `$${` for a literal `${`.',
  '- **Secrets.** A value marked **secret** may also be written as `{ file: "/path" }`. Line breaks at the end of the file are',
  '  removed. For systemd credentials, write `{ file: "${CREDENTIALS_DIRECTORY}/name" }`.',
  '- **Paths.** A relative path starts at the folder of the config file.',
  '- **Unknown keys.** A key that is not listed here is an error. Known keys of other WeCom plugins are ignored with a warning.',
  '- *Not yet*: the key is accepted but has no effect in this version.',
  '',
]

function sectionsOf(node: SchemaNode, path: string, heading: string): readonly string[] {
  const entries = Object.entries(node.properties ?? {})
  const rows: Row[] = entries
    .filter(([, child]) => !child.properties || child.sameAs !== undefined)
    .map(([key, child]) => ({ key, node: child, required: node.required?.includes(key) ?? false }))
  const inner = entries.flatMap(([key, child]) => {
    const at = path === '' ? key : `${path}.${key}`
    if (child.sameAs !== undefined) return []
    if (child.properties) return sectionsOf(child, at, at)
    const entry = recordOf(child)?.[1] ?? child.items
    const name = child.items ? `${at}[]` : `${at}.<id>`
    return entry?.properties ? sectionsOf(entry, name, name) : []
  })
  return [...(rows.length > 0 ? sectionOf(node, heading, rows) : []), ...inner]
}

function sectionOf(node: SchemaNode, heading: string, rows: readonly Row[]): readonly string[] {
  return [
    `## ${heading === '' ? 'Top level' : `\`${heading}\``}`,
    '',
    ...(heading !== '' && node.description !== undefined ? [`${node.description}${notYet(node)}`, ''] : []),
    ...(node.layout === 'list' ? listOf(rows) : tableOf(rows)),
    '',
  ]
}

function listOf(rows: readonly Row[]): readonly string[] {
  return rows.map(({ key, node }) => {
    const placeholders = node.placeholders?.map(name => `\`{${name}}\``).join(', ')
    return `- **\`${key}\`**${placeholders === undefined ? '' : ` (${placeholders})`}: ${node.description?.replace(/\.$/, '') ?? ''}`
  })
}

function tableOf(rows: readonly Row[]): readonly string[] {
  const details = rows.flatMap(({ key, node }) => {
    const { rest } = splitDescription(node)
    return rest === '' ? [] : ['', `**\`${key}\`**: ${rest}`]
  })
  return ['| key | value | default | meaning |', '|---|---|---|---|', ...rows.map(rowOf), ...details]
}

/** Divides a description into the text of the table cell and the text below the table, which is empty if the cell has room. */
function splitDescription(node: SchemaNode): { readonly cell: string; readonly rest: string } {
  const [description, suffix] = [node.description ?? '', notYet(node)]
  if (description.length + suffix.length <= maxCellLength) return { cell: description + suffix, rest: '' }
  const [first = ''] = /^.*?\.(?= )/.exec(description) ?? [description]
  return { cell: first + suffix, rest: description.slice(first.length).trim() }
}

function rowOf({ key, node, required }: Row): string {
  const value =
    node.sameAs !== undefined ? `see \`${node.sameAs}\`` : describeExpected(node) + (node.secret ? ', **secret**' : '')
  const fallback = node.default === undefined ? (required ? '**required**' : '') : `\`${JSON.stringify(node.default)}\``
  const cells = [`\`${key}\``, value, fallback, splitDescription(node).cell]
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function notYet(node: SchemaNode): string {
  if (node.unimplemented === undefined) return ''
  return node.unimplemented === true ? ' *Not yet.*' : ` *Not yet: values that match* \`${node.unimplemented}\`.`
}
