import { describe, expect, test } from 'bun:test'
import type { LinkStatus } from '../../src/domain/agent.ts'
import { createEchoGateway } from '../../src/playground/gateway/echo-gateway.ts'
import { openFront } from '../openclaw/front.ts'
import { methodsOf, Recorder } from '../openclaw/recorder.ts'
import { startAppDaemon, textsOf, untilTexts } from './app-daemon.ts'
import { gatewayToken, type TestDaemonOptions, quietWorld, untilAdmin } from './daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon(startAppDaemon)

/** A daemon where `boss` may use commands, and whose agent says a word and then waits for the test. */
async function open(options: TestDaemonOptions = {}) {
  const gate = Promise.withResolvers<void>()
  await daemon.open({
    bot: { dm: { policy: 'allowlist', allowFrom: ['user:Boss'] } },
    agent: { dm: { policy: 'open' } },
    tenant: { members: ['boss', 'zhangsan', 'lisi'] },
    gateway: {
      async *script(text) {
        if (text.includes('slow')) {
          yield { kind: 'say', text: 'so far' }
          await gate.promise
        }
        yield { kind: 'say', text: `re: ${text}` }
      },
    },
    ...options,
  })
  return { letGo: () => gate.resolve() }
}

const ask = (userid: string, text: string, chatid?: string) =>
  daemon.tenant.say({ userid, text, ...(chatid !== undefined && { chatid }) })
const sentence = async (userid: string, text: string) => (await ask(userid, text).finished).text
/** What the gateway's history of a conversation holds. */
const rowsOf = (id: string, kind = 'direct') =>
  daemon.gateway
    .history(`agent:main:wecom:default:${kind}:${id}`)
    .map(({ content }) => (typeof content === 'string' ? content : content.map(({ text }) => text).join('')))
const asked = () => daemon.gateway.asks().map(({ text }) => text)

/** Asks something slow, and resolves when its first word is seen. */
async function startSlow(userid: string, chatid?: string) {
  const bubble = ask(userid, chatid === undefined ? 'slow' : '@助手 slow', chatid)
  await until('the first word', () => bubble.text.includes('so far'))
  return bubble
}

describe('who may', () => {
  test('commands: help and whoami are for everybody, others for those who are listed', async () => {
    await open()
    expect(await sentence('zhangsan', '/help')).toContain('/stop')
    expect(await sentence('zhangsan', '/whoami')).toBe('用户：zhangsan\n账号：default\n智能体：main')
    expect(await sentence('zhangsan', '/model x')).toBe(
      '你（zhangsan）没有使用命令的权限。如需开通，请管理员修改配置 channels.wecom.bot.dm.allowFrom。',
    )
    expect(await sentence('boss', '/exec ls')).toContain('没有 /exec 这个命令')
    expect(asked()).toEqual([])
    expect(await sentence('boss', '/model x')).toBe(
      'Model set to x for this session only; configured default unchanged.',
    )
    expect(rowsOf('boss')).toEqual(['/model x', expect.stringContaining('Model set to x')])
    expect(daemon.tenant.violations()).toEqual([])
  })

  test('commands: the app has a policy of its own', async () => {
    await open()
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: '/nothing' }).done
    expect(await untilTexts(daemon, 'zhangsan', 1)).toEqual([expect.stringContaining('没有 /nothing 这个命令')])
  })

  test('commands: where the policy gates everything, chat of the others is refused with a sentence', async () => {
    await open({ bot: { dm: { policy: 'allowlist', allowFrom: ['boss'], applies: 'all' } } })
    expect(await sentence('zhangsan', 'hello')).toContain('你（zhangsan）没有使用权限')
    expect(await sentence('boss', 'hello')).toBe('re: hello')
    expect(asked()).toEqual(['hello'])
  })
})

describe('stopping', () => {
  test('commands: the running answer ends at once with what it had said, and the next question is asked', async () => {
    await open()
    const bubble = await startSlow('zhangsan')
    expect(await sentence('zhangsan', '停止')).toBe('⏹ 已停止。')
    expect((await bubble.finished).text).toContain('so far')
    expect(bubble.text).toContain('已停止')
    expect(await sentence('zhangsan', 'next')).toBe('re: next')
    expect(await sentence('zhangsan', '/stop')).toBe('现在没有正在进行的回答。')
  })

  test('commands: what waits behind it ends as well', async () => {
    await open()
    const running = await startSlow('boss')
    const waiting = ask('boss', 'later')
    await until('it to wait', () => waiting.frames.length > 0)
    expect(await sentence('boss', '/stop')).toBe('⏹ 已停止。')
    expect((await waiting.finished).text).toContain('已停止')
    await running.finished
    expect(asked()).toEqual(['slow'])
  })

  test('commands: in a group nobody stops the answer of another, unless they may', async () => {
    await open()
    const bubble = await startSlow('zhangsan', 'wrGroup')
    const refused = await ask('lisi', '@助手 /stop', 'wrGroup').finished
    expect(refused.text).toContain('你（lisi）没有使用命令的权限')
    expect(bubble.text).toContain('so far')
    const stopped = await ask('boss', '@助手 /stop', 'wrGroup').finished
    expect(stopped.text).toBe('⏹ 已停止。')
    expect((await bubble.finished).text).toContain('已停止')
  })

  test('commands: a stop outlives a restart of the daemon', async () => {
    const { letGo } = await open()
    const bubble = await startSlow('zhangsan')
    await daemon.gateway.kill()
    await until('the link to be down', async () => (await fetch(`${daemon.app.privateUrl}/readyz`)).status !== 200)
    expect(await sentence('zhangsan', '/stop')).toBe('⏹ 已停止。')
    await daemon.restart()
    daemon.gateway.start()
    letGo()
    expect((await bubble.finished).text).toContain('已停止')
    expect(textsOf(daemon, 'zhangsan')).toEqual([])
  })
})

