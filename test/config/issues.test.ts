import { expect, test } from 'bun:test'
import type { Config } from '../../src/config/config.ts'
import { aesKey, app, bot, config, errors, read, warnings, wecom } from './texts.ts'

const keyErrorOf = (encodingAESKey: string) => errors(wecom({ bot: { ...bot, encodingAESKey } }))[0]

test('config: a syntax error names file, line and column', () => {
  expect(errors('{\n  server: { port: 1 ]')).toEqual([": /etc/wecomd/wecomd.json5:2:21: invalid character ']'"])
  expect(errors('')[0]).toContain('/etc/wecomd/wecomd.json5:1:1: invalid end of input')
})

test('config: a file that is not an object is refused', () => {
  expect(errors('[]')).toEqual([': /etc/wecomd/wecomd.json5: expected an object, got a list'])
  expect(errors('null')).toEqual([': /etc/wecomd/wecomd.json5: expected an object, got null'])
})

test('config: everything that is wrong is told at once, each with its path', () => {
  const value = wecom(
    { bot: { tokn: 'x', encodingAESKey: 'short' } },
    { server: { port: 70_000 }, language: 'de', gatway: {}, limits: { outbox: 'many' } },
  )
  expect(errors(value)).toEqual([
    'gatway: unknown key; did you mean "gateway"?',
    'channels.wecom.bot.tokn: unknown key; did you mean "token"?',
    'channels.wecom.bot.token: is missing: expected a non-empty string',
    'channels.wecom.bot.encodingAESKey: expected 43 letters and digits, got 5 characters',
    'server.port: expected a whole number from 0 to 65535, got 70000',
    'language: expected one of "zh-CN", "en", got "de"',
    'limits.outbox: expected a whole number of at least 1, got "many"',
  ])
})

test('config: a key that belongs into a section is told which, as the flat keys of plugins are', () => {
  expect(errors(wecom({ bot, token: 't', encodingAesKey: 'k' }, { port: 1 }))).toEqual([
    'port: unknown key; did you mean "server.port" or "admin.port"?',
    'channels.wecom.token: unknown key; did you mean "bot.token" or "agent.token"?',
    'channels.wecom.encodingAesKey: unknown key; did you mean "bot.encodingAESKey" or "agent.encodingAESKey"?',
  ])
  const flat = { name: 'n', dm: { policy: 'open' }, mediaLocalRoots: [], dynamicAgents: { adminBypass: true } }
  expect(warnings(wecom({ bot, ...flat }, { $schema: './schema.json' }))).toHaveLength(5)
})

test('config: an unknown key names the nearest key of its level, whatever its case', () => {
  expect(errors(wecom({ bot: { ...bot, receiveid: '' } }))).toEqual([
    'channels.wecom.bot.receiveid: unknown key; did you mean "receiveId"?',
  ])
  expect(errors(wecom({ bot }, { store: { filename: 'x' } }))[0]).toContain('the nearest is "url"')
})

test('config: a key that begins a known one means that one, and of several the shortest', () => {
  expect(errors(wecom({ bot }, { lang: 'en' }))).toEqual(['lang: unknown key; did you mean "language"?'])
  expect(errors(wecom({ bot, net: {} }))).toEqual(['channels.wecom.net: unknown key; did you mean "network"?'])
  expect(errors(wecom({ bot: { ...bot, stre: {} } }))[0]).toContain('did you mean "stream"?')
})

test('config: names of the language itself are unknown keys like others', () => {
  for (const key of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
    const value = `{ channels: { wecom: { bot: ${JSON.stringify(bot)} } }, "${key}": { a: 1 } }`
    expect(errors(value)[0]).toStartWith(`${key}: unknown key`)
  }
  expect(errors(`{ channels: { wecom: { accounts: { __proto__: { bot: {} } } } } }`)[0]).toContain('not a valid name')
})

