import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../scenarios/daemon.ts'
import { root } from '../source.ts'
import { type Ended, wecomd } from './child.ts'

const folder = mkdtempSync(join(tmpdir(), 'wecomd-usage-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = (...args: string[]): Promise<Ended> => wecomd(args, folder)
const commands = ['run', 'demo', 'check', 'config', 'status', 'trace', 'version']

describe('help', () => {
  test('cli: help lists every command, whichever way one asks for it', async () => {
    const [flag, short, word] = await Promise.all([run('--help'), run('-h'), run('help')])
    expect(flag).toMatchObject({ code: 0, err: '' })
    for (const name of commands) expect(flag.out).toMatch(new RegExp(`^  ${name} +\\S`, 'm'))
    expect([short, word]).toEqual([flag, flag])
  })

  test('cli: without a command the same is said on standard error, and it is a usage error', async () => {
    const { code, out, err } = await run()
    expect([code, out, err]).toEqual([2, '', (await run('--help')).out])
  })

  for (const name of commands) {
    test(`cli: ${name} --help says how it is called and what its flags are, in columns`, async () => {
      for (const flag of ['--help', '-h']) {
        const { code, out, err } = await run(name, flag)
        expect([code, err]).toEqual([0, ''])
        expect(out).toStartWith(`usage: wecomd ${name}`)
        const flags = out.split('\n').filter(line => line.startsWith('  '))
        expect(new Set(flags.map(line => /^ {2}\S+(?: [A-Z]+)? +/.exec(line)?.[0].length)).size).toBe(1)
        expect(Math.max(...out.split('\n').map(line => line.length))).toBeLessThanOrEqual(120)
      }
    })
  }
})

test('cli: what is longer than a pipe takes at once arrives whole, also when it is read late', async () => {
  const piped = [
    'sh',
    '-c',
    '"$0" "$1" config schema | { sleep 0.5; cat; }',
    process.execPath,
    join(root, 'src/main.ts'),
  ]
  const printed = await Bun.spawn(piped, { stdout: 'pipe' }).stdout.text()
  expect(printed.length).toBeGreaterThan(65_536)
  expect(JSON.parse(printed)).toMatchObject({ type: 'object' })
})

describe('usage errors', () => {
  const wrong: readonly [args: string[], says: string][] = [
    [['nope'], 'unknown command "nope"'],
    [['--json'], 'unknown command "--json"'],
    [['__proto__'], 'unknown command "__proto__"'],
    [['toString'], 'unknown command "toString"'],
    [['run', '--nope'], "Unknown option '--nope'"],
    [['run', 'extra'], 'unexpected argument "extra"'],
    [['run', '--config'], "Option '--config <value>' argument missing"],
    [['status', 'extra'], 'unexpected argument "extra"'],
    [['status', '--json=yes'], "Option '--json' does not take an argument"],
    [['trace'], 'trace needs an id'],
    [['trace', 'a', 'b'], 'unexpected argument "b"'],
    [['demo', '--port', 'x'], '--port x is not a port'],
    [['demo', '--port', '65536'], '--port 65536 is not a port'],
    [['demo', '--port=-1'], '--port -1 is not a port'],
    [['demo', '--token', 'x'], '--token goes with --gateway'],
    [['version', 'extra'], 'unexpected argument "extra"'],
  ]
  for (const [args, says] of wrong) {
    test(`cli: "${args.join(' ')}" ends in 2 and says: ${says}`, async () => {
      const { code, out, err } = await run(...args)
      expect([code, out]).toEqual([2, ''])
      expect(err).toStartWith(`wecomd: ${says}\nusage: wecomd `)
    })
  }
})

describe('config errors', () => {
  test('cli: run ends in 3 when there is no config file, and names where it looked', async () => {
    const { code, out, err } = await run('run')
    expect([code, out]).toEqual([3, ''])
    expect(err).toContain(`neither ${join(folder, 'wecomd.json5')} nor /etc/wecomd/wecomd.json5`)
  })

  test('cli: run ends in 3 with every complaint when the config is wrong, and makes nothing', async () => {
    writeFileSync(join(folder, 'bad.json5'), '{ server: { port: "x" }, gatway: {} }', { mode: 0o600 })
    const { code, err } = await run('run', '--config', 'bad.json5')
    expect(code).toBe(3)
    expect(err).toContain('error   server.port: ')
    expect(err).toContain('error   gatway: unknown key; did you mean "gateway"?')
    expect(readdirSync(folder)).toEqual(['bad.json5'])
  })

  test('cli: run ends in 3 when a caFile cannot be used, without a stack trace', async () => {
    const bot = { token: 't', encodingAESKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' }
    const config = { channels: { wecom: { bot, network: { caFile: 'gone.pem' } } } }
    writeFileSync(join(folder, 'ca.json5'), JSON.stringify(config), { mode: 0o600 })
    const { code, out, err } = await run('run', '--config', 'ca.json5')
    rmSync(join(folder, 'ca.json5'))
    expect([code, out]).toEqual([3, ''])
    expect(err).toContain('error   channels.wecom.network.caFile: cannot read the file ')
    expect(err).not.toContain('    at ')
  })

  test('cli: run takes the config that the environment names', async () => {
    const { code, err } = await wecomd(['run'], folder, { WECOMD_CONFIG: 'nowhere.json5' })
    expect([code, err]).toEqual([3, expect.stringContaining('nowhere.json5')])
  })
})

describe('no daemon', () => {
  for (const args of [['status'], ['status', '--json'], ['trace', 'x']]) {
    test(`cli: ${args.join(' ')} ends in 4 and says where nobody answers`, async () => {
      const url = `http://127.0.0.1:${freePort()}`
      const { code, out, err } = await run(...args, '--url', url)
      expect([code, out]).toEqual([4, ''])
      expect(err).toBe(
        `wecomd: no daemon answers at ${url}\n  is it running? --url and --config tell where it listens; an edited admin section counts from its next start\n`,
      )
    })
  }

  test('cli: something else that answers there is told by its status', async () => {
    const other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('', { status: 503 }) })
    const { code, err } = await run('status', '--url', `http://127.0.0.1:${other.port}/`)
    await other.stop(true)
    expect([code, err]).toEqual([4, expect.stringContaining('answered HTTP 503')])
  })

  const strangers: readonly (readonly [what: string, body: string])[] = [
    ['some JSON', '{"message":"welcome"}'],
    ['a page', '<!doctype html><title>welcome</title>'],
    ['null', 'null'],
    ['times that are none', '{"version":"1","node":"n","startedAt":1e300,"ready":true,"components":{},"accounts":[]}'],
  ]
  for (const [what, body] of strangers) {
    test(`cli: a stranger who answers 200 with ${what} is not taken for the daemon by any command`, async () => {
      const other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(body) })
      const url = `http://127.0.0.1:${other.port}`
      const commands = [
        ['status'],
        ['status', '--json'],
        ['send', '--to', 'user:a', '--text', 'x'],
        ['send', '--to', 'user:a', '--text', 'x', '--wait'],
        ['trace', 'x'],
        ['dead', 'list'],
        ['dead', 'retry', 'x'],
        ['dead', 'drop', 'x'],
      ]
      const ended = await Promise.all(commands.map(args => run(...args, '--url', url)))
      await other.stop(true)
      for (const [index, { code, out, err }] of ended.entries()) {
        expect([commands[index], code, out, err]).toEqual([
          commands[index],
          4,
          '',
          `wecomd: what answers at ${url} is not wecomd, or not of this release\n` +
            '  --url and --config tell where the daemon listens\n',
        ])
      }
    }, 30_000)
  }

  test('cli: a 404 and a 401 of a stranger are his, not words of the daemon about an id or a token', async () => {
    for (const status of [404, 401]) {
      const other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('{}', { status }) })
      const { code, err } = await run('trace', 'x', '--url', `http://127.0.0.1:${other.port}`)
      await other.stop(true)
      expect([code, err]).toEqual([
        4,
        expect.stringContaining(`is not wecomd, or not of this release: it answered HTTP ${status}`),
      ])
    }
  })

  test('cli: a token file that is not there is a usage error', async () => {
    const { code, err } = await run('status', '--token-file', 'nowhere')
    expect([code, err]).toEqual([2, 'wecomd: there is no token file nowhere\n'])
  })
})
