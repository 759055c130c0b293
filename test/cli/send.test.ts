import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEchoGateway, type EchoGateway } from '../../src/playground/gateway/echo-gateway.ts'
import { createTenant, type Tenant } from '../../src/playground/tenant/tenant.ts'
import { appOf, configText, freePort, quietWorld } from '../scenarios/daemon.ts'
import { cards } from '../scenarios/sending.ts'
import { root } from '../source.ts'
import { type Ended, type Running, startDaemon, wecomd } from './child.ts'

const folder = mkdtempSync(join(tmpdir(), 'wecomd-cli-send-'))
const sendPath = '/cgi-bin/message/send'
const members = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
let gateway: EchoGateway
let tenant: Tenant
let daemon: Running

beforeAll(async () => {
  const world = quietWorld()
  gateway = createEchoGateway(world, { token: 't' })
  const [token, encodingAESKey] = [appOf.token, appOf.encodingAESKey]
  const callbackUrl = 'http://127.0.0.1:9/'
  tenant = await createTenant(world, {
    callbackUrl,
    token,
    encodingAESKey,
    members: [...members, 'guest'],
    unlicensed: ['guest'],
    apps: [{ ...appOf, callbackUrl }],
    robots: [{ name: 'ops', key: 'key-of-ops' }],
  })
  const options = {
    agent: {},
    channel: { webhooks: { ops: 'key-of-ops' } },
    config: { admin: { port: freePort(), token: 'admin-token' }, stateDir: join(folder, 'state') },
  }
  const at = { port: freePort(), apiBaseUrl: tenant.apiBaseUrl, gateway: { url: gateway.url, token: 't' } }
  writeFileSync(join(folder, 'wecomd.json5'), configText(options, at), { mode: 0o600 })
  daemon = await startDaemon(join(folder, 'wecomd.json5'), folder)
})

afterAll(async () => {
  await daemon.close()
  tenant.close()
  await gateway.close()
  rmSync(folder, { recursive: true, force: true })
})

const send = (...args: string[]) => wecomd(['send', ...args], folder)
const sendEach = (list: readonly (readonly string[])[]) =>
  Promise.all(list.map(async args => ({ args, ...(await send(...args)) })))
const shown = (userid: string) => tenant.ledger.seen({ userid })
const idLine = /^send_[0-9a-z]+\n$/

function write(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content)
  return name
}

function expectSent({ code, out, err }: Ended): void {
  expect([code, out, err]).toEqual([0, expect.stringMatching(/^send_[0-9a-z]+\ndelivered\n$/), ''])
}

