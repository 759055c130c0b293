import { describe, expect, test } from 'bun:test'
import { accessNotes } from '../../src/config/access-checks.ts'
import { aesKey, bot, config, errors, read, warnings, wecom } from './texts.ts'

type Part = Readonly<Record<string, unknown>>

/** A config with these parts changed. */
function text({ bot = {}, agent, channel = {}, top = {} }: { bot?: Part; agent?: Part; channel?: Part; top?: Part }) {
  const app = agent && { agent: { corpId: 'ww1', corpSecret: 'secret', agentId: 1, ...agent } }
  const own = { bot: { token: 'abc', encodingAESKey: aesKey, ...bot }, ...app, ...channel }
  return JSON.stringify({ channels: { wecom: own }, ...top })
}

const robot = (value: string) => text({ channel: { webhooks: { ops: value } } })
const network = (part: Part) => text({ channel: { network: part } })
const gateway = (part: Part) => text({ top: { gateway: part } })
const sent = 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send'

const wrong: readonly (readonly [name: string, text: string, problem: RegExp])[] = [
  ['a token in quotes', text({ bot: { token: '"abc"' } }), /wecom\.bot\.token: contains a quotation mark/],
  ['a token in curly quotes', text({ bot: { token: '“abc”' } }), /wecom\.bot\.token: contains a quotation mark/],
  ['a token with a blank', text({ bot: { token: 'ab c' } }), /wecom\.bot\.token: contains white space/],
  ['a token with a zero-width space', text({ bot: { token: 'abc\u200b' } }), /wecom\.bot\.token: .*U\+200B/],
  [
    'a secret with a carriage return',
    text({ agent: { corpSecret: 's\r' } }),
    /wecom\.agent\.corpSecret: contains a carriage/,
  ],
  [
    'a secret in Chinese',
    text({ agent: { corpSecret: '密钥' } }),
    /corpSecret: contains a character that is not ASCII/,
  ],
  ['a corpId with a tab', text({ agent: { corpId: 'ww1\t' } }), /wecom\.agent\.corpId: contains white space/],
  ['a byte order mark in a corpId', text({ agent: { corpId: '\ufeffww1' } }), /corpId: .*(?:U\+FEFF|white space)/],
  ['a robot without a key', robot(sent), /webhooks\.ops: has no key/],
  ['a robot with an empty key', robot(`${sent}?key=`), /webhooks\.ops: has no key/],
  ['a robot that is no URL', robot('qyapi.weixin.qq.com/cgi-bin/webhook/send?key=1'), /ops: is not a URL/],
  ['a robot key in quotes', robot("'693a91f6'"), /webhooks\.ops: contains a quotation mark/],
  [
    'an API base with /cgi-bin',
    network({ apiBaseUrl: 'https://wx.example/cgi-bin/' }),
    /apiBaseUrl: ends in \/cgi-bin/,
  ],
  ['an API base with a query', network({ apiBaseUrl: 'https://wx.example/?a=1' }), /apiBaseUrl: contains a query/],
  ['a media host with a scheme', network({ mediaHosts: ['https://a.example'] }), /mediaHosts\[0\]: has a scheme/],
  ['a media host with a path', network({ mediaHosts: ['a.example/x'] }), /mediaHosts\[0\]: contains a path/],
  ['a media host with a blank', network({ mediaHosts: ['a example'] }), /mediaHosts\[0\]: is not a host name/],
  ['a port in a host', text({ top: { server: { host: '127.0.0.1:8780' } } }), /server\.host: contains a port/],
  ['a port after brackets', text({ top: { admin: { host: '[::1]:8781' } } }), /admin\.host: contains a port/],
  ['a URL as a host', text({ top: { admin: { host: 'http://localhost' } } }), /admin\.host: is a URL/],
  ['a blank in a host', text({ top: { server: { host: 'my host' } } }), /server\.host: is not a host name/],
  ['a tilde in a path', text({ top: { stateDir: '~/wecomd' } }), /stateDir: begins with "~"/],
  ['a URL as a path', text({ top: { stateDir: 'file:///var/lib/wecomd' } }), /stateDir: is a URL/],
  [
    'a blank after a path',
    text({ top: { stateDir: '/var/lib/wecomd ' } }),
    /stateDir: begins or ends with white space/,
  ],
  ['a tilde in a secret file', text({ bot: { token: { file: '~/token' } } }), /bot\.token: begins with "~"/],
  [
    'a URL without a scheme',
    gateway({ url: '127.0.0.1:18789' }),
    /gateway\.url: .*write ws:\/\/ or wss:\/\/ before it/,
  ],
  [
    'an API base without a scheme',
    network({ apiBaseUrl: 'wx.example' }),
    /apiBaseUrl: .*write http:\/\/ or https:\/\//,
  ],
  ['a URL with a blank', gateway({ url: 'ws://a b' }), /gateway\.url: contains white space/],
  ['a very long welcome', text({ agent: { welcomeText: '好'.repeat(5_000) } }), /welcomeText: has 15000 bytes/],
]

