import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { parseConfig } from '../../src/config/config.ts'
import { exampleOf } from '../../src/config/example.ts'
import { type SchemaNode, nodeAt } from '../../src/config/keys.ts'
import { jsonSchemaOf, markdownOf } from '../../src/config/reference.ts'
import { schema } from '../../src/config/schema.ts'
import { aesKey, read } from './texts.ts'

test('config: the example has no issues once its variables are set', () => {
  const text = exampleOf(schema)
  const env = Object.fromEntries([...text.matchAll(/^ *\w+: "\$\{(\w+)\}"/gm)].map(([, name]) => [name ?? '', aesKey]))
  expect(Object.keys(env).toSorted()).toEqual(['OPENCLAW_GATEWAY_TOKEN', 'WECOM_BOT_AES_KEY', 'WECOM_BOT_TOKEN'])
  expect(read(text, { env }).issues).toEqual([])
})

const pem = await Bun.file(join(import.meta.dir, '../wecom/localhost.pem')).text()

test('config: the example is valid with every key uncommented', () => {
  const text = exampleOf(schema).replace(/^( *)\/\/ (\w+: |  |\},?$)/gm, '$1$2')
  const env = new Proxy(
    {},
    {
      get: (_, name) => aesKey + String(name),
      has: () => true,
      getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: true }),
    },
  )
  const { issues } = parseConfig(text, {
    file: '/w.json5',
    env,
    readFile: () => pem,
    isFolder: () => true,
    listFolder: () => ['AGENTS.md'],
  })
  const left = issues.filter(({ path }) => !path.endsWith('encodingAESKey'))
  expect(left).toEqual([])
})

test('config: every key has a description', () => {
  const bare: string[] = []
  const walk = (node: SchemaNode, path: string) => {
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      if (!/^\S.*\.$/.test(child.description ?? '')) bare.push(`${path}${key}`)
      walk(child, `${path}${key}.`)
    }
    for (const child of Object.values(node.patternProperties ?? {})) walk(child, `${path}*.`)
    if (node.items) walk(node.items, `${path}[].`)
  }
  walk(schema, '')
  expect(bare).toEqual([])
})

test('config: every key that can hold a secret is marked as one', () => {
  const secrets = [
    'bot.token',
    'bot.encodingAESKey',
    'agent.corpSecret',
    'agent.token',
    'agent.encodingAESKey',
    'webhooks.x',
  ]
  const paths = [
    ...secrets.map(key => `channels.wecom.${key}`),
    'channels.wecom.accounts.x.bot.token',
    'gateway.token',
    'gateway.password',
    'gateway.deviceToken',
    'admin.token',
    'plugin.secret',
    'store.url',
  ]
  expect(paths.filter(path => nodeAt(schema, path.split('.'))?.secret !== true)).toEqual([])
})

test('config: the JSON Schema requires only keys without a default', () => {
  const root = JSON.parse(JSON.stringify(jsonSchemaOf(schema)))
  expect(root.$schema).toBe('https://json-schema.org/draft/2020-12/schema')
  expect([root.required, root.properties.channels.required, root.additionalProperties]).toEqual([
    undefined,
    undefined,
    false,
  ])
  const { bot: botSchema } = root.properties.channels.properties.wecom.properties
  expect(botSchema.required).toEqual(['token', 'encodingAESKey'])
  expect(botSchema.properties.token).toEqual({ description: expect.any(String), $ref: '#/$defs/secret' })
  expect(root.properties.server.properties.port).toMatchObject({
    type: 'integer',
    minimum: 0,
    maximum: 65535,
    default: 8780,
  })
  expect(root.properties.language).toMatchObject({ enum: ['zh-CN', 'en'], default: 'zh-CN' })
})

test('config: docs/config.md is generated from the current schema', async () => {
  expect(await Bun.file(join(import.meta.dir, '../../docs/config.md')).text()).toBe(markdownOf(schema))
})

test('config: no table cell in docs/config.md is longer than 120 characters', () => {
  const rows = markdownOf(schema)
    .split('\n')
    .filter(line => line.startsWith('|'))
  expect(rows.flatMap(row => row.split(' | ')).filter(cell => cell.length > 124)).toEqual([])
})
