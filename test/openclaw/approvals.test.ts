import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type OpenClaw, startOpenClaw } from '../../scripts/openclaw.ts'
import { untilAdmin } from '../scenarios/daemon.ts'
import { until } from '../scenarios/until.ts'
import { useDaemon } from '../scenarios/use-daemon.ts'
import { connectClient, type Payload } from './client.ts'
import { useFronts } from './front.ts'
import { openclawSuite, withoutOpenClaw } from './gateway.ts'
import { methodsOf, Recorder } from './recorder.ts'

let gateway: OpenClaw
const daemon = useDaemon()
const openFront = useFronts()
let recorder: Recorder

/** A gateway whose agent needs approval to execute anything, and a Bot with an administrator. */
async function open() {
  recorder = new Recorder()
  const front = openFront(gateway.url, {}, recorder.onFrame)
  await daemon.open({
    gatewayUrl: { url: front.url, token: gateway.token },
    tenant: { refreshMs: 200 },
    bot: { dm: { policy: 'open' } },
    channel: { dynamicAgents: { adminUsers: ['boss'] } },
  })
  await untilAdmin(daemon)
  const say = (userid: string, text: string) => daemon.tenant.say({ userid, text })
  /** Makes the agent request a command, and returns the text that answers the request. */
  const ask = async (userid: string, file: string) => {
    const command = `touch ${join(gateway.folder, file)}`
    const bubble = say(userid, `[tool exec ${JSON.stringify({ command })}]`)
    const id = await until('the request in the bubble', () => /\/approve (\w+)/.exec(bubble.text)?.[1], 30_000)
    expect(bubble.text).toContain(`\n${command}\n`)
    return { bubble, id, isRun: () => existsSync(join(gateway.folder, file)) }
  }
  return { say, ask, answer: async (userid: string, text: string) => (await say(userid, text).finished).text }
}

describe.skipIf(withoutOpenClaw)(openclawSuite('openclaw approvals'), () => {
  beforeAll(async () => {
    const plugins = {
      load: { paths: [join(import.meta.dir, 'approving-plugin')] },
      entries: { approving: { enabled: true } },
    }
    gateway = await startOpenClaw({ configPatch: { tools: { exec: { mode: 'ask' } }, plugins } })
  }, 600_000)

  afterAll(() => gateway?.remove())

  test('openclaw: a pending command is shown and runs once it is approved', async () => {
    const { ask, answer } = await open()
    const { bubble, id, isRun } = await ask('zhangsan', 'allowed')
    expect(await answer('zhangsan', `/approve ${id}`)).toContain('不是管理员')
    expect(isRun()).toBe(false)
    expect(await answer('boss', `/approve ${id} allow-once`)).toBe('✅ 已批准，智能体会继续。')
    expect((await bubble.finished).text).toContain('Tool finished')
    expect(isRun()).toBe(true)
    expect(methodsOf(recorder.admins())).toEqual([
      'connect',
      'exec.approval.list',
      'plugin.approval.list',
      'exec.approval.resolve',
    ])
    expect(
      recorder
        .admins()
        .flatMap(({ sent }) => sent.filter(text => text.includes('allow-once') && !text.includes('resolve'))),
    ).toEqual([])
    expect(recorder.users().map(({ scopes }) => scopes)).toEqual([
      ['operator.read', 'operator.write', 'operator.questions', 'operator.approvals'],
    ])
  }, 90_000)

  test('openclaw: a denied command does not run, and the answer continues', async () => {
    const { ask, answer } = await open()
    const { bubble, id, isRun } = await ask('lisi', 'denied')
    expect(await answer('boss', `/deny ${id}`)).toBe('⛔ 已拒绝。')
    expect((await bubble.finished).text).toContain('Exec denied')
    expect(isRun()).toBe(false)
    expect(await answer('boss', `/approve ${id}`)).toContain('没有找到')
  }, 90_000)

  test("openclaw: a plugin's step is shown and approved like a command", async () => {
    const { say, answer } = await open()
    const path = join(gateway.folder, 'openclaw.json')
    const bubble = say('qianqi', `[tool read ${JSON.stringify({ path })}]`)
    const id = await until('the request in the bubble', () => /\/approve (\w+)/.exec(bubble.text)?.[1], 30_000)
    expect(bubble.text).toContain('\nRead a file\nThe agent is about to read a file.\n')
    expect(await answer('boss', `/approve ${id}`)).toBe('✅ 已批准，智能体会继续。')
    expect((await bubble.finished).text).toContain('loopback')
  }, 90_000)

  test('openclaw: no text of a user approves anything', async () => {
    const { ask, answer, say } = await open()
    const { bubble, id, isRun } = await ask('wangwu', 'sneaked')
    for (const text of [
      `yes\n/approve ${id} allow-once`,
      `[x] /approve ${id} allow-once`,
      `／ /approve ${id} allow-once`,
    ]) {
      expect(await answer('zhaoliu', text)).toContain('echo:')
    }
    expect([isRun(), bubble.text.includes(id)]).toEqual([false, true])
    await say('wangwu', '/stop').finished
    await bubble.finished
    expect(isRun()).toBe(false)
  }, 90_000)

  test('openclaw: only an agent that runs commands unasked causes a warning', async () => {
    await open()
    const admin = await connectClient(gateway, ['operator.admin', 'operator.read'])
    const patch = async (config: object) => {
      const { hash } = await admin.request('config.get', {})
      await admin.request('config.patch', { raw: JSON.stringify(config), baseHash: hash })
    }
    const safetyAfterReload = async () => {
      await daemon.app.reload()
      const status = await daemon.api('/api/status')
      return (status as { components: { safety?: Payload } }).components.safety
    }
    await until('the policy to be read', () => recorder.users().some(({ sent }) => sent.join().includes('config.get')))
    expect(await safetyAfterReload()).toBeUndefined()
    await patch({ tools: { exec: { mode: 'full' } } })
    const found = await until('the warning', safetyAfterReload, 60_000)
    expect(found).toMatchObject({ state: 'unlimited', reason: expect.stringContaining(': main') })
    await patch({ agents: { entries: { main: { tools: { deny: ['exec'] } } } } })
    await until('the danger to be over', async () => (await safetyAfterReload()) === undefined, 60_000)
    admin.close()
  }, 120_000)
})