describe('values that can never be right', () => {
  for (const [name, file, problem] of wrong) {
    test(`config: ${name} is an error with its path, never with its value`, () => {
      const found = errors(file)
      expect(found).toEqual([expect.stringMatching(problem)])
      expect(found.join()).not.toMatch(/“abc”|密钥|693a91f6|ab c/)
    })
  }

  const unlikely: readonly (readonly [name: string, text: string, problem: RegExp])[] = [
    ['a gateway token with a blank', gateway({ token: ' abc' }), /gateway\.token: contains white space/],
    ['a gateway token in quotes', gateway({ token: '"abc"' }), /gateway\.token: contains a quotation mark/],
    [
      'a password with a blank at its end',
      gateway({ password: 'my pass ' }),
      /gateway\.password: contains white space/,
    ],
    [
      'a key written twice',
      `{ channels: { wecom: { bot: { token: 'a', token: 'b', encodingAESKey: '${aesKey}' } } } }`,
      /bot\.token: is written twice; the one in line 1/,
    ],
    [
      'a section written twice',
      text({}).replace(/^\{/, '{"log":{},\n"log":{},'),
      /^log: is written twice; the one in line 2/,
    ],
  ]
  for (const [name, file, problem] of unlikely) {
    test(`config: ${name} is a warning`, () => expect(warnings(file)).toContainEqual(expect.stringMatching(problem)))
  }

  const right: readonly (readonly [name: string, text: string])[] = [
    ['a password with quotes and blanks inside', gateway({ password: `it's "my" pass` })],
    ['brackets around an address', text({ top: { admin: { host: '[::1]' }, server: { host: '::' } } })],
    ['host names', network({ mediaHosts: ['a.example', '*.b.example', 'c.example:8443', 'intranet'] })],
    ['robots', text({ channel: { webhooks: { a: '693a91f6-7xxx', b: `${sent}?key=1` } } })],
    ['an API base with a path', network({ apiBaseUrl: 'https://proxy.example/wecom' })],
    ['the same key in two objects', text({ agent: { token: 'abc', encodingAESKey: aesKey } })],
    [
      'keys in comments and texts',
      text({}).replace(/^\{/, '{ // log: 1, log: 2\n /* log: 3, log: 4 */ "timezone": "Asia/Shanghai",'),
    ],
  ]
  for (const [name, file] of right) {
    test(`config: ${name} are accepted`, () => {
      expect(read(file).issues).toEqual([])
    })
  }

  test('config: an address in brackets is used without them', () => {
    expect(read(text({ top: { admin: { host: '[::1]' } } })).config?.admin.host).toBe('::1')
  })

  test('config: where nobody may use commands there is a note', () => {
    const notesOf = (dm: Part) => accessNotes(config(wecom({ bot: { ...bot, dm } })).accounts).map(({ path }) => path)
    expect(notesOf({})).toEqual(['channels.wecom.bot.dm.allowFrom'])
    expect(notesOf({ policy: 'disabled' })).toEqual(['channels.wecom.bot.dm.policy'])
    expect(notesOf({ allowFrom: ['zhangsan'] })).toEqual([])
    expect(notesOf({ policy: 'open' })).toEqual([])
  })
})
