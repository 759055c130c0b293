import { afterEach, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectClient, type GatewayClient } from '../openclaw/client.ts'
import { gatewayToken, type TestDaemonOptions, untilAdmin } from './daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon()
const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

async function open(dynamicAgents: object = {}, options: TestDaemonOptions = {}) {
  await daemon.open({
    bot: { dm: { policy: 'open' } },
    channel: { dynamicAgents: { enabled: true, ...dynamicAgents } },
    ...options,
    gateway: {
      rowAfterMs: 20,
      reloadMs: 150,
      *script(text) {
        yield { kind: 'say', text: `re: ${text}` }
      },
      ...options.gateway,
    },
  })
}

const say = async (userid: string, text: string, chatid?: string) =>
  (await daemon.tenant.say({ userid, text, ...(chatid !== undefined && { chatid }) }).finished).text
const componentsOf = async () =>
  ((await daemon.api('/api/status')) as { components: Record<string, { state: string; hint?: string } | undefined> })
    .components
const sessions = () => daemon.gateway.asks().map(({ sessionKey }) => sessionKey)
/** What an operator does at the gateway itself. */
async function adminDoes(work: (admin: GatewayClient) => Promise<void>): Promise<void> {
  const admin = await connectClient({ url: daemon.gateway.url, token: gatewayToken }, ['operator.admin'])
  await work(admin)
  admin.close()
}

/** Resolves when the gateway has applied it: a run that begins before that would break. */
async function removeAgentOfZhangsan(admin: GatewayClient): Promise<void> {
  await admin.request('agents.delete', { agentId: 'wecom-dm-zhangsan' })
  await until('the agent to be gone', async () => {
    const { agents } = await admin.request('agents.list', {})
    return !JSON.stringify(agents).includes('zhangsan')
  })
}

const made = () => daemon.log.filter(line => line.includes('dynamic agent created')).length

function templateOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-template-'))
  folders.push(folder)
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  mkdirSync(join(folder, 'memory'))
  return folder
}

