import { afterEach, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEchoGateway } from '../../src/playground/gateway/echo-gateway.ts'
import { echoAnswer } from '../../src/playground/gateway/runs/script.ts'
import { createTenant } from '../../src/playground/tenant/tenant.ts'
import { isReady, untilIdle } from './app-daemon.ts'
import {
  botKey,
  botToken,
  freePort,
  type TestDaemon,
  type TestDaemonOptions,
  startTestDaemon,
  quietWorld,
} from './daemon.ts'
import { SettableClock } from './settable-clock.ts'
import { until } from './until.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

async function openUp(options: TestDaemonOptions = {}): Promise<TestDaemon> {
  const daemon = await startTestDaemon(options)
  open.push(daemon)
  await until('the gateway link', () => isReady(daemon))
  return daemon
}

const fileOf = ({ folder }: TestDaemon) => join(folder, 'wecomd.json5')

async function configOf(daemon: TestDaemon): Promise<{ readonly loadedAt: number; readonly complaint?: string }> {
  // The daemon is of this source.
  const status = (await daemon.api('/api/status')) as { config: { loadedAt: number; complaint?: string } }
  return status.config
}

interface Line {
  readonly level: string
  readonly msg: string
  readonly changed?: readonly string[]
  readonly problems?: readonly string[]
}

/** What the log says of reloads. */
function told({ log }: TestDaemon): readonly Line[] {
  return log.map((line): Line => JSON.parse(line)).filter(({ msg }) => /^config reload(?:ed| rejected)/.test(msg))
}

/** What the changed paths of the last reload were. */
const changedIn = (daemon: TestDaemon) => told(daemon).at(-1)?.changed

test('reload: a changed file takes effect by itself, and the log says what changed but not to what', async () => {
  const daemon = await openUp({ bot: { welcomeText: 'before' } })
  const { loadedAt } = await configOf(daemon)
  expect(await daemon.tenant.enterChat('first')).toBe('before')
  daemon.reconfigure({ bot: { welcomeText: 'mellon' }, config: { limits: { openTurns: 7 } } })
  await until('the reload', () => told(daemon).length === 1)
  expect(told(daemon)).toMatchObject([
    { level: 'info', changed: ['channels.wecom.bot.welcomeText', 'limits.openTurns'] },
  ])
  expect(await daemon.tenant.enterChat('second')).toBe('mellon')
  const now = await configOf(daemon)
  expect([now.loadedAt > loadedAt, now.complaint]).toEqual([true, undefined])
  expect(daemon.log.join('\n')).not.toContain('mellon')
})

test('reload: limits and sentences change at once, answers under way go on', async () => {
  const daemon = await openUp()
  const slow = daemon.tenant.say({ userid: 'zhangsan', text: '[slow 800] slow' })
  await until('the question', () => daemon.gateway.asks().length === 1)
  daemon.reconfigure({ config: { limits: { openTurns: 1 }, language: 'en' } })
  await daemon.app.reload()
  const busy = await daemon.tenant.say({ userid: 'lisi', text: 'busy?' }).finished
  expect(busy.text).toMatch(/busy|many/i)
  expect((await slow.finished).text).toBe(echoAnswer('slow'))
  expect(daemon.gateway.asks()).toHaveLength(1)
})

test('reload: an invalid file changes nothing, is complained about, and until a valid one comes status shows it', async () => {
  const daemon = await openUp({ bot: { welcomeText: 'before' } })
  const { loadedAt } = await configOf(daemon)
  daemon.reconfigure({ bot: { welcomeText: 'after', tokn: 'typo' }, config: { language: 'speak-friend' } })
  await until('the reload', () => told(daemon).length === 1)
  const problems = [
    'channels.wecom.bot.tokn: unknown key; did you mean "token"?',
    'language: expected one of "zh-CN", "en"',
  ]
  expect(told(daemon)).toMatchObject([{ level: 'error', problems }])
  expect(daemon.log.join('\n')).not.toMatch(/typo|speak-friend/)
  expect(await configOf(daemon)).toEqual({ loadedAt, complaint: problems.join('; ') })
  expect(await daemon.tenant.enterChat('zhangsan')).toBe('before')
  daemon.reconfigure()
  await until('the reload', () => told(daemon).length === 2)
  expect(await configOf(daemon)).toEqual({ loadedAt: expect.any(Number) })
  expect(changedIn(daemon)).toEqual([])
})

test('reload: a file that is half written or gone for a while harms nothing', async () => {
  const daemon = await openUp()
  daemon.reconfigure({ bot: { welcomeText: 'whole' } })
  const whole = readFileSync(fileOf(daemon), 'utf8')
  writeFileSync(fileOf(daemon), whole.slice(0, whole.length / 2))
  await until('the first complaint', async () => (await configOf(daemon)).complaint)
  expect((await configOf(daemon)).complaint).toMatch(/wecomd\.json5:1:\d+: /)
  expect((await daemon.tenant.say({ userid: 'zhangsan', text: 'hello' }).finished).text).toBe(echoAnswer('hello'))
  writeFileSync(fileOf(daemon), whole)
  await until('the reload', async () => (await configOf(daemon)).complaint === undefined)
  expect(changedIn(daemon)).toEqual(['channels.wecom.bot.welcomeText'])
  expect(await daemon.tenant.enterChat('zhangsan')).toBe('whole')
})

