import { expect, test } from 'bun:test'
import { aesKey, app, bot, config, errors, read, warnings, wecom } from './texts.ts'

const withStream = (stream: object) => wecom({ bot: { ...bot, stream } })

const other = { ...bot, token: 'another' }

test('config: the top-level bot and agent form the account default', () => {
  const loaded = config(wecom({ bot, agent: app, accounts: { sales: { name: 'Sales', bot: other, enabled: false } } }))
  expect(loaded.accounts.map(({ id, name, enabled }) => ({ id, name, enabled }))).toEqual([
    { id: 'default', name: undefined, enabled: true },
    { id: 'sales', name: 'Sales', enabled: false },
  ])
  expect(loaded.accounts[0]?.agent).toMatchObject({
    corpId: 'ww1',
    agentId: 1000002,
    replyFormat: 'auto',
    allowAppChat: false,
  })
  expect(loaded.accounts[1]?.agent).toBeUndefined()
})

test('config: accounts.default may extend the top level, not repeat it', () => {
  const loaded = config(wecom({ bot, accounts: { default: { name: 'HQ', agent: app } } }))
  expect(loaded.accounts).toHaveLength(1)
  expect(loaded.accounts[0]).toMatchObject({ id: 'default', name: 'HQ', bot, agent: app })
  expect(errors(wecom({ bot, accounts: { default: { bot: other } } }))).toEqual([
    'channels.wecom.accounts.default.bot: conflicts with channels.wecom.bot: both belong to the account "default"',
  ])
})

test('config: disabling the channel disables every account', () => {
  expect(config(wecom({ enabled: false, bot, accounts: { b: { bot: other } } })).accounts.map(a => a.enabled)).toEqual([
    false,
    false,
  ])
})

test('config: disabling more than one account is a warning', () => {
  const warningsOf = (channel: object) => warnings(wecom({ bot, ...channel }))
  const off = { bot: other, enabled: false }
  const paths = 'this is the default account, so /wecom, /wecom/bot and /wecom/agent answer 404'
  expect(warningsOf({ enabled: false, accounts: { a: off }, defaultAccount: 'a' })).toEqual([
    'channels.wecom.enabled: is false, so no message is answered',
  ])
  expect(warningsOf({ accounts: { a: off }, defaultAccount: 'a' })).toEqual([
    `channels.wecom.accounts.a.enabled: is false: ${paths}`,
  ])
  expect(warnings(wecom({ accounts: { a: off, b: { bot } } }))).toEqual([
    `channels.wecom.accounts.a.enabled: is false: ${paths}`,
  ])
  const accounts = { default: { enabled: false }, a: { bot: other } }
  expect(warningsOf({ accounts })).toEqual([
    `channels.wecom.accounts.default.enabled: is false: channels.wecom.bot is disabled too; ${paths}`,
  ])
  expect(warningsOf({ agent: app, accounts, defaultAccount: 'a' })).toEqual([
    'channels.wecom.accounts.default.enabled: is false: channels.wecom.bot is disabled too; channels.wecom.agent is disabled too',
  ])
  expect(warningsOf({ accounts: { a: off } })).toEqual([])
})

test('config: the default account is the one set, else default, else the first', () => {
  const accounts = { b: { bot }, a: { bot: other } }
  expect(config(wecom({ accounts })).defaultAccount).toBe('b')
  expect(config(wecom({ accounts, defaultAccount: 'a' })).defaultAccount).toBe('a')
  expect(config(wecom({ accounts: { ...accounts, default: { agent: app } } })).defaultAccount).toBe('default')
  expect(errors(wecom({ accounts, defaultAccount: 'c' }))).toEqual([
    'channels.wecom.defaultAccount: there is no account "c"; known accounts: b, a',
  ])
})

test('config: an account id must be valid in paths and session keys', () => {
  for (const id of ['dm', 'group', 'Sales', 'a b', '-a', '销售', '', 'a/b']) {
    expect(errors(wecom({ accounts: { [id]: { bot } } }))).toEqual([
      `channels.wecom.accounts.${id}: is not a valid name: expected lowercase letters, digits, "_" and "-", but not "dm" or "group"`,
    ])
  }
  for (const id of ['dmx', 'group-1', 'a', '0_x'])
    expect(config(wecom({ accounts: { [id]: { bot } } })).defaultAccount).toBe(id)
})

test('config: an account with an invalid id is checked like the others', () => {
  const accounts = { Sales: { bot: { token: bot.token, encodingAESKey: 'short', dm: { polcy: 1 } } } }
  const bindings = ['nope', 'Sales'].map(accountId => ({ agentId: 'x', match: { channel: 'wecom', accountId } }))
  const rest = { bindings, texts: { stoped: 'x' } }
  const { issues } = read(wecom({ bot, accounts, defaultAccount: 'nope' }, rest))
  expect(issues.map(({ path, message }) => `${path}: ${message}`)).toEqual([
    'channels.wecom.accounts.Sales: is not a valid name: expected lowercase letters, digits, "_" and "-", but not "dm" or "group"',
    'channels.wecom.accounts.Sales.bot.encodingAESKey: expected 43 letters and digits, got 5 characters',
    'channels.wecom.accounts.Sales.bot.dm.polcy: unknown key; did you mean "policy"?',
    'texts.stoped: unknown key; did you mean "stopped"?',
    'channels.wecom.defaultAccount: there is no account "nope"; known accounts: default, Sales',
    'channels.wecom.accounts.Sales.bot.token: has the same value as channels.wecom.bot.token; two accounts cannot share it',
    'bindings[0].match.accountId: there is no account "nope"; known accounts: default, Sales',
  ])
  for (const id of ['dm', '销售', '', '__proto__']) {
    const value = `{ channels: { wecom: { bot: ${JSON.stringify(bot)}, accounts: { "${id}": {} }, defaultAccount: "${id}x" } } }`
    expect(read(value).issues.map(({ path }) => path)).toEqual([
      `channels.wecom.accounts.${id}`,
      `channels.wecom.accounts.${id}`,
      'channels.wecom.defaultAccount',
    ])
  }
})

