import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../scenarios/daemon.ts'
import { commands } from '../../src/cli/table/commands.ts'
import { root } from '../source.ts'
import { type Ended, wecomd } from './child.ts'

const folder = mkdtempSync(join(tmpdir(), 'wecomd-usage-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = (...args: string[]): Promise<Ended> => wecomd(args, folder)

describe('help', () => {
  test('cli: help lists every command, however it is asked for', async () => {
    const [flag, short, word] = await Promise.all([run('--help'), run('-h'), run('help')])
    expect(flag).toMatchObject({ code: 0, err: '' })
    for (const name of Object.keys(commands)) expect(flag.out).toMatch(new RegExp(`^  ${name} +\\S`, 'm'))
    expect([short, word]).toEqual([flag, flag])
  })

  test('cli: --help, -h and help COMMAND print the same help of a command', async () => {
    const [flag, short, word] = await Promise.all([run('run', '--help'), run('run', '-h'), run('help', 'run')])
    expect(flag).toMatchObject({ code: 0, err: '', out: expect.stringContaining('Usage: wecomd run [OPTIONS]') })
    expect([short, word]).toEqual([flag, flag])
  })
})

describe('the bare wecomd', () => {
  const key = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C'

  test('cli: without a config it lists the commands and names the demo', async () => {
    const { code, out, err } = await run()
    expect([code, err]).toEqual([0, ''])
    for (const name of Object.keys(commands)) expect(out).toMatch(new RegExp(`^  ${name} +\\S`, 'm'))
    expect(out).toEndWith('No config file found. Try everything without an account first:\n  wecomd demo\n')
    const chinese = await run('--lang', 'zh-CN')
    expect(chinese.out).toEndWith('没有找到配置文件。不需要账号就可以先试用：\n  wecomd demo\n')
  })

  test('cli: with a config it names what to do about the daemon', async () => {
    const next = async (config: object | string, status?: object) => {
      const answer = { version: '1', node: 'n', startedAt: 0, ready: true, components: {}, accounts: [], ...status }
      const body = { ...answer, config: { loadedAt: 0 } }
      const daemon = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => Response.json(body) })
      const admin = { port: status === undefined ? freePort() : daemon.port }
      const text = typeof config === 'string' ? config : JSON.stringify({ ...config, admin })
      writeFileSync(join(folder, 'next.json5'), text, { mode: 0o600 })
      const { out } = await run('--config', 'next.json5', '--json')
      await daemon.stop(true)
      rmSync(join(folder, 'next.json5'))
      return JSON.parse(out)
    }
    const good = { channels: { wecom: { bot: { token: 't', encodingAESKey: key } } } }
    expect(await next('{ gatway: {}, admin: { port: 9 } }')).toMatchObject({ next: 'wecomd check' })
    expect(await next(good)).toMatchObject({ situation: 'down', next: 'wecomd run' })
    expect(await next(good, { ready: false })).toMatchObject({ situation: 'not_ready', next: 'wecomd status' })
    expect(await next(good, { dead: 2 })).toMatchObject({ situation: 'dead_letters', next: 'wecomd dead list' })
    expect(await next(good, { outbox: { held: 1 } })).toMatchObject({ situation: 'on_hold', next: 'wecomd status' })
    expect(await next(good, {})).toMatchObject({ situation: 'ready', next: 'wecomd status' })
    expect(await next(good, { startedAt: 'x' })).toMatchObject({ situation: 'no_access', next: 'wecomd status' })
  })
})

