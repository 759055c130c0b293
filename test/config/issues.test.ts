import { expect, test } from 'bun:test'
import type { Config } from '../../src/config/config.ts'
import { aesKey, app, bot, config, errors, read, warnings, wecom } from './texts.ts'

const keyErrorOf = (encodingAESKey: string) => errors(wecom({ bot: { ...bot, encodingAESKey } }))[0]

test('config: a syntax error names file, line and column', () => {
  expect(errors('{\n  server: { port: 1 ]')).toEqual([
    ": /etc/wecomd/wecomd.json5:2:21: invalid character ']'\n2 |   server: { ****: * ]\n  |                     ^",
  ])
  expect(errors('')[0]).toContain('/etc/wecomd/wecomd.json5:1:1: invalid end of input')
})

test('config: a file that is not an object is rejected', () => {
  expect(errors('[]')).toEqual([': /etc/wecomd/wecomd.json5: expected an object, got a list'])
  expect(errors('null')).toEqual([': /etc/wecomd/wecomd.json5: expected an object, got null'])
})

test('config: every problem is reported in one run, with its path', () => {
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

test('config: an unknown key suggests the section it belongs to', () => {
  expect(errors(wecom({ bot, token: 't', encodingAesKey: 'k' }, { port: 1 }))).toEqual([
    'port: unknown key; did you mean "server.port" or "admin.port"?',
    'channels.wecom.token: unknown key; did you mean "bot.token" or "agent.token"?',
    'channels.wecom.encodingAesKey: unknown key; did you mean "bot.encodingAESKey" or "agent.encodingAESKey"?',
  ])
  const flat = { name: 'n', dm: { policy: 'open' }, mediaLocalRoots: [], dynamicAgents: { adminBypass: true } }
  expect(warnings(wecom({ bot, ...flat }, { $schema: './schema.json' }))).toHaveLength(5)
})

test('config: an unknown key suggests the closest key, ignoring case', () => {
  expect(errors(wecom({ bot: { ...bot, receiveid: '' } }))).toEqual([
    'channels.wecom.bot.receiveid: unknown key; did you mean "receiveId"?',
  ])
  expect(errors(wecom({ bot }, { store: { filename: 'x' } }))[0]).toContain('closest match: "url"')
})

test('config: an abbreviated key suggests the shortest full key', () => {
  expect(errors(wecom({ bot }, { lang: 'en' }))).toEqual(['lang: unknown key; did you mean "language"?'])
  expect(errors(wecom({ bot, net: {} }))).toEqual(['channels.wecom.net: unknown key; did you mean "network"?'])
  expect(errors(wecom({ bot: { ...bot, stre: {} } }))[0]).toContain('did you mean "stream"?')
})

test('config: names from Object.prototype are unknown keys like others', () => {
  for (const key of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
    const value = `{ channels: { wecom: { bot: ${JSON.stringify(bot)} } }, "${key}": { a: 1 } }`
    expect(errors(value)[0]).toStartWith(`${key}: unknown key`)
  }
  expect(errors(`{ channels: { wecom: { accounts: { __proto__: { bot: {} } } } } }`)[0]).toContain('not a valid name')
})

test('config: a wrong type shows what was expected', () => {
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

test('config: an invalid encodingAESKey is rejected with its length', () => {
  expect(keyErrorOf(aesKey.slice(1))).toContain('got 42 characters')
  expect(keyErrorOf(`${aesKey}=`)).toContain('got 44 characters, including some that are not letters or digits')
  expect(keyErrorOf(`${aesKey.slice(1)} `)).toContain('got 43 characters, including white space')
  expect(keyErrorOf(`${aesKey.slice(1)}+`)).toContain(
    'got 43 characters, including some that are not letters or digits',
  )
  expect(keyErrorOf('')).toContain('got an empty string')
})

test('config: an empty token is rejected', () => {
  expect(errors(wecom({ bot: { ...bot, token: '' } }))).toEqual([
    'channels.wecom.bot.token: expected a non-empty string, got an empty string',
  ])
})

test('config: no issue contains a secret', () => {
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
  const { issues } = read(value, { env: { PROXY: canary } })
  expect(issues.length).toBeGreaterThan(9)
  expect(JSON.stringify(issues)).not.toContain(canary)
})

test('config: an unimplemented section is one warning', () => {
  const value = wecom({ bot, agent: app }, { alerts: { to: 'user:a' } })
  expect(warnings(value)).toEqual(['alerts: has no effect yet'])
})

test('config: template files that the gateway rejects are a warning', () => {
  const value = wecom({ bot, dynamicAgents: { enabled: true, workspaceTemplate: 'agent' } })
  const path = 'channels.wecom.dynamicAgents.workspaceTemplate'
  const accepted = 'AGENTS.md, SOUL.md, IDENTITY.md, USER.md, BOOTSTRAP.md, MEMORY.md'
  const issuesOf = (names?: readonly string[]) =>
    read(value, names && { names }).issues.map(({ path: at, message, severity }) => `${severity} ${at}: ${message}`)
  expect(issuesOf(['AGENTS.md', 'USER.md'])).toEqual([])
  expect(issuesOf(['AGENTS.md', 'b.txt', 'a'])).toEqual([
    `warning ${path}: the gateway accepts only ${accepted}; ignored: a, b.txt`,
  ])
  expect(issuesOf([])).toEqual([`warning ${path}: contains none of the files a new agent can start with: ${accepted}`])
  expect(issuesOf()).toEqual([`error ${path}: cannot read the folder /etc/wecomd/agent: no such file or folder`])
})

test('config: known keys of other plugins are ignored with a reason', () => {
  const value = wecom({
    bot: { ...bot, botId: 'b', secret: 's', connectionMode: 'websocket', debounceMs: 300, dm: { enabled: true } },
    network: { retries: 3 },
    media: { tempDir: '/tmp' },
    routing: { failClosedOnDefaultRoute: true },
  })
  const loaded = config(value)
  expect(Object.keys(loaded.accounts[0]?.bot ?? {})).not.toContain('botId')
  const found = warnings(value).filter(line => line.includes('is ignored: '))
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

test('config: a key of another plugin in a wrong section is an error', () => {
  expect(errors(wecom({ bot }, { gateway: { retries: 3 } }))[0]).toStartWith('gateway.retries: unknown key')
})

test('config: bindings of other channels are ignored', () => {
  const mine = { agentId: 'b', match: { channel: 'wecom', accountId: '*', peer: { kind: 'group', id: 'wr1' } } }
  const bindings = [
    { agentId: 'a', type: 'route', match: { channel: 'telegram', guildId: 'x' } },
    { ...mine, comment: 'c' },
  ]
  expect(config(wecom({ bot }, { bindings })).bindings).toEqual([{ ...mine, index: 1 } as Config['bindings'][number]])
  expect(warnings(wecom({ bot }, { bindings }))).toContain('bindings[0]: is ignored: it belongs to another channel')
  const wrong = [{ match: { channel: 'wecom', peer: { kind: 'dm', id: 1 } } }]
  expect(errors(wecom({ bot }, { bindings: wrong }))).toEqual([
    'bindings[0].agentId: is missing: expected an agent id (letters, digits, "_" and "-")',
    'bindings[0].match.peer.kind: expected one of "direct", "group", got "dm"',
  ])
})

test('config: an invalid command name is rejected with the expected format', () => {
  const expected = 'expected a command name such as "status": a letter, then at most 31 letters, digits, "_" or "-"'
  for (const name of ['foo bar', '状态', '//status', '/', '1st', 'a'.repeat(33)]) {
    expect(errors(wecom({ bot }, { commands: { pass: ['status', name] } }))).toEqual([
      `commands.pass[1]: ${expected}, got ${JSON.stringify(name)}`,
    ])
  }
  const pass = ['/Status', '／model', 'x-1_y', 'a'.repeat(32)]
  expect(config(wecom({ bot }, { commands: { pass } })).commands.pass).toEqual(pass)
})

test('config: agent ids are normalized like in the gateway', () => {
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
  const invalid = 'expected an agent id (letters, digits, "_" and "-"), got '
  expect(errors(withAgent('销售'))).toEqual([
    expect.stringContaining(`bindings[0].agentId: ${invalid}`),
    expect.stringContaining(`gateway.agentId: ${invalid}`),
  ])
})

test('config: an unsupported store is an error, not a fallback', () => {
  const value = wecom({ bot }, { store: { url: 'postgres://host/db' } })
  expect(errors(value)).toEqual(['store.url: is not supported by this version yet'])
})