test('config: a wrong type says what was expected', () => {
  const value = wecom({ bot: 'x', enabled: 'yes', accounts: [] }, { bindings: {}, log: null, server: [] })
  expect(errors(value)).toEqual([
    'channels.wecom.enabled: expected true or false, got "yes"',
    'channels.wecom.bot: expected an object, got a string',
    'channels.wecom.accounts: expected an object, got a list',
    'bindings: expected a list of objects, got an object',
    'server: expected an object, got a list',
    'log: expected an object, got null',
  ])
})

test('config: a number in quotes is not a number', () => {
  expect(errors(wecom({ bot }, { server: { port: '8780' } }))).toEqual([
    'server.port: expected a whole number from 0 to 65535, got "8780"',
  ])
  expect(errors(wecom({ bot }, { server: { port: 80.5 } }))[0]).toContain('got 80.5')
})

test('config: an encodingAESKey that is not 43 letters and digits is refused with its length', () => {
  expect(keyErrorOf(aesKey.slice(1))).toContain('got 42 characters')
  expect(keyErrorOf(`${aesKey}=`)).toContain('got 44 characters with other signs among them')
  expect(keyErrorOf(`${aesKey.slice(1)} `)).toContain('got 43 characters with white space among them')
  expect(keyErrorOf(`${aesKey.slice(1)}+`)).toContain('got 43 characters with other signs among them')
  expect(keyErrorOf('')).toContain('got an empty string')
})

test('config: an empty token is refused', () => {
  expect(errors(wecom({ bot: { ...bot, token: '' } }))).toEqual([
    'channels.wecom.bot.token: expected a non-empty string, got an empty string',
  ])
})

test('config: no complaint ever carries a secret', () => {
  const canary = 'C4naryC4nary'
  const value = {
    channels: {
      wecom: {
        bot: { token: [canary], encodingAESKey: canary },
        agent: { ...app, corpSecret: { [canary]: 1 }, token: { file: 7 }, encodingAESKey: `${canary}=` },
        network: { egressProxyUrl: `ftp://u:${canary}@h`, apiBaseUrl: '${PROXY}' },
        webhooks: { ops: { key: canary } },
      },
    },
    store: { url: `mysql://u:${canary}@h/d` },
    admin: { token: { file: canary, more: 1 } },
  }
  const complaints = read(value, { env: { PROXY: canary } }).complaints
  expect(complaints.length).toBeGreaterThan(9)
  expect(JSON.stringify(complaints)).not.toContain(canary)
})

test('config: a key whose feature is not there yet is a warning, once, at the top of it', () => {
  const value = wecom({ bot, agent: app }, { alerts: { to: 'user:a' } })
  expect(warnings(value)).toEqual(['alerts: has no effect yet'])
})

test('config: a template for new agents is a folder, and what the gateway does not take of it is told', () => {
  const value = wecom({ bot, dynamicAgents: { enabled: true, workspaceTemplate: 'agent' } })
  const path = 'channels.wecom.dynamicAgents.workspaceTemplate'
  const takes = 'AGENTS.md, SOUL.md, IDENTITY.md, USER.md, BOOTSTRAP.md, MEMORY.md'
  const told = (names?: readonly string[]) =>
    read(value, names && { names }).complaints.map(({ path: at, message, severity }) => `${severity} ${at}: ${message}`)
  expect(told(['AGENTS.md', 'USER.md'])).toEqual([])
  expect(told(['AGENTS.md', 'b.txt', 'a'])).toEqual([
    `warning ${path}: the gateway takes only ${takes}; left out: a, b.txt`,
  ])
  expect(told([])).toEqual([`warning ${path}: holds none of the files that a new agent can start with: ${takes}`])
  expect(told()).toEqual([`error ${path}: cannot read the folder /etc/wecomd/agent: there is no such file`])
})

