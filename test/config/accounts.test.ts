import { expect, test } from 'bun:test'
import { aesKey, app, bot, config, errors, read, warnings, wecom } from './texts.ts'

const withStream = (stream: object) => wecom({ bot: { ...bot, stream } })

const other = { ...bot, token: 'another' }

test('config: the top-level bot and agent are account default, beside the named ones', () => {
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

test('config: accounts.default may add to the top level but not say the same twice', () => {
  const loaded = config(wecom({ bot, accounts: { default: { name: 'HQ', agent: app } } }))
  expect(loaded.accounts).toHaveLength(1)
  expect(loaded.accounts[0]).toMatchObject({ id: 'default', name: 'HQ', bot, agent: app })
  expect(errors(wecom({ bot, accounts: { default: { bot: other } } }))).toEqual([
    'channels.wecom.accounts.default.bot: conflicts with channels.wecom.bot, which is the same account "default"',
  ])
})

test('config: a channel that is off turns every account off', () => {
  expect(config(wecom({ enabled: false, bot, accounts: { b: { bot: other } } })).accounts.map(a => a.enabled)).toEqual([
    false,
    false,
  ])
})

test('config: a switch that turns off everything, the default account or the top level is told', () => {
  const told = (channel: object) => warnings(wecom({ bot, ...channel }))
  const off = { bot: other, enabled: false }
  const paths = 'as the default account it has /wecom, /wecom/bot and /wecom/agent, which answer 404'
  expect(told({ enabled: false, accounts: { a: off }, defaultAccount: 'a' })).toEqual([
    'channels.wecom.enabled: is false: nothing is answered',
  ])
  expect(told({ accounts: { a: off }, defaultAccount: 'a' })).toEqual([
    `channels.wecom.accounts.a.enabled: is false: ${paths}`,
  ])
  expect(warnings(wecom({ accounts: { a: off, b: { bot } } }))).toEqual([
    `channels.wecom.accounts.a.enabled: is false: ${paths}`,
  ])
  const accounts = { default: { enabled: false }, a: { bot: other } }
  expect(told({ accounts })).toEqual([
    `channels.wecom.accounts.default.enabled: is false: channels.wecom.bot is off with it; ${paths}`,
  ])
  expect(told({ agent: app, accounts, defaultAccount: 'a' })).toEqual([
    'channels.wecom.accounts.default.enabled: is false: channels.wecom.bot is off with it; channels.wecom.agent is off with it',
  ])
  expect(told({ accounts: { a: off } })).toEqual([])
})

test('config: the default account is the named one, else default, else the first', () => {
  const accounts = { b: { bot }, a: { bot: other } }
  expect(config(wecom({ accounts })).defaultAccount).toBe('b')
  expect(config(wecom({ accounts, defaultAccount: 'a' })).defaultAccount).toBe('a')
  expect(config(wecom({ accounts: { ...accounts, default: { agent: app } } })).defaultAccount).toBe('default')
  expect(errors(wecom({ accounts, defaultAccount: 'c' }))).toEqual([
    'channels.wecom.defaultAccount: there is no account "c"; there is b, a',
  ])
})

test('config: an account id must be fit for paths and session keys', () => {
  for (const id of ['dm', 'group', 'Sales', 'a b', '-a', '销售', '', 'a/b']) {
    expect(errors(wecom({ accounts: { [id]: { bot } } }))).toEqual([
      `channels.wecom.accounts.${id}: is not a valid name: expected lower-case letters, digits, "_" and "-", and neither "dm" nor "group"`,
    ])
  }
  for (const id of ['dmx', 'group-1', 'a', '0_x'])
    expect(config(wecom({ accounts: { [id]: { bot } } })).defaultAccount).toBe(id)
})

test('config: an account with a wrong id is judged like the others, and counts as there', () => {
  const accounts = { Sales: { bot: { token: bot.token, encodingAESKey: 'short', dm: { polcy: 1 } } } }
  const bindings = ['nope', 'Sales'].map(accountId => ({ agentId: 'x', match: { channel: 'wecom', accountId } }))
  const rest = { bindings, texts: { stoped: 'x' } }
  const { complaints } = read(wecom({ bot, accounts, defaultAccount: 'nope' }, rest))
  expect(complaints.map(({ path, message }) => `${path}: ${message}`)).toEqual([
    'channels.wecom.accounts.Sales: is not a valid name: expected lower-case letters, digits, "_" and "-", and neither "dm" nor "group"',
    'channels.wecom.accounts.Sales.bot.encodingAESKey: expected 43 letters and digits, got 5 characters',
    'channels.wecom.accounts.Sales.bot.dm.polcy: unknown key; did you mean "policy"?',
    'texts.stoped: unknown key; did you mean "stopped"?',
    'channels.wecom.defaultAccount: there is no account "nope"; there is default, Sales',
    'channels.wecom.accounts.Sales.bot.token: has the same value as channels.wecom.bot.token; two accounts cannot share it',
    'bindings[0].match.accountId: there is no account "nope"; there is default, Sales',
  ])
  for (const id of ['dm', '销售', '', '__proto__']) {
    const value = `{ channels: { wecom: { bot: ${JSON.stringify(bot)}, accounts: { "${id}": {} }, defaultAccount: "${id}x" } } }`
    expect(read(value).complaints.map(({ path }) => path)).toEqual([
      `channels.wecom.accounts.${id}`,
      `channels.wecom.accounts.${id}`,
      'channels.wecom.defaultAccount',
    ])
  }
})

test('config: a file without any bot or agent is refused', () => {
  const told = 'channels.wecom.bot: is missing: no account has a bot or an agent, so there is nothing to connect'
  expect(errors({})).toEqual([told])
  expect(errors(wecom({ accounts: { a: { name: 'A' } } }))).toEqual([told])
  expect(errors(wecom({ bott: bot }))).toEqual(['channels.wecom.bott: unknown key; did you mean "bot"?'])
})

test('config: two accounts with the same token, aibotid or app are refused, naming both', () => {
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

test('config: twins are found after variables and files are read', () => {
  const value = wecom({ bot: { ...bot, token: '${T}' }, accounts: { a: { bot } } })
  expect(errors(value, { env: { T: bot.token } })[0]).toContain('has the same value as channels.wecom.bot.token')
})

test('config: the handover must come before the end of the window', () => {
  expect(errors(withStream({ windowMs: 5000 }))).toEqual([
    'channels.wecom.bot.stream.handoverMs: must be less than windowMs: it is 30000, windowMs is 5000',
  ])
  expect(config(withStream({ windowMs: 1000, handoverMs: 0 })).accounts[0]?.bot?.stream).toEqual({
    windowMs: 1000,
    handoverMs: 0,
  })
  expect(errors(withStream({ windowMs: 360_001 }))[0]).toContain('from 1000 to 360000')
  expect(errors(withStream({ windowMs: 999, handoverMs: 0 }))[0]).toContain('from 1000 to 360000')
})

test('config: a key that is refused is not said to be missing as well', () => {
  for (const [key, told] of [
    ['encodingAESKey', 'expected 43 letters and digits, got 5 characters'],
    ['token', 'expected a non-empty string, got an empty string'],
  ] as const) {
    const agent = { ...app, token: 't', encodingAESKey: aesKey, [key]: key === 'token' ? '' : 'short' }
    expect(read(wecom({ agent })).complaints).toEqual([
      { path: `channels.wecom.agent.${key}`, message: told, severity: 'error' },
    ])
  }
  expect(warnings(wecom({ agent: { ...app, token: 't' } }))).toEqual([
    'channels.wecom.agent.encodingAESKey: is missing: callbacks need token and encodingAESKey',
  ])
})

test('config: one name or many, the bot has a list of names', () => {
  expect(config(wecom({ bot: { ...bot, name: '助手' } })).accounts[0]?.bot?.names).toEqual(['助手'])
  expect(config(wecom({ bot: { ...bot, name: ['a', 'b'] } })).accounts[0]?.bot?.names).toEqual(['a', 'b'])
  expect(errors(wecom({ bot: { ...bot, name: 5 } }))).toEqual([
    'channels.wecom.bot.name: expected a non-empty string or a list of strings, got 5',
  ])
})

test('config: the two listeners cannot share a port', () => {
  expect(errors(wecom({ bot }, { server: { port: 8781 } }))).toEqual([
    'admin.port: is the port of the public listener too (server.port 8781)',
  ])
  config(wecom({ bot }, { server: { port: 0 }, admin: { port: 0 } }))
  config(wecom({ bot }, { server: { host: '10.0.0.1', port: 8781 } }))
})

test('config: a binding of an account that is not there is told', () => {
  const bindings = ['*', 'default', 'slaes'].map(accountId => ({
    agentId: 'a',
    match: { channel: 'wecom', accountId },
  }))
  expect(warnings(wecom({ bot }, { bindings }))).toEqual([
    'bindings[2].match.accountId: there is no account "slaes"; there is default',
  ])
})

test('config: a binding without an account, where there are several, is told to mean them all', () => {
  const matches = [{ channel: 'slack' }, {}, { accountId: '*' }, {}]
  const bindings = matches.map(match => ({ agentId: 'a', match: { channel: 'wecom', ...match } }))
  const foreign = 'bindings[0]: means nothing here: it is about another channel'
  expect(warnings(wecom({ bot }, { bindings }))).toEqual([foreign])
  const accounts = { sales: { bot: { ...bot, token: 'another' } } }
  expect(warnings(wecom({ bot, accounts }, { bindings }))).toEqual([
    foreign,
    'bindings: [1], [3]: without accountId, which is every account here, the default one in OpenClaw, and "*" in both',
  ])
})