describe('what is sent', () => {
  test('send: prints the id of the delivery and ends in 0 without waiting for it', async () => {
    tenant.api.fail({ when: 'before', how: 200, delayMs: 3_000 }, sendPath)
    const { code, out, err } = await send('--to', 'user:a', '--text', '你好')
    expect([code, out, err]).toEqual([0, expect.stringMatching(idLine), ''])
    expect(shown('a')).toEqual([])
    const traced = await wecomd(['trace', out.trim()], folder)
    expect([traced.code, traced.out]).toEqual([0, expect.stringContaining(out.trim())])
  })

  test('send: with --json it is one object on one line', async () => {
    const { code, out } = await send('--to', 'user:a', '--text', 'x', '--json')
    expect([code, JSON.parse(out)]).toEqual([0, { id: expect.stringMatching(/^send_/) }])
  })

  test('send: text, markdown, cards and files arrive', async () => {
    const to = ['--to', 'user:b|c', '--wait']
    const pdf = Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(100_000, 'x')])
    mkdirSync(join(folder, '报表'), { recursive: true })
    write('报表/一季度.pdf', pdf)
    write('card.json', JSON.stringify(cards.text_notice))
    write('message.json', JSON.stringify({ msgtype: 'template_card', template_card: cards.news_notice }))
    for (const what of [
      ['--text', '-5 度'],
      ['--markdown', '**粗**'],
      ['--card', 'card.json'],
      ['--card', join(folder, 'message.json')],
      ['--file', '报表/一季度.pdf'],
    ])
      expectSent(await send(...to, ...what))
    for (const userid of ['b', 'c']) {
      const [text, markdown, card, message, file] = shown(userid)
      expect([text?.text, markdown?.text, file?.text]).toEqual(['-5 度', '**粗**', '一季度.pdf'])
      expect([card, message].map(one => JSON.parse(one?.text ?? ''))).toEqual([cards.text_notice, cards.news_notice])
      expect(file?.media).toMatchObject({ type: 'file', bytes: pdf.length })
    }
    expect(tenant.media.uploads[0]?.bytes).toEqual(pdf)
  }, 30_000)

  test('send: - reads standard input, all of it', async () => {
    const text = Array.from({ length: 100 }, (_, n) => `第 ${n} 行，不多不少`).join('\n')
    expectSent(await wecomd(['send', '--to', 'd', '--wait', '--text', '-'], folder, {}, text))
    const parts = shown('d').map(entry => entry.text.slice('(1/2)\n'.length))
    expect([parts.length, parts.join('')]).toEqual([2, text])
    expectSent(await wecomd(['send', '--to', 'd', '--wait', '--markdown', '-'], folder, {}, '# 标题'))
    expect(shown('d').at(-1)).toMatchObject({ kind: 'app-markdown', text: '# 标题' })
  })

  test('send: a robot, and the account by its own flag', async () => {
    expectSent(await send('--to', 'webhook:ops', '--text', '值班', '--wait', '--account', 'default'))
    expect(tenant.ledger.seen({ chatid: 'ops' })).toMatchObject([{ kind: 'robot-text', text: '值班' }])
  })

  test('send: the same --key is one message', async () => {
    const args = ['--to', 'user:e', '--text', 'once', '--key', 'k1', '--wait']
    const [one, other] = [await send(...args), await send(...args)]
    expectSent(one)
    expect(other.out).toBe(one.out)
    expect(shown('e').map(entry => entry.text)).toEqual(['once'])
    const { code, out, err } = await send('--to', 'user:e', '--text', 'twice', '--key', 'k1')
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^wecomd: this idempotencyKey was used for something else\n {2}a new message needs a new key/)
  })

  test('send: proxies of the environment are not used to reach the daemon', async () => {
    const dead = `http://127.0.0.1:${freePort()}`
    const env = { http_proxy: dead, HTTP_PROXY: dead, all_proxy: dead }
    expectSent(await wecomd(['send', '--to', 'user:f', '--text', 'x', '--wait'], folder, env))
  })
})

describe('--wait', () => {
  const wait = (to: string, ...more: string[]) => send('--to', to, '--text', 'x', '--wait', ...more)

  test('send: a partial delivery says who was not reached and ends in 0', async () => {
    const { code, out } = await wait('user:f|Nobody')
    expect([code, out.split('\n').slice(1)]).toEqual([0, ['partial', '  invaliduser: nobody', '']])
  })

  test('send: a refused one says why and what to do, and ends in 1', async () => {
    const { code, out } = await wait('user:nobody')
    expect(code).toBe(1)
    expect(out).toMatch(/\nrefused\n {2}invaliduser: nobody\n {2}errcode 81013: .*\n {2}→ .*visible range.*\n$/)
  })

  test('send: a dead letter that reached nobody is listed with whom, not as ok', async () => {
    const id = (await send('--to', 'user:guest', '--text', 'x', '--wait')).out.split('\n')[0] ?? ''
    const { code, out } = await wecomd(['dead', 'list', '--utc'], folder)
    const lines = out.split('\n')
    const at = lines.indexOf(id)
    expect([code, lines.slice(at + 1, at + 4)]).toEqual([
      0,
      [
        expect.stringMatching(/^ {2}\S+ \S+ UTC {2}text to user:guest, refused$/),
        '  unlicenseduser: guest',
        expect.stringMatching(/^ {2}→ no recipient/),
      ],
    ])
  })

  test('send: an unknown one ends in 1', async () => {
    for (let times = 0; times < 2; times++) tenant.api.fail({ when: 'after', how: 'reset' }, sendPath)
    const { code, out } = await wait('user:g')
    expect([code, out]).toEqual([
      1,
      expect.stringMatching(/\nunknown\n {2}ECONNRESET\n {2}→ check that WeCom is reachable/),
    ])
    expect(shown('g')).toHaveLength(1)
  })

  test('send: one that is late says so on standard error, with why it waits, and ends in 1', async () => {
    tenant.api.failWith(sendPath, -1)
    const { code, out, err } = await wait('user:g', '--timeout', '1')
    expect([code, err]).toEqual([1, 'wecomd: not delivered within 1 s; the daemon keeps trying\n'])
    expect(out).toMatch(/\nqueued\n {2}errcode -1: /)
  })

  test('send: --json is the whole report and nothing else', async () => {
    const { code, out, err } = await wait('user:nobody', '--json')
    expect([code, err]).toEqual([1, ''])
    expect(JSON.parse(out)).toMatchObject({ state: 'refused', dead: true, to: 'user:nobody', attempts: [{}] })
  })

  test('send: an app that WeCom refuses tells the address to trust', async () => {
    tenant.api.trustOnly([])
    const { code, out } = await wait('user:f', '--timeout', '0.5')
    expect([code, out]).toEqual([1, expect.stringContaining('→ add 127.0.0.1 to the trusted IPs')])
    const next = await wait('user:f', '--timeout', '0.5')
    tenant.api.trustOnly(undefined)
    expect([next.code, next.out.split('\n').slice(1)]).toEqual([
      1,
      [
        'held',
        expect.stringMatching(/^ {2}waiting until 20\S+ \S+ [+-]\d\d:\d\d: WeCom refuses this app \(errcode 60020\)$/),
        expect.stringMatching(/^ {2}→ add 127\.0\.0\.1 to the trusted IPs/),
        '',
      ],
    ])
    const traced = await wecomd(['trace', next.out.split('\n')[0] ?? ''], folder)
    expect(traced.out).toMatch(/\n\nwaiting until 20.+: WeCom refuses this app \(errcode 60020\)\n→ add 127/)
  })
})