test('config: keys of other plugins that mean nothing here are warnings with the reason', () => {
  const value = wecom({
    bot: { ...bot, botId: 'b', secret: 's', connectionMode: 'websocket', debounceMs: 300, dm: { enabled: true } },
    network: { retries: 3 },
    media: { tempDir: '/tmp' },
    routing: { failClosedOnDefaultRoute: true },
  })
  const loaded = config(value)
  expect(Object.keys(loaded.accounts[0]?.bot ?? {})).not.toContain('botId')
  const found = warnings(value).filter(line => line.includes('means nothing here: '))
  expect(found.map(line => line.split(':')[0])).toEqual([
    'channels.wecom.routing',
    'channels.wecom.bot.botId',
    'channels.wecom.bot.secret',
    'channels.wecom.bot.connectionMode',
    'channels.wecom.bot.debounceMs',
    'channels.wecom.bot.dm.enabled',
    'channels.wecom.network.retries',
    'channels.wecom.media.tempDir',
  ])
})

test('config: such a key outside of its place is an error', () => {
  expect(errors(wecom({ bot }, { gateway: { retries: 3 } }))[0]).toStartWith('gateway.retries: unknown key')
})

test('config: bindings of other channels are left out, the rest keeps its shape', () => {
  const mine = { agentId: 'b', match: { channel: 'wecom', accountId: '*', peer: { kind: 'group', id: 'wr1' } } }
  const bindings = [
    { agentId: 'a', type: 'route', match: { channel: 'telegram', guildId: 'x' } },
    { ...mine, comment: 'c' },
  ]
  expect(config(wecom({ bot }, { bindings })).bindings).toEqual([{ ...mine, place: 1 } as Config['bindings'][number]])
  expect(warnings(wecom({ bot }, { bindings }))).toContain(
    'bindings[0]: means nothing here: it is about another channel',
  )
  const wrong = [{ match: { channel: 'wecom', peer: { kind: 'dm', id: 1 } } }]
  expect(errors(wecom({ bot }, { bindings: wrong }))).toEqual([
    'bindings[0].agentId: is missing: expected the id of an agent: letters, digits, "_" and "-"',
    'bindings[0].match.peer.kind: expected one of "direct", "group", got "dm"',
  ])
})

test('config: a command that nobody can write is refused with what a name looks like', () => {
  const told = 'expected the name of a command as in "status": a letter, then at most 31 letters, digits, "_" and "-"'
  for (const name of ['foo bar', '状态', '//status', '/', '1st', 'a'.repeat(33)]) {
    expect(errors(wecom({ bot }, { commands: { pass: ['status', name] } }))).toEqual([
      `commands.pass[1]: ${told}, got ${JSON.stringify(name)}`,
    ])
  }
  const pass = ['/Status', '／model', 'x-1_y', 'a'.repeat(32)]
  expect(config(wecom({ bot }, { commands: { pass } })).commands.pass).toEqual(pass)
})

test('config: ids of agents are read as the gateway reads them, and what can be none is refused', () => {
  const withAgent = (agentId: string) =>
    wecom({ bot }, { bindings: [{ agentId, match: { channel: 'wecom' } }], gateway: { agentId } })
  for (const [id, read] of [
    ['Sales_Team-1', 'sales_team-1'],
    [' my agent! ', 'my-agent'],
    ['-a', 'a'],
    ['a:b', 'a-b'],
    ['a'.repeat(65), 'a'.repeat(64)],
  ] as const) {
    const { bindings, gateway } = config(withAgent(id))
    expect([bindings[0]?.agentId, gateway.agentId]).toEqual([read, read])
  }
  const told = 'expected the id of an agent: letters, digits, "_" and "-", got '
  expect(errors(withAgent('销售'))).toEqual([
    expect.stringContaining(`bindings[0].agentId: ${told}`),
    expect.stringContaining(`gateway.agentId: ${told}`),
  ])
})

test('config: a store that is not there yet is refused, not taken for another', () => {
  const value = wecom({ bot }, { store: { url: 'postgres://host/db' } })
  expect(errors(value)).toEqual(['store.url: this kind is not built into this version yet'])
})