interface Told {
  readonly ready: boolean
  readonly components: Readonly<Record<'gateway' | 'admin', LinkStatus>>
}

// The daemon is of this source.
const told = async () => (await daemon.api('/api/status')) as Told
describe('a new session', () => {
  test('commands: it is confirmed, and the next question finds an empty history', async () => {
    await open()
    await untilAdmin(daemon)
    expect(await sentence('boss', 'before')).toBe('re: before')
    expect(await sentence('boss', '/new')).toBe('✅ 已开始新的会话。')
    expect(await sentence('boss', 'after')).toBe('re: after')
    expect(rowsOf('boss')).toEqual(['Reset', 'after', 're: after'])
    expect(await sentence('boss', '/reset')).toBe('✅ 已开始新的会话。')
    expect(rowsOf('boss')).toEqual(['Reset'])
    expect(daemon.tenant.violations()).toEqual([])
  })

  test('commands: what stands behind it is asked in the new session', async () => {
    await open()
    await untilAdmin(daemon)
    await sentence('boss', 'before')
    expect(await sentence('boss', '/new 你好')).toBe('✅ 已开始新的会话。\n\nre: 你好')
    expect(rowsOf('boss')).toEqual(['Reset', '你好', 're: 你好'])
  })

  test('commands: it stops the running answer and what waits, and later questions come after it', async () => {
    await open()
    await untilAdmin(daemon)
    const running = await startSlow('boss', 'wrGroup')
    const waiting = ['zhangsan', 'lisi'].map(userid => ask(userid, '@助手 waiting', 'wrGroup'))
    await until('both to wait', () => waiting.every(({ frames }) => frames.length > 0))
    const fresh = ask('boss', '@助手 /new', 'wrGroup')
    const next = ask('zhangsan', '@助手 next', 'wrGroup')
    expect((await running.finished).text).toMatch(/^so far[^]*已停止/)
    for (const bubble of waiting) expect((await bubble.finished).text).toContain('已停止')
    expect((await fresh.finished).text).toBe('✅ 已开始新的会话。')
    expect((await next.finished).text).toBe('re: [zhangsan]\nnext')
    expect(asked()).toEqual(['[boss]\nslow', '[zhangsan]\nnext'])
    expect(daemon.tenant.violations()).toEqual([])
  })

  test('commands: the app has it as well', async () => {
    await open()
    await untilAdmin(daemon)
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: '/new' }).done
    expect(await untilTexts(daemon, 'zhangsan', 1)).toEqual(['✅ 已开始新的会话。'])
  })

  test('commands: without admin scope it is a sentence, nothing is stopped, and only status says more', async () => {
    const { letGo } = await open()
    await untilAdmin(daemon)
    daemon.gateway.withhold(['operator.admin'])
    daemon.gateway.dropConnections()
    await untilAdmin(daemon, 'pairing')
    await until('the other link', async () => (await told()).ready)
    const { gateway, admin } = (await told()).components
    expect(gateway).toMatchObject({ state: 'up', scopes: 'operator.read operator.write operator.questions' })
    expect(admin).toMatchObject({
      since: expect.any(Number),
      reason: 'this device waits for approval (scope-upgrade)',
      hint: expect.stringContaining('openclaw devices approve '),
    })
    const running = await startSlow('boss')
    const waiting = ask('boss', 'later')
    await until('it to wait', () => waiting.frames.length > 0)
    expect(await sentence('boss', '/new')).toContain('无法开始新的会话')
    letGo()
    expect((await running.finished).text).toBe('so farre: slow')
    expect((await waiting.finished).text).toBe('re: later')
    expect(daemon.log.filter(line => line.includes('gateway pairing'))).toHaveLength(1)
  })

  test('commands: the link with admin scope resets sessions, and what users write goes over the other one', async () => {
    const recorder = new Recorder()
    const behind = createEchoGateway(quietWorld(), {
      token: gatewayToken,
      *script(text) {
        yield { kind: 'say', text: `re: ${text}` }
      },
    })
    const front = openFront(behind.url, {}, recorder.onFrame)
    try {
      await open({ gatewayUrl: { url: front.url, token: gatewayToken } })
      await untilAdmin(daemon)
      await sentence('boss', 'canary')
      await sentence('boss', '/status canary')
      expect(await sentence('boss', '/new canary')).toEndWith('re: canary')
      expect(methodsOf(recorder.admins())).toEqual(['connect', 'sessions.reset'])
      expect(recorder.admins().flatMap(({ sent }) => sent.filter(text => text.includes('canary')))).toEqual([])
      expect(recorder.users().flatMap(({ sent }) => sent.filter(text => text.includes('canary')))).toHaveLength(3)
      expect(recorder.users().map(({ scopes }) => scopes)).toEqual([
        ['operator.read', 'operator.write', 'operator.questions'],
      ])
    } finally {
      front.close()
      await behind.close()
    }
  })
})
