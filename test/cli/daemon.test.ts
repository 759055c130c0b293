import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEchoGateway, type EchoGateway } from '../../src/playground/gateway/echo-gateway.ts'
import { createTenant, type Tenant } from '../../src/playground/tenant/tenant.ts'
import { botKey, botToken, freePort, quietWorld } from '../scenarios/daemon.ts'
import { until } from '../scenarios/until.ts'
import { root } from '../source.ts'
import { type Running, startDaemon, wecomd } from './child.ts'

const folder = mkdtempSync(join(tmpdir(), 'wecomd-cli-'))
const ports = { public: freePort(), private: freePort() }
const state = join(folder, 'state')
let gateway: EchoGateway
let tenant: Tenant
let daemon: Running
let msgid = ''

interface Place {
  readonly name: string
  readonly stateDir?: string
  readonly publicPort?: number
  readonly privatePort?: number
  readonly host?: string
}

/** Writes a config file that differs from the running daemon's by what is given. */
function writeConfig({ name, stateDir = state, host = '127.0.0.1', ...more }: Place): string {
  const file = join(folder, `${name}.json5`)
  const config = {
    channels: {
      wecom: { bot: { token: botToken, encodingAESKey: botKey }, network: { apiBaseUrl: tenant.apiBaseUrl } },
    },
    server: { host, port: more.publicPort ?? ports.public },
    admin: { port: more.privatePort ?? ports.private },
    gateway: { url: gateway.url, token: 't' },
    stateDir,
  }
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
  return file
}

const run = (...args: string[]) => wecomd(args, folder)

beforeAll(async () => {
  const world = quietWorld()
  gateway = createEchoGateway(world, { token: 't' })
  const callbackUrl = `http://127.0.0.1:${ports.public}/wecom`
  tenant = await createTenant(world, { callbackUrl, token: botToken, encodingAESKey: botKey, refreshMs: 50 })
  daemon = await startDaemon(writeConfig({ name: 'wecomd' }), folder)
  await until('the gateway link', async () => (await fetch(`${daemon.privateUrl}/readyz`)).status === 200)
  msgid = (await tenant.say({ userid: 'zhangsan', text: '[long 5 20]' }).finished).msgid
})

afterAll(async () => {
  await daemon.close()
  tenant.close()
  await gateway.close()
  rmSync(folder, { recursive: true, force: true })
})

test('cli: a daemon whose log nobody reads any more ends when it is told to', async () => {
  const ports = { publicPort: freePort(), privatePort: freePort() }
  const file = writeConfig({ name: 'unread', stateDir: join(folder, 'unread'), ...ports })
  const script =
    'mkfifo pipe; exec 7<>pipe; dd if=/dev/zero of=pipe bs=4096 count=64 oflag=nonblock 2>/dev/null; exec "$0" "$@" >pipe'
  const command = [process.execPath, join(root, 'src/main.ts'), 'run', '--config', file]
  const child = Bun.spawn(['sh', '-c', script, ...command], { cwd: folder, stderr: 'ignore' })
  await until('the daemon to listen', async () => {
    const alive = await fetch(`http://127.0.0.1:${ports.privatePort}/healthz`).catch(() => undefined)
    return alive?.status === 200
  })
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
})

