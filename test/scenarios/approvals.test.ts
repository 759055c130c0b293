import { describe, expect, test } from 'bun:test'
import { startAppDaemon, textsOf, untilTexts } from './app-daemon.ts'
import { type TestDaemonOptions, startTestDaemon, untilAdmin } from './daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon(startAppDaemon)

const channel = { dynamicAgents: { adminUsers: ['wecom:Boss'] } }
const gateway: TestDaemonOptions['gateway'] = {
  *script(text) {
    if (text.includes('mail')) {
      const wanted = { title: 'Send a mail', description: 'To everybody.' }
      yield { kind: 'approve', ...wanted, allowed: 'It is sent.', denied: 'It is not sent.' }
      return
    }
    if (!text.includes('dangerous')) {
      yield { kind: 'say', text: `re: ${text}` }
      return
    }
    yield { kind: 'say', text: 'Let me see. ' }
    yield {
      kind: 'approve',
      command: 'rm -rf ./old\necho \u202edone',
      allowed: 'It is gone.',
      denied: 'Then I do not.',
    }
  },
}
const withApprovals: TestDaemonOptions = { channel, gateway }

const say = (userid: string, text: string, chatid?: string) =>
  daemon.tenant.say({ userid, text, ...(chatid !== undefined && { chatid }) })
const sentence = async (userid: string, text: string, chatid?: string) =>
  (await say(userid, text, chatid).finished).text

async function open(options: TestDaemonOptions = {}): Promise<void> {
  await daemon.open({ ...withApprovals, ...options }, startTestDaemon)
  await untilAdmin(daemon)
}

/** Asks for something that needs approval, and gives the bubble and what is to be typed. */
async function ask(userid = 'zhangsan') {
  const bubble = say(userid, 'do something dangerous')
  const id = await until('the request in the bubble', () => /\/approve (\w+)/.exec(bubble.text)?.[1])
  return { bubble, id }
}

