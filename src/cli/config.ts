import { exampleOf } from '../config/example.ts'
import { suggestionFor } from '../config/issues.ts'
import { type SchemaNode, nodeAt, recordOf } from '../config/keys.ts'
import { jsonSchemaOf } from '../config/reference.ts'
import { schema } from '../config/schema.ts'
import { findConfig, formatIssueLine } from './config-issues.ts'
import { exitCodes } from './exit-codes.ts'
import type { Call, Program } from './table/commands.ts'
import { UsageError } from './table/usage-error.ts'
import type { Terminal } from './terminal.ts'
import { checkTexts } from './texts/check.ts'

/** `wecomd config`. */
export const config: Program<'config', Terminal> = {
  async example({ values }, { out }) {
    out(values.json ? JSON.stringify({ example: exampleOf(schema) }) : exampleOf(schema))
    return exitCodes.ok
  },
  async schema({ values }, { out }) {
    out(JSON.stringify(jsonSchemaOf(schema), null, values.json ? 0 : 2))
    return exitCodes.ok
  },
  get: getValue,
}

async function getValue({ values, positionals }: Call<'config', 'get'>, terminal: Terminal): Promise<number> {
  const texts = checkTexts[terminal.language]
  const { key } = positionals
  const keys = key.split('.')
  const node = nodeAt(schema, keys)
  if (!node) throw new UsageError(['config', 'get'], `${texts.unknownKey(key)}${suggestionAt(keys)}`)
  const { settings, issues } = findConfig(values.config, terminal)
  if (!settings) {
    for (const issue of issues) terminal.err(formatIssueLine(issue, terminal))
    return exitCodes.config
  }
  const value = masked(node, valueAt(settings, keys))
  if (value === undefined) {
    terminal.err(texts.notSet(key))
    return exitCodes.failed
  }
  terminal.out(typeof value === 'string' && !values.json ? value : JSON.stringify(value, null, values.json ? 0 : 2))
  return exitCodes.ok
}

/** The nearest key at the first level where the path leaves the schema. */
function suggestionAt(keys: readonly string[]): string {
  const depth = keys.findIndex((_, index) => !nodeAt(schema, keys.slice(0, index + 1)))
  const parent = nodeAt(schema, keys.slice(0, depth))
  return suggestionFor(keys[depth] ?? '', parent?.properties ?? {})
}

function valueAt(settings: unknown, keys: readonly string[]): unknown {
  let value = settings
  for (const key of keys) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = Reflect.get(value, key)
  }
  return value
}

function masked(node: SchemaNode, value: unknown): unknown {
  if (value === undefined) return undefined
  if (node.secret) return '***'
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const record = recordOf(node)?.[1]
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, masked(node.properties?.[key] ?? record ?? node, part)]),
  )
}