describe('what goes wrong', () => {
  const usage: readonly (readonly string[])[] = [
    [],
    ['--text', 'x'],
    ['--to', 'a'],
    ['--to', 'a', '--text', 'x', '--markdown', 'y'],
    ['--to', 'a', '--text', 'x', '--file', 'wecomd.json5'],
    ['--to', 'a', '--text', 'x', 'stray'],
    ['--to', 'a', '--text', 'x', '--nope'],
    ['--to', 'a', '--text', 'x', '--wait', '--timeout', 'soon'],
    ['--to', 'a', '--text', 'x', '--wait', '--timeout', '0'],
    ['--to', 'a', '--file', 'not-there.pdf'],
    ['--to', 'a', '--card', 'not-there.json'],
    ['--to', 'a', '--card', 'text.json'],
    ['--to', 'a', '--text', 'x', '--token-file', 'not-there'],
    ['--to', 'a', '--text', ''],
    ['--to', '', '--text', 'x'],
    ['--to', 'a', '--text', 'x', '--url', 'nonsense'],
    ['--to', 'a', '--text', 'x', '--url', 'ftp://127.0.0.1/'],
    ['--to', 'a', '--text', 'x', '--token-file', 'token.bin'],
    ['--to', 'a', '--text', 'x', '--token-file', 'two-lines'],
    ['--to', 'a', '--text', 'x', '--token-file', 'long'],
    ['--to', 'a', '--text', 'x', '--token-file', '.'],
    ['--to', 'a', '--card', 'latin.json'],
  ]
  test('send: wrong arguments and files that cannot be read are usage errors', async () => {
    write('text.json', 'no JSON')
    write('token.bin', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0xff]))
    write('two-lines', 'admin-token\nadmin-token\n')
    write('long', 'x'.repeat(4097))
    write('latin.json', Buffer.from('{"card_type":"text_notice","sub_title_text":"caf\xe9"}', 'latin1'))
    for (const { args, code, out, err } of await sendEach(usage)) {
      expect([args, code, out, err]).toEqual([args, 2, '', expect.stringMatching(/^wecomd: .+\n/)])
      expect(err).not.toContain('    at ')
    }
  })

  test('send: what is wrong with an argument or a file is said in a sentence', async () => {
    const told: readonly [args: readonly string[], err: string][] = [
      [['--to', 'a', '--text', ''], '--text is empty'],
      [['--to', '', '--text', 'x'], '--to is empty'],
      [['--to', 'a', '--text', 'x', '--url', 'nonsense'], 'nonsense is not a URL such as http://127.0.0.1:8781'],
      [
        ['--to', 'a', '--text', 'x', '--token-file', 'token.bin'],
        'the file token.bin does not hold a token: expected one line of printable ASCII characters',
      ],
      [['--to', 'a', '--text', 'x', '--token-file', '.'], 'cannot read the token file .: it is a folder'],
      [['--to', 'a', '--card', 'latin.json'], 'latin.json is not UTF-8'],
      [['--to', 'a', '--file', 'empty.txt'], 'empty.txt is empty'],
    ]
    write('empty.txt', '')
    const sent = await sendEach(told.map(([args]) => args))
    expect(sent.map(({ err }) => err.split('\n')[0])).toEqual(told.map(([, err]) => `wecomd: ${err}`))
    expect(sent.at(-1)?.code).toBe(1)
  })

  test('send: what is not UTF-8 or nothing at all on standard input is refused', async () => {
    const inputs = [
      [Buffer.from([0x63, 0x61, 0x66, 0xe9]), 'standard input is not UTF-8'],
      [Buffer.from(''), 'standard input is empty'],
    ] as const
    for (const [input, says] of inputs) {
      const { code, out, err } = await wecomd(['send', '--to', 'a', '--text', '-'], folder, {}, input)
      expect([code, out, err]).toEqual([2, '', `wecomd: ${says}\n`])
    }
  })

  const refused: readonly [args: readonly string[], message: string, hint: string][] = [
    [['--to', '12345', '--text', 'x'], 'bare digits', 'write user:123'],
    [['--to', 'group:wr1', '--text', 'x'], 'cannot write to ordinary groups', 'allowAppChat'],
    [['--to', 'webhook:nope', '--text', 'x'], 'there is no webhook "nope"', 'ops'],
    [['--to', 'a', '--text', 'x', '--account', 'nope'], 'no account "nope"', 'default'],
    [['--to', 'a', '--card', 'empty.json'], 'card_type', 'template_card'],
  ]
  test('send: what the daemon refuses is told with its hint, and ends in 1', async () => {
    write('empty.json', '{}')
    for (const { args, code, out, err } of await sendEach(refused.map(([args]) => args))) {
      const [, message = '', hint = ''] = refused.find(one => one[0] === args) ?? []
      const lines = [expect.stringContaining(message), expect.stringContaining(hint), '']
      expect([args, code, out, err.split('\n')]).toEqual([args, 1, '', lines])
    }
    const json = await send('--to', '12345', '--text', 'x', '--json')
    expect([json.code, JSON.parse(json.out)]).toEqual([
      1,
      { error: { code: 'bad_target', message: expect.stringContaining('bare digits'), hint: expect.any(String) } },
    ])
  })

  test('send: a file that is too large is not even sent to the daemon', async () => {
    write('big.bin', Buffer.alloc(20 * 1_048_576 + 1))
    const { code, err } = await send('--to', 'a', '--file', 'big.bin')
    expect([code, err]).toEqual([1, expect.stringContaining('20 MiB')])
  })

  test('send: a daemon that is not there, a config that does not tell where, and a wrong token end in 4', async () => {
    write('broken.json5', `{ admin: { port: 'here' } }`)
    const what = ['--to', 'a', '--text', 'x']
    const lost = await send(...what, '--config', 'broken.json5')
    expect([lost.code, lost.err]).toEqual([4, expect.stringContaining('\n  the config is not valid: admin.port: ')])
    const nobody = await send(...what, '--url', `http://127.0.0.1:${freePort()}`)
    expect([nobody.code, nobody.err]).toEqual([
      4,
      expect.stringMatching(/^wecomd: no daemon answers at .*\n {2}is it running/),
    ])
    const stranger = await wecomd(['send', ...what], folder, { WECOMD_ADMIN_TOKEN: 'wrong' })
    expect([stranger.code, stranger.err]).toEqual([4, expect.stringContaining('refuses the admin token')])
  })

  test('send: an argument that is not UTF-8 is a usage error that says so', async () => {
    const command = [process.execPath, join(root, 'src/main.ts'), 'send', '--to', 'a', '--text']
    const call = ['sh', '-c', '"$@" "$(printf "caf\\351")"', 'sh', ...command]
    const child = Bun.spawn(call, { cwd: folder, stdout: 'pipe', stderr: 'pipe' })
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
    expect([code, out, err]).toEqual([2, '', expect.stringContaining('is not valid UTF-8')])
  })

  test('send: --help names every flag', async () => {
    const { code, out } = await send('--help')
    expect(code).toBe(0)
    const flags = ['to', 'account', 'text', 'markdown', 'card', 'file', 'key', 'wait', 'timeout', 'url', 'token-file']
    expect([...flags, 'config', 'json'].filter(flag => !out.includes(`--${flag}`))).toEqual([])
  })
})
