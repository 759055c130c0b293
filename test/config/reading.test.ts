import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { aesKey, bot, config, errors, warnings, wecom } from './texts.ts'

/** A private key and a certificate. */
const pem = await Bun.file(join(import.meta.dir, '../wecom/localhost.pem')).text()

test('config: ${NAME} is replaced anywhere in a string', () => {
  const env = { A: 'x', B: '$&', TOK: 'geheim' }
  const loaded = config(wecom({ bot: { ...bot, token: '${TOK}', welcomeText: 'a${A}b${B}c${A}', name: ['${A}'] } }), {
    env,
  })
  expect(loaded.accounts[0]?.bot).toMatchObject({ token: 'geheim', welcomeText: 'axb$&cx', names: ['x'] })
})

test('config: the value of a variable is not expanded again', () => {
  expect(
    config(wecom({ bot: { ...bot, welcomeText: '${A}' } }), { env: { A: '${B}' } }).accounts[0]?.bot?.welcomeText,
  ).toBe('${B}')
})

test('config: $${ is a literal ${', () => {
  expect(config(wecom({ bot: { ...bot, welcomeText: '$${NAME} costs $5' } })).accounts[0]?.bot?.welcomeText).toBe(
    '${NAME} costs $5',
  )
})

test('config: a variable may contain a number or a boolean', () => {
  const value = wecom({ bot, enabled: '${ON}' }, { server: { port: '${PORT}' } })
  const loaded = config(value, { env: { PORT: '9000', ON: 'false' } })
  expect([loaded.server.port, loaded.accounts[0]?.enabled]).toEqual([9000, false])
  expect(errors(value, { env: { PORT: 'abc', ON: 'true' } })).toEqual([
    'server.port: expected a whole number from 0 to 65535, got "${PORT}"',
  ])
})

test('config: an unset variable is the only error of its key', () => {
  expect(errors(wecom({ bot: { token: '${T}${U}', encodingAESKey: '${toString}' } }))).toEqual([
    'channels.wecom.bot.token: environment variable T is not set',
    'channels.wecom.bot.token: environment variable U is not set',
    'channels.wecom.bot.encodingAESKey: environment variable toString is not set',
  ])
  expect(errors(wecom({ bot: { ...bot, welcomeText: '${a-b}' } }))[0]).toContain(
    'is not the name of an environment variable',
  )
})

test('config: { file } is relative to the config file, line breaks removed', () => {
  const files = { '/etc/wecomd/secrets/token': 'geheim\n', '/run/cred/key': `${aesKey}\r\n` }
  const value = wecom({ bot: { token: { file: 'secrets/token' }, encodingAESKey: { file: '${DIR}/key' } } })
  expect(config(value, { files, env: { DIR: '/run/cred' } }).accounts[0]?.bot).toMatchObject({
    token: 'geheim',
    encodingAESKey: aesKey,
  })
})

test('config: a secret file that is missing, empty or malformed is an error', () => {
  const value = wecom(
    { bot: { token: { file: 'gone' }, encodingAESKey: { file: 'empty' } } },
    { gateway: { token: { path: 'x' } } },
  )
  expect(errors(value, { files: { '/etc/wecomd/empty': '\n' } })).toEqual([
    'channels.wecom.bot.token: cannot read /etc/wecomd/gone: no such file or folder',
    'channels.wecom.bot.encodingAESKey: expected 43 letters and digits, got an empty string',
    'gateway.token: expected a string or { file: "/path" }',
  ])
  const variable = wecom({ bot: { ...bot, token: { file: '${T}' } } })
  expect(errors(variable, { env: { T: 'geheim' } })).toEqual([
    'channels.wecom.bot.token: cannot read ${T}: no such file or folder',
  ])
})

test('config: { file } is for secrets only', () => {
  expect(errors(wecom({ bot }, { gateway: { url: { file: 'x' } } }))).toEqual([
    'gateway.url: expected a ws:// or wss:// URL, got an object',
  ])
})

test('config: paths are relative to the folder of the config file', () => {
  const loaded = config(
    wecom({ bot, network: { caFile: 'ca.pem' } }, { stateDir: 'state', gateway: { caFile: '/x/ca.pem' } }),
    { files: { '/etc/wecomd/ca.pem': pem, '/x/ca.pem': `two of them:\n${pem}\n${pem}` } },
  )
  expect([loaded.network.caFile, loaded.stateDir, loaded.gateway.caFile]).toEqual([
    '/etc/wecomd/ca.pem',
    '/etc/wecomd/state',
    '/x/ca.pem',
  ])
})

test('config: a missing or invalid caFile is an error with the reason', () => {
  const damaged = pem.replace(/(BEGIN CERTIFICATE-----\n.{20})/, '$1AAAA')
  const files = { '/a': '', '/b': pem.replaceAll('CERTIFICATE', 'PUBLIC KEY'), '/c': `${pem}${damaged}`, '/d': damaged }
  const cases: readonly [file: string, message: string][] = [
    ['gone.pem', 'cannot read /etc/wecomd/gone.pem: no such file or folder'],
    ['/a', '/a contains no certificate; expected PEM that starts with -----BEGIN CERTIFICATE-----'],
    ['/b', '/b contains no certificate; expected PEM that starts with -----BEGIN CERTIFICATE-----'],
    ['/c', '/c cannot be used: certificate 2 of 2 is damaged'],
    ['/d', '/d cannot be used: certificate 1 of 1 is damaged'],
  ]
  for (const [caFile, message] of cases) {
    expect(errors(wecom({ bot, network: { caFile } }, { gateway: { caFile } }), { files })).toEqual([
      `channels.wecom.network.caFile: ${message}`,
      `gateway.caFile: ${message}`,
    ])
  }
})

test('config: a missing folder in mediaRoots is only a warning', () => {
  const value = wecom({ bot }, { admin: { mediaRoots: ['/srv/media', 'reports'] } })
  expect(warnings(value, { folders: ['/srv/media'] })).toEqual([
    'admin.mediaRoots[1]: the folder /etc/wecomd/reports does not exist',
  ])
})