test('reload: what needs a restart refuses the whole file, by name', async () => {
  const daemon = await openUp({ bot: { welcomeText: 'before' } })
  const fixed = {
    server: { host: '127.0.0.1', port: 1 },
    admin: { host: 'localhost', port: 2, token: 'another-token' },
    store: { url: 'sqlite:other.db' },
    stateDir: 'elsewhere',
  }
  daemon.reconfigure({ bot: { welcomeText: 'after' }, config: fixed })
  await daemon.app.reload()
  const paths = ['server.port', 'admin.host', 'admin.port', 'store.url', 'stateDir']
  const { complaint = '' } = await configOf(daemon)
  expect(complaint.split('; ').toSorted()).toEqual(paths.map(path => `${path}: a change needs a restart`).toSorted())
  expect(await daemon.tenant.enterChat('zhangsan')).toBe('before')
  expect(daemon.log.join('\n')).not.toMatch(/elsewhere|other\.db/)
  expect(daemon.log.find(line => line.includes('config reload rejected'))).toContain('restart wecomd')
})

test('reload: an account that was added answers, one that was removed is 404, and its open turn ends by its last way', async () => {
  const port = freePort()
  const sales = {
    bot: { token: 'salesBotToken01', encodingAESKey: botKey, stream: { windowMs: 3_000, handoverMs: 2_000 } },
  }
  const callbackUrl = `http://127.0.0.1:${port}/wecom/bot/sales`
  const clock = new SettableClock()
  const tenant = await createTenant({ ...quietWorld(), clock }, { callbackUrl, ...sales.bot, refreshMs: 50 })
  open.push(tenant)
  const common = { clock, config: { server: { host: '127.0.0.1', port } }, network: { apiBaseUrl: tenant.apiBaseUrl } }
  const daemon = await openUp(common)
  expect((await fetch(callbackUrl)).status).toBe(404)

  daemon.reconfigure({ channel: { accounts: { sales } } })
  await daemon.app.reload()
  expect(changedIn(daemon)).toEqual(['channels.wecom.accounts.sales'])
  expect(await tenant.verifyUrl()).toEqual({ ok: true })
  const bubble = await tenant.say({ userid: 'zhangsan', text: '[slow 1500] late' }).opened
  daemon.reconfigure()
  await daemon.app.reload()
  expect((await fetch(callbackUrl)).status).toBe(404)
  const post = await until('the answer', () => tenant.responses.posts.find(({ url }) => url === bubble.responseUrl))
  expect(JSON.parse(post.body)).toEqual({ msgtype: 'markdown', markdown: { content: echoAnswer('late') } })
  await untilIdle(daemon)
})

test('reload: a secret that lies in a file is read again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-secret-'))
  open.push({ close: () => rmSync(folder, { recursive: true }) })
  const file = join(folder, 'bot-token')
  writeFileSync(file, `${botToken}\n`)
  const daemon = await openUp({ bot: { token: { file } } })
  expect(await daemon.tenant.verifyUrl()).toEqual({ ok: true })
  writeFileSync(file, 'rotatedBotToken01\n')
  await daemon.app.reload()
  expect(changedIn(daemon)).toEqual(['channels.wecom.bot.token'])
  const callbackUrl = `${daemon.app.publicUrl}/wecom/bot`
  const world = { ...quietWorld(), clock: daemon.clock }
  const tenant = await createTenant(world, { callbackUrl, token: 'rotatedBotToken01', encodingAESKey: botKey })
  open.push(tenant)
  expect(await tenant.verifyUrl()).toEqual({ ok: true })
  expect(await daemon.tenant.verifyUrl()).toEqual({ ok: true })
  expect(daemon.log.join('\n')).not.toContain('rotatedBotToken01')
})

test('reload: another gateway is connected to, and answers from then on', async () => {
  const daemon = await openUp()
  const other = createEchoGateway(quietWorld(), { token: 'other-token' })
  open.push(other)
  daemon.reconfigure({ config: { gateway: { url: other.url, token: 'other-token' } } })
  await daemon.app.reload()
  expect(changedIn(daemon)).toEqual(['gateway.url', 'gateway.token'])
  await until('the link', () => isReady(daemon))
  expect((await daemon.tenant.say({ userid: 'zhangsan', text: 'hello' }).finished).text).toBe(echoAnswer('hello'))
  expect([daemon.gateway.asks().length, other.asks().length]).toEqual([0, 1])
  expect(daemon.gateway.connections()).toBe(0)
})

test('reload: the token of the private listener changes at once', async () => {
  const daemon = await openUp()
  daemon.reconfigure({ config: { admin: { port: 0, token: 'another-token' } } })
  await daemon.app.reload()
  const statuses = ['admin-token', 'another-token'].map(async token => {
    return (await fetch(`${daemon.app.privateUrl}/api/status`, { headers: { authorization: `Bearer ${token}` } }))
      .status
  })
  expect(await Promise.all(statuses)).toEqual([401, 200])
})

test('reload: a new secret of the app is tried at once, and what waited goes', async () => {
  const daemon = await openUp({ agent: { corpSecret: 'wrong' } })
  const { answer } = await daemon.send({ to: 'user:zhangsan', text: 'hello' })
  const first = String(answer.id)
  expect((await daemon.delivered(first, 'held')).state).toBe('held')
  daemon.reconfigure({ agent: {} })
  await daemon.app.reload()
  expect(changedIn(daemon)).toEqual(['channels.wecom.agent.corpSecret'])
  expect((await daemon.delivered(first)).state).toBe('delivered')
})
