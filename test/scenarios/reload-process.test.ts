import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Running, startDaemon, wecomd } from '../cli/child.ts'
import { botKey, botToken, freePort } from './daemon.ts'
import { type NotifySocket, openNotifySocket } from './notify-socket.ts'
import { until } from './until.ts'

const folder = mkdtempSync(join(tmpdir(), 'wecomd-hangup-'))
const file = join(folder, 'wecomd.json5')
const adminPort = freePort()
let socket: NotifySocket
let daemon: Running

function configure(more: object): void {
  const config = {
    channels: { wecom: { bot: { token: { file: 'token' }, encodingAESKey: botKey } } },
    server: { host: '127.0.0.1', port: 0 },
    admin: { port: adminPort },
    gateway: { url: 'ws://127.0.0.1:1', token: 't' },
    stateDir: join(folder, 'state'),
    ...more,
  }
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
}

beforeAll(async () => {
  writeFileSync(join(folder, 'token'), botToken)
  configure({})
  const path = join(folder, 'notify')
  socket = openNotifySocket(path)
  daemon = await startDaemon(file, folder, { NOTIFY_SOCKET: path })
  await socket.hear('READY=1')
})

afterAll(async () => {
  await daemon.close()
  socket.close()
  rmSync(folder, { recursive: true, force: true })
})

const reloads = () => daemon.log.filter(({ msg }) => String(msg).startsWith('config reload'))

test('SIGHUP: the daemon reads its config again, with the files of its secrets, and tells systemd', async () => {
  writeFileSync(join(folder, 'token'), 'rotatedBotToken01')
  process.kill(daemon.pid, 'SIGHUP')
  await until('the reload', () => reloads().length === 1)
  expect(reloads()).toMatchObject([{ level: 'info', changed: ['channels.wecom.bot.token'] }])
  await socket.hear('READY=1', 2)
  const [, reloading = '', ready] = socket.heard
  const [state, monotonic = ''] = reloading.split('\n')
  expect([state, ready]).toEqual(['RELOADING=1', 'READY=1'])
  const upSeconds = Number.parseFloat(readFileSync('/proc/uptime', 'utf8'))
  const saidSeconds = Number(/^MONOTONIC_USEC=(\d+)$/.exec(monotonic)?.[1]) / 1_000_000
  expect(Math.abs(upSeconds - saidSeconds)).toBeLessThan(60)
})

test('SIGHUP: an invalid file is told by status, and a daemon with it stays as it was', async () => {
  const before = reloads().length
  configure({ language: 'klingon' })
  process.kill(daemon.pid, 'SIGHUP')
  await until('the refusal', () => reloads().length > before)
  const { out } = await wecomd(
    ['status', '--url', daemon.privateUrl, '--token-file', join(folder, 'state/admin-token')],
    folder,
  )
  expect(out).toContain(
    '\n          reload rejected, the previous config stays in use: language: expected one of "zh-CN", "en"\n',
  )
  expect((await fetch(`${daemon.privateUrl}/healthz`)).status).toBe(200)
})

test('SIGHUP: the level of the log changes at once', async () => {
  configure({ log: { level: 'warn' } })
  process.kill(daemon.pid, 'SIGHUP')
  const status = () =>
    wecomd(['status', '--json', '--url', daemon.privateUrl, '--token-file', join(folder, 'state/admin-token')], folder)
  await until('the reload', async () => JSON.parse((await status()).out).config.complaint === undefined)
  expect(await daemon.stop()).toBe(0)
  expect(daemon.log.map(line => line['msg'])).not.toContain('stopping')
})
