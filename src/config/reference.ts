import { expectationOf } from './issues.ts'
import { choicesOf, type Node, recordOf } from './keys.ts'

type Json = Record<string, unknown>

const note = (node: Node): string => (node.unbuilt === true ? ' Has no effect yet.' : '')

/** The config file as JSON Schema (draft 2020-12), for editors. */
export function jsonSchemaOf(root: Node): Json {
  const head = { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'wecomd' }
  return { ...head, ...jsonSchemaNode(root), $defs: { secret } }
}

function jsonSchemaNode(node: Node): Json {
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
      properties: { file: { type: 'string', minLength: 1, description: 'A file that holds the value.' } },
      required: ['file'],
      additionalProperties: false,
    },
  ],
}

function jsonSchemaBounds(node: Node): Json {
  if (node.properties) {
    const properties = Object.entries(node.properties)
    // What has a default, or holds nothing that has none, may be left out of the file.
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
    // The value may be a variable whose content an editor cannot know.
    ...(node.pattern !== undefined && { pattern: `${node.pattern}|\\$\\{` }),
  }
}

function mustBeGiven(node: Node): boolean {
  if (node.default !== undefined) return false
  if (!node.properties) return true
  return Object.entries(node.properties).some(([key, child]) => node.required?.includes(key) && mustBeGiven(child))
}

interface Row {
  readonly key: string
  readonly node: Node
  readonly required: boolean
}

/** `docs/config.md`. */
export function markdownOf(root: Node): string {
  return `${[...introduction, ...sectionsOf(root, '', '')].join('\n').trimEnd()}\n`
}

const introduction = [
  '# Configuration',
  '',
  '<!-- Generated from src/config/schema.ts by `bun run docs`; changes made here are lost. -->',
  '',
  'One JSON5 file: `--config FILE`, else `$WECOMD_CONFIG`, else `./wecomd.json5`, else `/etc/wecomd/wecomd.json5`.',
  '',
  '- `wecomd check` tells everything that is wrong with it, `wecomd config example` prints one to start from,',
  '  `wecomd config schema` a JSON Schema for editors, `wecomd config get KEY` what a key amounts to.',
  '- `${NAME}` in any value is the environment variable NAME; a variable that is not set is an error. `$${` is a literal `${`.',
  '- A **secret** may be written as `{ file: "/path" }`: the content of that file without line breaks at its end. Paths are',
  '  relative to the folder of the config file; for systemd credentials `{ file: "${CREDENTIALS_DIRECTORY}/name" }`.',
  '- A key that is not listed here is an error. Keys of other WeCom plugins that mean nothing here are a warning.',
  '- *Not yet*: the key is accepted and has no effect so far.',
  '',
]

function sectionsOf(node: Node, path: string, heading: string): readonly string[] {
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

function sectionOf(node: Node, heading: string, rows: readonly Row[]): readonly string[] {
  return [
    `## ${heading === '' ? 'Top level' : `\`${heading}\``}`,
    '',
    ...(heading !== '' && node.description !== undefined ? [`${node.description}${notYet(node)}`, ''] : []),
    '| key | value | default | meaning |',
    '|---|---|---|---|',
    ...rows.map(rowOf),
    '',
  ]
}

function rowOf({ key, node, required }: Row): string {
  const value =
    node.sameAs !== undefined ? `as \`${node.sameAs}\`` : expectationOf(node) + (node.secret ? ', **secret**' : '')
  const fallback = node.default === undefined ? (required ? '**required**' : '') : `\`${JSON.stringify(node.default)}\``
  const cells = [`\`${key}\``, value, fallback, `${node.description ?? ''}${notYet(node)}`]
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function notYet(node: Node): string {
  if (node.unbuilt === undefined) return ''
  return node.unbuilt === true ? ' *Not yet.*' : ` *Not yet: values that match* \`${node.unbuilt}\`.`
}
