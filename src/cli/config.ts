import { suggestionFor } from '../config/issues.ts'
import { findConfigFile, loadConfig } from '../config/config.ts'
import { exampleOf } from '../config/example.ts'
import { type Node, nodeAt, recordOf } from '../config/keys.ts'
import { jsonSchemaOf } from '../config/reference.ts'
import { schema } from '../config/schema.ts'
import { formatIssueLine, nowhere } from './check.ts'
import type { CliIo } from './io.ts'
import { alwaysUsage, exitCodes, parseCommand, usageError } from './usage.ts'

const usage = [
  'usage: wecomd config schema | example | get KEY [--config FILE] [--json]',
  '',
  '  schema             print a JSON Schema of the config file, for editors',
  '  example            print a commented config file to start from',
  '  get KEY            print what a key amounts to, defaults included, secrets as ***',
  '',
  ...alwaysUsage,
]

/** `wecomd config schema | example | get KEY`. */
export async function config(args: readonly string[], io: CliIo): Promise<number> {
  const command = parseCommand(args, io, { usage, flags: {}, positionals: 2 })
  if (command.exit !== undefined) return command.exit
  const [verb, key] = command.positionals
  if (verb === 'get') {
    if (key === undefined) return usageError(io, 'config get needs a key, like gateway.url', usage)
    return get(key, command.values, io)
  }
  if (verb !== 'schema' && verb !== 'example') {
    return usageError(io, verb === undefined ? 'config needs to know what' : `there is no "config ${verb}"`, usage)
  }
  if (key !== undefined) return usageError(io, `unexpected argument "${key}"`, usage)
  io.out(verb === 'schema' ? JSON.stringify(jsonSchemaOf(schema), null, 2) : exampleOf(schema))
  return exitCodes.ok
}

function get(key: string, flags: { config?: string; json?: boolean }, io: CliIo): number {
  const keys = key.split('.')
  const node = nodeAt(schema, keys)
  if (!node) return usageError(io, `unknown key ${key}${suggestionAt(keys)}`, usage)
  const file = findConfigFile(flags.config, io.env, io.cwd)
  const { settings, complaints } = file === undefined ? { complaints: [nowhere(io.cwd)] } : loadConfig(file, io.env)
  if (!settings) {
    for (const complaint of complaints) io.err(formatIssueLine(complaint))
    return exitCodes.config
  }
  const value = masked(node, valueAt(settings, keys))
  if (value === undefined) {
    io.err(`${key} is not set`)
    return exitCodes.failed
  }
  io.out(typeof value === 'string' && !flags.json ? value : JSON.stringify(value, null, flags.json ? 0 : 2))
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

function masked(node: Node, value: unknown): unknown {
  if (value === undefined) return undefined
  if (node.secret) return '***'
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const record = recordOf(node)?.[1]
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, masked(node.properties?.[key] ?? record ?? node, part)]),
  )
}