describe('approvals', () => {
  test('approvals: the bubble shows what waits, an administrator allows it elsewhere, and the run goes on', async () => {
    await open()
    const { bubble, id } = await ask()
    await until('the text before it', () => bubble.text.startsWith('Let me see. '))
    expect(bubble.text).toBe(
      `Let me see. \n\n🔐 智能体想执行下面的命令，正在等待管理员批准：\n\`\`\`\nrm -rf ./old\necho  done\n\`\`\`\n管理员发送 /approve ${id} 批准，或发送 /deny ${id} 拒绝。`,
    )
    expect(await sentence('boss', `/approve ${id}`)).toBe('✅ 已批准，智能体会继续。')
    expect((await bubble.finished).text).toBe('Let me see. It is gone.')
    expect(await sentence('boss', `/approve ${id}`)).toContain('没有找到')
    expect(daemon.tenant.violations()).toEqual([])
    expect(daemon.log.filter(line => line.includes('rm -rf'))).toEqual([])
  })

  test('approvals: denied in the group in which it was asked for, while it waits there', async () => {
    await open()
    const bubble = say('zhangsan', '@助手 something dangerous', 'wrgroup')
    const id = await until('the request', () => /\/approve (\w+)/.exec(bubble.text)?.[1])
    expect(await sentence('boss', `@助手 /deny ${id}`, 'wrgroup')).toBe('⛔ 已拒绝。')
    expect((await bubble.finished).text).toBe('Let me see. Then I do not.')
  })

  test('approvals: nobody else may, whatever the policy of the Bot, and nothing but what waits can be meant', async () => {
    await open({ bot: { dm: { policy: 'open' } } })
    const { bubble, id } = await ask()
    for (const user of ['zhangsan', 'lisi']) {
      expect(await sentence(user, `/approve ${id}`)).toBe(
        `你（${user}）不是管理员，不能批准命令。如需开通，请管理员修改配置 channels.wecom.dynamicAgents.adminUsers。`,
      )
    }
    expect(await sentence('zhangsan', '/help')).not.toContain('/approve')
    expect(await sentence('boss', '/help')).toContain('/approve')
    for (const meant of ['', ' ', ' rm', ' 00000000', ` ${id.slice(0, 3)}`, ` ${id} always`, ` ${id} nicht`]) {
      expect(await sentence('boss', `/approve${meant}`)).toContain('没有找到等待批准的这条命令')
    }
    expect(await sentence('boss', `/deny <${id.toUpperCase()}>。 please`)).toBe('⛔ 已拒绝。')
    expect((await bubble.finished).text).toBe('Let me see. Then I do not.')
  })

  test('approvals: what the gateway calls /approve ID deny denies', async () => {
    await open()
    const { bubble, id } = await ask()
    expect(await sentence('boss', `/approve ${id} deny`)).toBe('⛔ 已拒绝。')
    expect((await bubble.finished).text).toBe('Let me see. Then I do not.')
  })

  test('approvals: a Bot that is closed to everybody is closed to administrators', async () => {
    await open({ bot: { dm: { policy: 'disabled' } } })
    const { bubble, id } = await ask()
    expect(await sentence('boss', `/approve ${id}`)).toBe(
      '你（boss）没有使用命令的权限。如需开通，请管理员修改配置 channels.wecom.bot.dm.policy。',
    )
    await sentence('zhangsan', '/stop')
    await bubble.finished
  })

  test('approvals: one that is over is none any more, also when its run was stopped', async () => {
    await open()
    const { bubble, id } = await ask()
    expect(await sentence('zhangsan', '/stop')).toBe('⏹ 已停止。')
    expect((await bubble.finished).text).toContain('已停止')
    await until('it to be over', async () => (await sentence('boss', `/deny ${id}`)).includes('没有找到'))
  })

  test('approvals: without administrators nobody is asked, and the run goes on without the command', async () => {
    await open({ channel: {} })
    expect(await sentence('zhangsan', 'something dangerous')).toContain('Exec approval registration failed')
  })

  test('approvals: in the app a direct message tells what waits, and an administrator answers there', async () => {
    await daemon.open({ ...withApprovals, tenant: { members: ['boss', 'zhangsan'] } })
    await untilAdmin(daemon)
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: 'dangerous' }).done
    const told = await until('the direct message', () => textsOf(daemon, 'zhangsan')[0])
    const id = /\/approve (\w+)/.exec(told)?.[1] ?? ''
    expect(told).toContain('\nrm -rf ./old')
    await daemon.tenant.sayToApp({ userid: 'boss', text: `/approve ${id}` }).done
    await untilTexts(daemon, 'zhangsan', 2)
    expect(textsOf(daemon, 'zhangsan')[1]).toBe('Let me see. It is gone.')
    await untilTexts(daemon, 'boss', 1)
    expect(textsOf(daemon, 'boss')).toEqual(['✅ 已批准，智能体会继续。'])
  })

  test('approvals: a bubble that closes while it waits is followed by a direct message that says so', async () => {
    const bot = { stream: { windowMs: 3_000, handoverMs: 2_500 } }
    await daemon.open({ ...withApprovals, bot, tenant: { members: ['boss', 'zhangsan'] } })
    await untilAdmin(daemon)
    const { bubble, id } = await ask()
    expect((await bubble.finished).text).toContain('还没有完成')
    const told = await until('the direct message', () => textsOf(daemon, 'zhangsan')[0])
    expect(told).toContain(`/approve ${id}`)
    expect(await sentence('boss', `/approve ${id}`)).toBe('✅ 已批准，智能体会继续。')
    await untilTexts(daemon, 'zhangsan', 2)
    expect(textsOf(daemon, 'zhangsan')[1]).toBe('Let me see. It is gone.')
  })

  test('approvals: without an app the next message of the same person shows what waits, as long as it waits', async () => {
    const bot = { stream: { windowMs: 3_000, handoverMs: 2_500 } }
    await open({ bot })
    const { bubble, id } = await ask()
    expect((await bubble.finished).text).toContain('还没有完成')
    const next = say('zhangsan', 'how is it going')
    await until('what waits', () => next.text.includes(`/approve ${id}`))
    expect(next.text.match(/🔐/g)).toHaveLength(1)
    expect(await sentence('boss', `/approve ${id}`)).toBe('✅ 已批准，智能体会继续。')
    const { text } = await next.finished
    expect(text).toStartWith('🔐')
    expect(text).toEndWith('re: how is it going')
    expect(await sentence('zhangsan', 'and now')).toBe('re: and now')
  })

  test('approvals: the step of a plugin is shown with its title, and decided like a command', async () => {
    await open()
    for (const [word, end] of [
      ['approve', 'It is sent.'],
      ['deny', 'It is not sent.'],
    ] as const) {
      const bubble = say('zhangsan', 'mail everybody')
      const id = await until('the request', () => /\/approve (\w+)/.exec(bubble.text)?.[1])
      expect(bubble.text).toStartWith(
        '🔐 智能体的下一步需要批准，正在等待管理员：\n```\nSend a mail\nTo everybody.\n```\n',
      )
      expect(id).toMatch(/^[0-9a-f]{8}$/)
      await sentence('boss', `/${word} ${id}`)
      expect((await bubble.finished).text).toBe(end)
    }
  })
})