describe('status', () => {
  test('status: the config next to it is found, and the text tells what an operator looks for', async () => {
    const { code, out, err } = await run('status')
    expect([code, err]).toEqual([0, ''])
    const lines = out.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^wecomd \S+ on \S+: ready, up since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d$/)
    expect(lines.slice(1)).toEqual([
      '',
      'store     up',
      'gateway   up',
      expect.stringMatching(/^admin {5}(?:connecting|up)$/),
      expect.stringMatching(
        /^account {3}default: bot \/wecom \/wecom\/bot \/wecom\/bot\/default, last callback \d{4}-/,
      ),
      'turns     0 open, 0 waiting, 0 with the agent',
      'outbox    0 queued, 0 on hold',
      expect.stringMatching(/^files {5}0 MB of \d+ MB waiting to be passed on$/),
      'dead      0',
      expect.stringMatching(/^config {4}loaded \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d$/),
    ])
  })

  test('status: in Chinese the rows line up', async () => {
    const { out } = await run('status', '--lang', 'zh-CN')
    expect(out.split('\n').slice(2, 4)).toEqual(['存储      正常', '网关      正常'])
    expect(out).toContain('\n账号      default 机器人 /wecom /wecom/bot /wecom/bot/default，最近回调 ')
  })

  test('status: --json is what the private listener says, on one line', async () => {
    const { code, out } = await run('status', '--json')
    expect([code, out.trimEnd().includes('\n')]).toEqual([0, false])
    expect(JSON.parse(out)).toMatchObject({ ready: true, accounts: [{ id: 'default' }], dead: 0 })
  })

  test('status: the token comes from the state folder, the environment or a file, and a wrong one is told', async () => {
    const token = readFileSync(join(state, 'admin-token'), 'utf8').trim()
    writeFileSync(join(folder, 'token'), `${token}\n`)
    writeFileSync(join(folder, 'wrong'), 'wrong')
    const elsewhere = ['--config', writeConfig({ name: 'elsewhere', stateDir: join(folder, 'nowhere') })]
    expect((await run('status', ...elsewhere)).code).toBe(4)
    expect((await run('status', ...elsewhere, '--token-file', 'token')).code).toBe(0)
    expect((await wecomd(['status', ...elsewhere], folder, { WECOMD_ADMIN_TOKEN: token })).code).toBe(0)
    const { code, out, err } = await run('status', '--token-file', 'wrong')
    expect([code, out]).toEqual([4, ''])
    expect(err).toBe(
      `wecomd: the daemon at ${daemon.privateUrl} refuses the admin token\n` +
        '  pass --token-file, or run this as the user who owns the state folder with admin-token; changes to stateDir take effect after a restart\n',
    )
  })
})

test('status: what is wrong with the way to WeCom stands under its account, with since when', async () => {
  const since = Date.UTC(2026, 10, 23, 6, 11, 9)
  const unreachable = { since, lastAt: since + 90_000, reason: 'ENOTFOUND', hint: 'is WeCom reachable?' }
  const told: unknown = JSON.parse((await run('status', '--json')).out)
  const answer = Object.assign({}, told, {
    components: { store: { state: 'up' }, webhooks: { state: 'unreachable', ...unreachable } },
    accounts: [
      {
        id: 'default',
        name: '总部',
        enabled: true,
        bot: { paths: ['/a'], unreachable },
        app: { paths: [], unreachable },
      },
    ],
  })
  const other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => Response.json(answer) })
  const { code, out } = await run('status', '--utc', '--url', `http://127.0.0.1:${other.port}`)
  await other.stop(true)
  const line =
    '          WeCom is unreachable since 2026-11-23 06:11:09 UTC, last tried 2026-11-23 06:12:39 UTC: ENOTFOUND'
  const hint = '          → is WeCom reachable?'
  expect([code, out.split('\n').slice(2, 12)]).toEqual([
    0,
    [
      'store     up',
      'webhooks  unreachable since 2026-11-23 06:11:09 UTC: ENOTFOUND',
      hint,
      'account   default “总部”: bot /a, no callback yet',
      line,
      hint,
      'account   default “总部”: app only sends: it has no token and encodingAESKey for callbacks',
      line,
      hint,
      '          no access token yet',
    ],
  ])
})

