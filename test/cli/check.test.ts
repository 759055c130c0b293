import { afterAll, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dispatchHere } from './in-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'wecomd-check-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = (args: readonly string[], cwd = folder) => dispatchHere(args, { cwd })

function write(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  chmodSync(file, 0o600)
  return file
}

const key = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C'
const good = write(
  'good.json5',
  `{ channels: { wecom: { bot: { token: 'geheim', encodingAESKey: '${key}', dm: { allowFrom: ['zhangsan'] } } } } }`,
)
const bad = write(
  'bad.json5',
  `{ channels: { wecom: { bot: { tokn: 'x', encodingAESKey: '${key}' } } }, schedule: 'jobs.json5' }`,
)

const get = (name: string, ...more: string[]) => run(['config', 'get', name, '--config', good, ...more])

test('check: a valid file ends in 0 with one line', async () => {
  expect(await run(['check', '--config', 'good.json5'])).toEqual({ code: 0, out: [`${good}: valid`], err: [] })
})

test('check: a bad file ends in 3 with one line for each complaint and a summary', async () => {
  expect(await run(['check', '--config', bad])).toEqual({
    code: 3,
    out: [
      'error   channels.wecom.bot.tokn: unknown key; did you mean "token"?',
      'error   channels.wecom.bot.token: is missing: expected a non-empty string',
      'warning schedule: has no effect yet',
      `${bad}: not valid, 2 errors, 1 warning`,
    ],
    err: [],
  })
})

test('check: warnings alone end in 0', async () => {
  const text = `{ channels: { wecom: { bot: { token: 't', encodingAESKey: '${key}', botId: 'x' } } } }`
  const result = await run(['check', '--config', write('warned.json5', text)])
  expect([result.code, result.out.at(-1)]).toEqual([0, `${join(folder, 'warned.json5')}: valid, 1 warning`])
})

test('check: a caFile that cannot be used ends in 3, a folder that is not there is a warning', async () => {
  const files: readonly (readonly [file: string, reason: string])[] = [
    ['gone.pem', `cannot read ${join(folder, 'gone.pem')}: no such file or folder`],
    ['.', `cannot read ${folder}: it is a folder`],
    ['good.json5', `${good} contains no certificate`],
  ]
  for (const [caFile, reason] of files) {
    const wecom = { bot: { token: 't', encodingAESKey: key }, network: { caFile } }
    const text = JSON.stringify({ channels: { wecom }, admin: { mediaRoots: ['nowhere', '.'] } })
    const result = await run(['check', '--config', write('ca.json5', text)])
    expect([result.code, result.out]).toEqual([
      3,
      [
        expect.stringContaining(`error   channels.wecom.network.caFile: ${reason}`),
        `warning admin.mediaRoots[0]: the folder ${join(folder, 'nowhere')} does not exist`,
        expect.stringContaining('not valid, 1 error, 1 warning'),
      ],
    ])
  }
})

test('check: a note tells that nobody may use commands', async () => {
  const file = write('plain.json5', `{ channels: { wecom: { bot: { token: 't', encodingAESKey: '${key}' } } } }`)
  const { code, out } = await run(['check', '--config', file])
  expect([code, out[1]]).toEqual([0, `${file}: valid`])
  expect(out[0]).toStartWith('note    channels.wecom.bot.dm.allowFrom: is empty, so nobody may use commands')
})

test('check: agents of their own need admin scope, and it says so until this device is approved', async () => {
  const config = {
    channels: {
      wecom: { bot: { token: 't', encodingAESKey: key, dm: { policy: 'open' } }, dynamicAgents: { enabled: true } },
    },
    stateDir: 'agents-state',
  }
  const file = write('agents.json5', JSON.stringify(config))
  const { code, out } = await run(['check', '--config', file])
  expect([code, out.length]).toEqual([0, 2])
  expect(out[0]).toStartWith('warning channels.wecom.dynamicAgents.enabled: needs admin scope')
  mkdirSync(join(folder, 'agents-state'))
  write('agents-state/device.paired', 'ws://127.0.0.1:18789 0123abc\n')
  expect((await run(['check', '--config', file])).out).toEqual([`${file}: valid`])
  write('agents-state/device.paired', 'ws://elsewhere:18789 0123abc\n')
  expect((await run(['check', '--config', file])).out).toHaveLength(2)
})