describe('agents of their own', () => {
  test('own agents: a user and a group get one each at their first message, and it is made once', async () => {
    await open()
    expect(await say('ZhangSan', 'one')).toBe('re: one')
    expect(await say('zhangsan', '/whoami')).toContain('智能体：wecom-dm-zhangsan')
    expect(await say('lisi', '@助手 two', 'wrGROUP')).toBe('re: [lisi]\ntwo')
    expect(await say('zhangsan', 'three')).toBe('re: three')
    await daemon.restart()
    expect(await say('zhangsan', 'four')).toBe('re: four')
    const group = expect.stringMatching(/^agent:(wecom-group-wrgroup-[0-9a-f]{8}):wecom:default:group:wrgroup-/)
    const user = 'agent:wecom-dm-zhangsan:wecom:default:direct:zhangsan'
    expect(sessions()).toEqual([user, group, user, user])
    expect(made()).toBe(2)
  })

  test('own agents: administrators and a binding of that very user keep to the bound agent', async () => {
    const bindings = [{ agentId: 'main', match: { channel: 'wecom', peer: { kind: 'direct', id: 'wangwu' } } }]
    await open({ adminUsers: ['user:Boss'], groupEnabled: false }, { config: { bindings } })
    for (const user of ['boss', 'wangwu', 'lisi']) await say(user, 'hello')
    await say('lisi', '@助手 hello', 'wrgroup')
    const agents = sessions().map(key => key.split(':')[1])
    expect(agents).toEqual(['main', 'main', 'wecom-dm-lisi', 'main'])
  })

  test('own agents: twenty users at once are answered, each by their own', async () => {
    await open()
    const users = Array.from({ length: 20 }, (_, index) => `user${index}`)
    const answers = await Promise.all(users.map(user => say(user, `hello of ${user}`)))
    expect(answers).toEqual(users.map(user => `re: hello of ${user}`))
    expect(new Set(sessions()).size).toBe(20)
  })

  test('own agents: one that is made breaks no answer that is about to begin', async () => {
    const meanwhile: Promise<string>[] = []
    const intercept = (stage: string, method: string) => {
      const isFirst = stage === 'answered' && method === 'agents.create' && meanwhile.length === 0
      if (isFirst) meanwhile.push(say('chef', 'during'), say('lisi', 'new too'))
    }
    await open({ adminUsers: ['boss', 'chef'] }, { gateway: { intercept } })
    const before = await Promise.all([say('boss', 'first'), say('zhangsan', 'new')])
    const answers = [...before, ...(await Promise.all(meanwhile))]
    expect(answers).toEqual(['re: first', 're: new', 're: during', 're: new too'])
  })

  test('own agents: a new one finds the files of the template in its workspace, one that exists keeps its own', async () => {
    const workspaceTemplate = templateOf({ 'AGENTS.md': '# 说明\n', 'SOUL.md': 'kind', 'NOTES.txt': 'no' })
    await open({ workspaceTemplate })
    await say('zhangsan', 'hello')
    const files = daemon.gateway.workspace('wecom-dm-zhangsan')
    expect(Object.fromEntries(files ?? [])).toEqual({ 'AGENTS.md': '# 说明\n', 'SOUL.md': 'kind' })
    const admin = await connectClient({ url: daemon.gateway.url, token: gatewayToken }, ['operator.admin'])
    await admin.request('agents.create', { name: 'wecom-dm-lisi' })
    admin.close()
    await say('lisi', 'hello')
    expect(daemon.gateway.workspace('wecom-dm-lisi')?.size).toBe(0)
  })

  test('own agents: the files of one that exists are kept, also when the gateway did not answer at first', async () => {
    const workspaceTemplate = templateOf({ 'MEMORY.md': 'empty' })
    let drops = 1
    const intercept = (stage: string, method: string) => {
      if (stage === 'received' && method.startsWith('agents.') && drops-- > 0) daemon.gateway.dropConnections()
    }
    await open({ workspaceTemplate }, { gateway: { intercept } })
    await untilAdmin(daemon)
    await adminDoes(async admin => {
      drops = 0
      await admin.request('agents.create', { name: 'wecom-dm-lisi' })
      await until('it to be known', async () => JSON.stringify(await admin.request('agents.list', {})).includes('lisi'))
      await admin.request('agents.files.set', { agentId: 'wecom-dm-lisi', name: 'MEMORY.md', content: 'months' })
      drops = 1
    })
    expect(await say('lisi', 'hello')).toBe('re: hello')
    expect(daemon.gateway.workspace('wecom-dm-lisi')?.get('MEMORY.md')).toBe('months')
  }, 20_000)

  test('own agents: while one cannot be made others are answered, /stop works, and then the bound one answers', async () => {
    const held = Promise.withResolvers<void>()
    const intercept = (stage: string, method: string) =>
      stage === 'received' && method === 'agents.create' ? held.promise : undefined
    await open({ adminUsers: ['boss'] }, { gateway: { intercept } })
    await untilAdmin(daemon)
    const stopped = daemon.tenant.say({ userid: 'zhangsan', text: 'hello' })
    await until('it to be asked for', () => stopped.frames.length > 0)
    expect(await say('zhangsan', '/stop')).toBe('⏹ 已停止。')
    expect((await stopped.finished).text).toContain('已停止')
    const waiting = daemon.tenant.say({ userid: 'lisi', text: 'hello' })
    const [other] = await Promise.all([say('boss', 'quick'), waiting.finished])
    expect([other, waiting.text]).toEqual(['re: quick', 're: hello'])
    expect(sessions().map(key => key.split(':')[1])).toEqual(['main', 'main'])
    expect(await say('wangwu', '/whoami')).toContain('智能体：main')
    held.resolve()
  }, 40_000)

  test('own agents: /stop and order hold over a change of who answers', async () => {
    const gate = Promise.withResolvers<void>()
    await open(
      { enabled: false },
      {
        gateway: {
          async *script(text) {
            if (text === 'slow') yield { kind: 'say', text: 'so far' }
            if (text === 'slow') await gate.promise
            yield { kind: 'say', text: `re: ${text}` }
          },
        },
      },
    )
    for (const enabled of [true, false]) {
      const slow = daemon.tenant.say({ userid: 'zhangsan', text: 'slow' })
      await until('the first word', () => slow.text.includes('so far'))
      daemon.reconfigure({ channel: { dynamicAgents: { enabled } } })
      await daemon.app.reload()
      expect(await say('zhangsan', '/stop')).toBe('⏹ 已停止。')
      expect((await slow.finished).text).toMatch(/^so far[^]*已停止/)
      expect(await say('zhangsan', 'next')).toBe('re: next')
    }
    const own = 'wecom-dm-zhangsan'
    expect(sessions().map(key => key.split(':')[1])).toEqual(['main', own, own, 'main'])
    gate.resolve()
  })

  test('own agents: /new of one that somebody has removed begins anew with another', async () => {
    await open()
    await say('zhangsan', 'hello')
    await adminDoes(removeAgentOfZhangsan)
    expect(await say('zhangsan', '/new')).toBe('✅ 已开始新的会话。')
    expect(await say('zhangsan', 'hello again')).toBe('re: hello again')
  }, 20_000)

  test('own agents: one that somebody has removed is made again', async () => {
    await open()
    await say('zhangsan', 'hello')
    await adminDoes(removeAgentOfZhangsan)
    expect(await say('zhangsan', 'still there?')).toBe('re: still there?')
    expect(made()).toBe(2)
  }, 20_000)

  test('own agents: one whose making was cut short is finished, files and all', async () => {
    const held = Promise.withResolvers<void>()
    let isHeld = true
    await open(
      { workspaceTemplate: templateOf({ 'AGENTS.md': 'told' }) },
      {
        gateway: {
          intercept: (stage, method) =>
            isHeld && stage === 'answered' && method === 'agents.create' ? held.promise : undefined,
        },
      },
    )
    const bubble = daemon.tenant.say({ userid: 'zhangsan', text: 'hello' })
    await until('the agent', () => daemon.gateway.workspace('wecom-dm-zhangsan'))
    isHeld = false
    await daemon.gateway.kill()
    held.resolve()
    daemon.gateway.start()
    expect((await bubble.finished).text).toBe('re: hello')
    expect(daemon.gateway.workspace('wecom-dm-zhangsan')?.get('AGENTS.md')).toBe('told')
  }, 20_000)
})