test('status: the last refused callback is named with its cause, in both languages', async () => {
  const at = Date.UTC(2026, 10, 23, 6, 11, 9)
  const told: unknown = JSON.parse((await run('status', '--json')).out)
  const lastRefused = { at, cause: 'timestamp', reason: 'timestamp too far', hint: 'check it', offSeconds: -28_800 }
  const unknown = { at, cause: 'bad_envelope', reason: 'the ciphertext is empty', hint: 'look at it' }
  const answer = Object.assign({}, told, {
    accounts: [
      {
        id: 'default',
        enabled: true,
        bot: { paths: ['/a'], lastRefused },
        app: { paths: ['/b'], lastRefused: unknown },
      },
      { id: 'ready', enabled: true, bot: { paths: ['/c'], verifiedAt: at, lastCallbackAt: at } },
    ],
  })
  const other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => Response.json(answer) })
  const [en, zh] = await Promise.all(
    ['en', 'zh-CN'].map(
      async lang => (await run('status', '--utc', '--lang', lang, '--url', `http://127.0.0.1:${other.port}`)).out,
    ),
  )
  await other.stop(true)
  expect(en).toContain('last refused callback 2026-11-23 06:11:09 UTC: the clock of this host is 8 h off\n')
  expect(en).toContain(
    'last refused callback 2026-11-23 06:11:09 UTC: the ciphertext is empty\n          → look at it\n',
  )
  expect(en).toContain('bot /c, URL verified 2026-11-23 06:11:09 UTC, no callback yet\n')
  expect(zh).toContain('最近被拒绝的回调 2026-11-23 06:11:09 UTC：本机时钟偏差 8 h\n')
})

describe('trace', () => {
  test('trace: a message is told step by step, with times and without its text', async () => {
    const { code, out, err } = await run('trace', msgid)
    expect([code, err]).toEqual([0, ''])
    const [head, from, at, empty, ...steps] = out.trimEnd().split('\n')
    expect(head).toBe(`wecom:default:${msgid}: shown (answered)`)
    expect([from, empty]).toEqual([
      expect.stringMatching(/^from zhangsan in direct:zhangsan, account default, short id [0-9a-f]{6}$/),
      '',
    ])
    expect(at).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d$/)
    for (const step of steps) expect(step).toMatch(/^\d\d:\d\d:\d\d\.\d{3} +\+\d+\.\d{3} s {2}[a-z_]+/)
    expect(steps.map(step => /s {2}([a-z_]+)/.exec(step)?.[1])).toEqual(
      expect.arrayContaining(['received', 'asked', 'first_text', 'final', 'frame_finished', 'ended']),
    )
    expect(out).not.toContain('tok0')
  })

  test('trace: times are local with their offset, or with --utc in UTC', async () => {
    const timeOf = async (...flags: string[]) =>
      (await wecomd(['trace', msgid, ...flags], folder, { TZ: 'Asia/Kolkata' })).out.split('\n')[2] ?? ''
    const [local, utc] = [await timeOf(), await timeOf('--utc')]
    expect([local, utc]).toEqual([expect.stringMatching(/ \+05:30$/), expect.stringMatching(/ UTC$/)])
    expect(Date.parse(local)).toBe(Date.parse(utc))
  })

  test('trace: --json is the journey, on one line', async () => {
    const { code, out } = await run('trace', msgid, '--json')
    expect([code, out.trimEnd().includes('\n')]).toEqual([0, false])
    expect(JSON.parse(out)).toMatchObject({ id: `wecom:default:${msgid}`, end: 'answered' })
  })

  test('trace: an id that nobody knows ends in 1 and says so', async () => {
    const { code, out, err } = await run('trace', 'un/known?')
    expect([code, out, err]).toEqual([1, '', 'wecomd: no message with the id un/known?\n'])
  })
})

const free = () => ({ publicPort: freePort(), privatePort: freePort() })