describe('language', () => {
  const chinese = '没有“nope”这个命令'
  const spoken = async (args: string[], env: Record<string, string> = {}) => {
    const { err } = await wecomd([...args, 'nope'], folder, env)
    return err.includes(chinese) ? 'zh-CN' : err.includes('unknown command "nope"') ? 'en' : err
  }

  test('cli: --lang wins, then the first locale variable that is set, then the config, then English', async () => {
    writeFileSync(join(folder, 'zh.json5'), "{ language: 'zh-CN', }", { mode: 0o600 })
    const zh = { WECOMD_CONFIG: 'zh.json5' }
    expect(await spoken([])).toBe('en')
    expect(await spoken(['--lang', 'zh-CN'])).toBe('zh-CN')
    expect(await spoken([], { LANG: 'zh_CN.UTF-8' })).toBe('zh-CN')
    expect(await spoken([], { LC_MESSAGES: 'zh', LANG: 'C' })).toBe('zh-CN')
    expect(await spoken([], { LC_ALL: 'C', LANG: 'zh_CN.UTF-8' })).toBe('en')
    expect(await spoken([], { LC_ALL: '', LANG: 'zh_CN.UTF-8' })).toBe('zh-CN')
    expect(await spoken([], zh)).toBe('zh-CN')
    expect(await spoken([], { ...zh, LANG: 'en_US.UTF-8' })).toBe('zh-CN')
    expect(await spoken(['--lang', 'en'], { ...zh, LANG: 'zh_CN.UTF-8' })).toBe('en')
    expect(await spoken(['--config', 'zh.json5'])).toBe('zh-CN')
    rmSync(join(folder, 'zh.json5'))
  })
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
  const wrong: readonly [args: string[], complaint: string, help: string][] = [
    [['versoin'], 'unknown command "versoin"; did you mean "version"?', 'wecomd --help'],
    [['run', '--confg'], 'unknown option --confg; did you mean --config?', 'wecomd run --help'],
    [['dead', 'lst'], 'unknown command "dead lst"; did you mean "dead list"?', 'wecomd dead --help'],
    [['config', 'get', 'gatway.url'], 'unknown key gatway.url; did you mean "gateway"?', 'wecomd config get --help'],
    [['demo', '--port', 'x'], '--port x is not a port', 'wecomd demo --help'],
    [['demo', '--port', '65536'], '--port 65536 is not a port', 'wecomd demo --help'],
    [['demo', '--port', '-1'], '--port -1 is not a port', 'wecomd demo --help'],
    [['demo', '--token', 'x'], '--token only makes sense with --gateway', 'wecomd demo --help'],
  ]
  for (const [args, complaint, help] of wrong) {
    test(`cli: "${args.join(' ')}" ends in 2 with: ${complaint}`, async () => {
      const { code, out, err } = await run(...args)
      expect([code, out, err]).toEqual([2, '', `wecomd: ${complaint}\n  see: ${help}\n`])
    })
  }

  test('cli: in Chinese a usage error names the nearest command too', async () => {
    const { code, err } = await run('stauts', '--lang', 'zh-CN')
    expect([code, err]).toEqual([2, 'wecomd: 没有“stauts”这个命令，是不是想输入 “status”？\n  用法见：wecomd --help\n'])
  })
})

describe('config errors', () => {
  test('cli: run ends in 3 when there is no config file, and names where it looked', async () => {
    const { code, out, err } = await run('run')
    expect([code, out]).toEqual([3, ''])
    expect(err).toContain(`or create ${join(folder, 'wecomd.json5')} or /etc/wecomd/wecomd.json5`)
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
    expect(err).toContain('error   channels.wecom.network.caFile: cannot read ')
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
        `wecomd: no daemon answers at ${url}\n  is it running (wecomd run)? --url or --config says where it listens; changes to the admin section take effect after a restart\n`,
      )
    })
  }

  test('cli: in Chinese a daemon that does not answer is named with its address', async () => {
    const url = `http://127.0.0.1:${freePort()}`
    const { code, err } = await run('status', '--url', url, '--lang', 'zh-CN')
    expect([code, err]).toEqual([4, expect.stringContaining(`wecomd: ${url} 没有守护进程应答\n`)])
  })

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
          `wecomd: the server at ${url} is not wecomd, or runs another version\n` +
            '  --url or --config says where the daemon listens\n',
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
        expect.stringContaining(`is not wecomd, or runs another version: it answered HTTP ${status}`),
      ])
    }
  })

  test('cli: a token file that is not there is a usage error', async () => {
    const { code, err } = await run('status', '--token-file', 'nowhere')
    expect([code, err]).toEqual([2, 'wecomd: the token file nowhere does not exist\n'])
  })
})