describe('without admin scope', () => {
  test('own agents: the bound agent answers, status says why, and the one of its own takes over once it is approved', async () => {
    await open()
    await untilAdmin(daemon)
    daemon.gateway.withhold(['operator.admin'])
    daemon.gateway.dropConnections()
    const agents = await until('the status', async () => (await componentsOf())['dynamicAgents'])
    const { admin } = await componentsOf()
    const hint = admin?.hint ?? 'none'
    expect(agents).toMatchObject({ state: 'bound', reason: expect.stringContaining('admin scope'), hint })
    expect(await say('zhangsan', 'hello')).toBe('re: hello')
    expect(await say('zhangsan', '/whoami')).toContain('智能体：main')
    daemon.gateway.approve(/approve (\S+)$/.exec(hint)?.[1] ?? '')
    await daemon.restart()
    expect(await say('zhangsan', 'again')).toBe('re: again')
    expect(sessions().map(key => key.split(':')[1])).toEqual(['main', 'wecom-dm-zhangsan'])
    expect(await componentsOf()).not.toHaveProperty('dynamicAgents')
  }, 30_000)

  test('own agents: a refusal that comes only when the agent is made sends the question to the bound one', async () => {
    await open()
    await untilAdmin(daemon)
    daemon.gateway.withhold(['operator.admin'])
    daemon.gateway.dropConnections()
    expect(await say('zhangsan', 'hello')).toBe('re: hello')
    expect(sessions()).toEqual(['agent:main:wecom:default:direct:zhangsan'])
  }, 30_000)
})