describe('a daemon that cannot start', () => {
  test('run: a database that another daemon has is named with its pid', async () => {
    const { code, err } = await run('run', '--config', writeConfig({ name: 'locked', ...free() }))
    expect(code).toBe(5)
    expect(err).toBe(
      `wecomd: the database ${join(state, 'wecomd.db')} is in use by another wecomd (pid ${daemon.pid})\n` +
        '  stop that process first, or use another stateDir\n',
    )
  })

  test('run: a port that is taken is named, be it the public or the private one', async () => {
    const stateDir = join(folder, 'state-ports')
    const taken = [
      { ...free(), publicPort: ports.public },
      { ...free(), privatePort: ports.private },
    ]
    for (const [index, one] of taken.entries()) {
      const { code, err } = await run('run', '--config', writeConfig({ name: `port${index}`, stateDir, ...one }))
      const port = index === 0 ? ports.public : ports.private
      expect(code).toBe(5)
      expect(err).toBe(
        `wecomd: cannot listen on 127.0.0.1:${port}\n  another process uses this port; set server.port or admin.port\n`,
      )
    }
  })

  test('run: an address that this host does not have is told as that', async () => {
    const place = { name: 'address', stateDir: join(folder, 'state-address'), host: '192.0.2.1', ...free() }
    const { code, err } = await run('run', '--config', writeConfig(place))
    expect([code, err]).toEqual([5, expect.stringContaining('this host does not have this address; set server.host')])
  })

  test('run: a state folder that cannot be made or written is named', async () => {
    const below = join(folder, 'wecomd.json5', 'state')
    for (const stateDir of [below, '/proc', '/proc/wecomd']) {
      const { code, err } = await run('run', '--config', writeConfig({ name: 'folder', stateDir, ...free() }))
      expect([code, err]).toEqual([5, expect.stringContaining(stateDir)])
      expect(err).not.toContain('    at ')
    }
  })

  test('run: a file that is no database is named and kept', async () => {
    const stateDir = join(folder, 'state-garbage')
    mkdirSync(stateDir)
    const garbage = Buffer.alloc(8192, 'garbage')
    writeFileSync(join(stateDir, 'wecomd.db'), garbage)
    const { code, err } = await run('run', '--config', writeConfig({ name: 'garbage', stateDir, ...free() }))
    expect([code, err]).toEqual([5, expect.stringContaining(`cannot open the database ${join(stateDir, 'wecomd.db')}`)])
    expect(readFileSync(join(stateDir, 'wecomd.db'))).toEqual(garbage)
  })

  test('run: a device key that is empty or cut off is named and kept', async () => {
    for (const [index, text] of ['', '-----BEGIN PRIVATE KEY-----\nMC4CAQAw', 'not a key'].entries()) {
      const stateDir = join(folder, `state-key${index}`)
      mkdirSync(stateDir)
      writeFileSync(join(stateDir, 'device.pem'), text)
      const { code, err } = await run('run', '--config', writeConfig({ name: `key${index}`, stateDir, ...free() }))
      expect([code, err]).toEqual([5, expect.stringContaining(`cannot read the device key ${stateDir}`)])
      expect(readFileSync(join(stateDir, 'device.pem'), 'utf8')).toBe(text)
    }
  })

  test('demo: a port that is taken is told', async () => {
    const { code, err } = await run('demo', '--port', String(ports.public))
    expect(code).toBe(5)
    expect(err).toBe(
      `wecomd: cannot serve the page on port ${ports.public}\n  another process uses this port; choose one with --port\n`,
    )
  })

  test('run: the daemon that runs is not disturbed by any of it nor by a SIGHUP, keeps its secrets to itself, and ends in 0', async () => {
    process.kill(daemon.pid, 'SIGHUP')
    expect((await run('status')).code).toBe(0)
    for (const name of ['admin-token', 'device.pem', 'wecomd.db']) {
      expect(statSync(join(state, name)).mode & 0o077).toBe(0)
    }
    expect(await daemon.stop()).toBe(0)
    expect((await run('status')).code).toBe(4)
    daemon = await startDaemon(join(folder, 'wecomd.json5'), folder)
    expect((await run('trace', msgid)).code).toBe(0)
  })
})