test('check: --json prints one object', async () => {
  const result = await run(['check', '--json', '--config', bad])
  expect(result.code).toBe(3)
  expect(JSON.parse(result.out.join('\n'))).toMatchObject({
    ok: false,
    file: bad,
    complaints: [{ path: 'channels.wecom.bot.tokn', severity: 'error' }, {}, { path: 'schedule', severity: 'warning' }],
  })
})

test('check: without a file it names the places it looked at', async () => {
  const result = await run(['check'], '/')
  expect(result.code).toBe(3)
  expect(result.out).toEqual([
    'error   no config file found: pass --config, set $WECOMD_CONFIG, or create /wecomd.json5 or /etc/wecomd/wecomd.json5',
  ])
})

test('check: in Chinese, and in colours on a terminal, it says the same', async () => {
  expect((await run(['check', '--config', bad, '--lang', 'zh-CN'])).out).toEqual([
    '错误 channels.wecom.bot.tokn: unknown key; did you mean "token"?',
    '错误 channels.wecom.bot.token: is missing: expected a non-empty string',
    '警告 schedule: has no effect yet',
    `${bad}：无效，2 个错误，1 个警告`,
  ])
  const { out } = await dispatchHere(['check', '--config', good], { cwd: folder, isTty: true })
  expect(out).toEqual([`\u001B[32m${good}: valid\u001B[39m`])
})

test('check: wrong arguments end in 2, --help in 0', async () => {
  expect(await run(['check', '--nope'])).toMatchObject({
    code: 2,
    err: ['wecomd: unknown option --nope', '  see: wecomd check --help'],
  })
  expect(await run(['check', 'stray'])).toMatchObject({ code: 2, out: [] })
  expect(await run(['check', '--config'])).toMatchObject({ code: 2, out: [] })
  expect(await run(['check', '--help'])).toMatchObject({ code: 0, err: [] })
})

test('config: get prints what a key amounts to, defaults included', async () => {
  expect(await get('gateway.url')).toEqual({ code: 0, out: ['ws://127.0.0.1:18789'], err: [] })
  expect(await get('server.port')).toMatchObject({ code: 0, out: ['8780'] })
  expect(await get('language', '--json')).toMatchObject({ code: 0, out: ['"zh-CN"'] })
  expect(await get('stateDir')).toEqual({ code: 1, out: [], err: ['stateDir is not set'] })
  expect(await get('gateway.tken')).toMatchObject({
    code: 2,
    err: ['wecomd: unknown key gateway.tken; did you mean "token"?', expect.any(String)],
  })
})

test('config: get never prints a secret', async () => {
  for (const name of ['channels', 'channels.wecom', 'channels.wecom.bot', 'channels.wecom.bot.token']) {
    const result = await run(['config', 'get', name, '--config', good])
    expect([result.code, result.out.join().includes('***')]).toEqual([0, true])
    expect(result.out.join()).not.toContain('geheim')
    expect(result.out.join()).not.toContain(key)
  }
})

test('config: get of a bad file tells what is wrong with it', async () => {
  const result = await run(['config', 'get', 'gateway.url', '--config', bad])
  expect([result.code, result.out]).toEqual([3, []])
  expect(result.err[0]).toContain('channels.wecom.bot.tokn')
})

test('config: schema and example print, anything else is a usage error', async () => {
  expect(JSON.parse((await run(['config', 'schema'])).out.join('\n'))).toMatchObject({ type: 'object' })
  expect((await run(['config', 'example'])).out.join('\n')).toContain('channels: {')
  for (const args of [[], ['nope'], ['get'], ['schema', 'x'], ['get', 'a', 'b']]) {
    expect(await run(['config', ...args])).toMatchObject({ code: 2, out: [] })
  }
})
