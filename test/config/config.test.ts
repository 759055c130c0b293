import { afterAll, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findConfigFile, loadConfig, resolveAdmin, resolveStateDir } from '../../src/config/config.ts'
import { aesKey, bot, config, read, wecom } from './texts.ts'

const folder = mkdtempSync(join(tmpdir(), 'wecomd-config-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('config: a bot with its two credentials is a complete config', () => {
  const loaded = config(wecom({ bot }))
  expect(loaded.accounts).toEqual([
    {
      id: 'default',
      enabled: true,
      paths: { bot: 'channels.wecom.bot', app: 'channels.wecom.agent' },
      texts: {},
      bot: {
        ...bot,
        names: [],
        receiveId: '',
        streamPlaceholderContent: '<think></think>',
        dm: { policy: 'pairing', allowFrom: [], applies: 'commands' },
        stream: { windowMs: 360_000, handoverMs: 30_000 },
        joinWindowMs: 3000,
        reasoning: 'fold',
        feedback: 'count',
      },
    },
  ])
  expect(loaded.defaultAccount).toBe('default')
  expect(loaded.server).toEqual({ host: '0.0.0.0', port: 8780 })
  expect(loaded.admin).toEqual({ host: '127.0.0.1', port: 8781, mediaRoots: [] })
  expect(loaded.gateway).toEqual({
    url: 'ws://127.0.0.1:18789',
    agentId: 'main',
    runTimeoutMs: 3_600_000,
    maxRuns: 64,
  })
  expect(loaded.store.url).toBe('sqlite:wecomd.db')
  expect(loaded.network).toEqual({ apiBaseUrl: 'https://qyapi.weixin.qq.com', timeoutMs: 15_000, mediaHosts: [] })
  expect(loaded.limits).toEqual({
    openTurns: 2000,
    perUserPerMinute: 20,
    askWithinMs: 21_600_000,
    deliverWithinMs: 86_400_000,
    outbox: 100_000,
  })
  expect(loaded.retention).toEqual({ contentDays: 7, rowDays: 30 })
  expect([loaded.language, loaded.timezone, loaded.log.level, loaded.log.format]).toEqual([
    'zh-CN',
    'Asia/Shanghai',
    'info',
    undefined,
  ])
  expect(loaded.commands.pass).toEqual(['status', 'model', 'think', 'compact', 'usage'])
  expect(loaded.media.maxBytes).toBe(83_886_080)
  expect(loaded.stateDir).toBeUndefined()
  expect(loaded.folder).toBe('/etc/wecomd')
})

test('config: two loaded configs never share a default object', () => {
  expect(config(wecom({ bot })).bindings).not.toBe(config(wecom({ bot })).bindings)
})

test('config: a minimal valid file has no issues', () => {
  expect(read(wecom({ bot }, { language: 'en', log: { level: 'debug' } })).issues).toEqual([])
})

function write(name: string, value: unknown, mode = 0o600): string {
  const file = join(folder, name)
  writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value))
  chmodSync(file, mode)
  return file
}

test('config: secrets in a file that other users can access are a warning', () => {
  expect(loadConfig(write('open.json5', wecom({ bot }), 0o644), {}).issues).toEqual([
    { path: '', message: expect.stringContaining('(mode 0644); run chmod 600'), severity: 'warning' },
  ])
  expect(loadConfig(write('closed.json5', wecom({ bot })), {}).issues).toEqual([])
  const env = { T: 't', K: aesKey }
  const without = wecom({ bot: { token: '${T}', encodingAESKey: '${K}' } }, { store: { url: 'sqlite:x.db' } })
  expect(loadConfig(write('env.json5', without, 0o644), env).issues).toEqual([])
})

test('config: an unreadable file is one issue', () => {
  const file = join(folder, 'gone.json5')
  expect(loadConfig(file, {})).toEqual({
    issues: [{ path: '', message: `cannot read the config file ${file}: no such file or folder`, severity: 'error' }],
  })
})

test('config: the file comes from the flag, the variable or the folder', () => {
  const file = write('wecomd.json5', {})
  expect(findConfigFile('a.json5', { WECOMD_CONFIG: '/b' }, folder)).toBe(join(folder, 'a.json5'))
  expect(findConfigFile(undefined, { WECOMD_CONFIG: '/b' }, folder)).toBe('/b')
  expect(findConfigFile(undefined, {}, folder)).toBe(file)
})

test('config: the state folder falls back to systemd, system and user', () => {
  expect(resolveStateDir({ stateDir: '/s' }, { STATE_DIRECTORY: '/t' })).toBe('/s')
  expect(resolveStateDir({}, { STATE_DIRECTORY: '/t:/u' })).toBe('/t')
  expect(['/var/lib/wecomd', '/x/wecomd']).toContain(resolveStateDir({}, { XDG_STATE_HOME: '/x', HOME: '/h' }))
  expect(['/var/lib/wecomd', '/h/.local/state/wecomd']).toContain(resolveStateDir({}, { HOME: '/h' }))
})

test('config: a client resolves admin and stateDir despite other errors', () => {
  const file = write('client.json5', {
    admin: { port: 9, token: '${T}' },
    stateDir: 'state',
    channels: '${NO}',
    junk: 1,
  })
  expect(resolveAdmin(file, { T: 'geheim' })).toEqual({
    host: '127.0.0.1',
    port: 9,
    token: 'geheim',
    stateDir: join(folder, 'state'),
    issues: [],
  })
  expect(resolveAdmin(file, {})).toMatchObject({ port: 9, issues: [{ path: 'admin.token' }] })
  expect(resolveAdmin(undefined, {})).toEqual({ host: '127.0.0.1', port: 8781, issues: [] })
  expect(resolveAdmin(write('broken.json5', '{'), {})).toMatchObject({
    port: 8781,
    issues: [{ severity: 'error' }],
  })
  expect(resolveAdmin(write('wrong.json5', { admin: 5 }), {})).toMatchObject({
    port: 8781,
    issues: [{ path: 'admin' }],
  })
})