test('config: a file without any bot or agent is rejected', () => {
  const missing = 'channels.wecom.bot: is missing: no account has a bot or an agent, so there is nothing to connect'
  expect(errors({})).toEqual([missing])
  expect(errors(wecom({ accounts: { a: { name: 'A' } } }))).toEqual([missing])
  expect(errors(wecom({ bott: bot }))).toEqual(['channels.wecom.bott: unknown key; did you mean "bot"?'])
})

test('config: two accounts cannot share a token, aibotid or app', () => {
  const accounts = {
    a: { bot: { ...bot, aibotid: 'aib1' }, agent: app },
    b: { bot: { ...other, aibotid: 'aib1' }, agent: { ...app, agentId: '1000002' } },
    c: { bot, agent: { ...app, corpId: 'ww2' } },
  }
  expect(errors(wecom({ accounts }))).toEqual([
    'channels.wecom.accounts.c.bot.token: has the same value as channels.wecom.accounts.a.bot.token; two accounts cannot share it',
    'channels.wecom.accounts.b.bot.aibotid: has the same value as channels.wecom.accounts.a.bot.aibotid; two accounts cannot share it',
    'channels.wecom.accounts.b.agent.agentId: is the same app (corpId and agentId) as channels.wecom.accounts.a.agent.agentId; two accounts cannot share it',
  ])
})

test('config: duplicates are found in values from variables too', () => {
  const value = wecom({ bot: { ...bot, token: '${T}' }, accounts: { a: { bot } } })
  expect(errors(value, { env: { T: bot.token } })[0]).toContain('has the same value as channels.wecom.bot.token')
})

test('config: the handover must come before the end of the window', () => {
  expect(errors(withStream({ windowMs: 5000 }))).toEqual([
    'channels.wecom.bot.stream.handoverMs: must be less than windowMs (5000), got 30000',
  ])
  expect(config(withStream({ windowMs: 1000, handoverMs: 0 })).accounts[0]?.bot?.stream).toEqual({
    windowMs: 1000,
    handoverMs: 0,
  })
  expect(errors(withStream({ windowMs: 360_001 }))[0]).toContain('from 1000 to 360000')
  expect(errors(withStream({ windowMs: 999, handoverMs: 0 }))[0]).toContain('from 1000 to 360000')
})

test('config: an invalid key is not reported as missing too', () => {
  for (const [key, message] of [
    ['encodingAESKey', 'expected 43 letters and digits, got 5 characters'],
    ['token', 'expected a non-empty string, got an empty string'],
  ] as const) {
    const agent = { ...app, token: 't', encodingAESKey: aesKey, [key]: key === 'token' ? '' : 'short' }
    expect(read(wecom({ agent })).issues).toEqual([{ path: `channels.wecom.agent.${key}`, message, severity: 'error' }])
  }
  expect(warnings(wecom({ agent: { ...app, token: 't' } }))).toEqual([
    'channels.wecom.agent.encodingAESKey: is missing: callbacks need both token and encodingAESKey',
  ])
})

test('config: the bot can have one name or a list of names', () => {
  expect(config(wecom({ bot: { ...bot, name: '助手' } })).accounts[0]?.bot?.names).toEqual(['助手'])
  expect(config(wecom({ bot: { ...bot, name: ['a', 'b'] } })).accounts[0]?.bot?.names).toEqual(['a', 'b'])
  expect(errors(wecom({ bot: { ...bot, name: 5 } }))).toEqual([
    'channels.wecom.bot.name: expected a non-empty string or a list of strings, got 5',
  ])
})

test('config: the two listeners cannot share a port', () => {
  expect(errors(wecom({ bot }, { server: { port: 8781 } }))).toEqual([
    'admin.port: is the same as server.port (8781); use different ports',
  ])
  config(wecom({ bot }, { server: { port: 0 }, admin: { port: 0 } }))
  config(wecom({ bot }, { server: { host: '10.0.0.1', port: 8781 } }))
})

test('config: a binding of an unknown account is a warning', () => {
  const bindings = ['*', 'default', 'slaes'].map(accountId => ({
    agentId: 'a',
    match: { channel: 'wecom', accountId },
  }))
  expect(warnings(wecom({ bot }, { bindings }))).toEqual([
    'bindings[2].match.accountId: there is no account "slaes"; known accounts: default',
  ])
})

test('config: with several accounts, a binding without one is a warning', () => {
  const matches = [{ channel: 'slack' }, {}, { accountId: '*' }, {}]
  const bindings = matches.map(match => ({ agentId: 'a', match: { channel: 'wecom', ...match } }))
  const foreign = 'bindings[0]: is ignored: it belongs to another channel'
  expect(warnings(wecom({ bot }, { bindings }))).toEqual([foreign])
  const accounts = { sales: { bot: { ...bot, token: 'another' } } }
  expect(warnings(wecom({ bot, accounts }, { bindings }))).toEqual([
    foreign,
    'bindings: [1], [3] without accountId: wecomd applies this to every account, OpenClaw to the default one; write "*" for every account',
  ])
})
