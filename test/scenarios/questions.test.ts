import { describe, expect, test } from 'bun:test'
import type { EchoQuestion } from '../../src/playground/gateway/questions.ts'
import { png } from '../wecom/media-samples.ts'
import { startAppDaemon, textsOf, untilTexts } from './app-daemon.ts'
import { type TestDaemonOptions, startTestDaemon } from './daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon(startAppDaemon)

const where: EchoQuestion = {
  questionId: 'q1',
  header: '部署',
  question: '部署到哪里？',
  options: [
    { label: '测试环境', description: '今天就可以' },
    { label: '生产环境', description: '' },
  ],
  isOther: true,
}
const when: EchoQuestion = { questionId: 'q2', header: '', question: '什么时候？', options: [] }

/** An agent that asks once or twice, and repeats what it was told. */
const gateway: NonNullable<TestDaemonOptions['gateway']> = {
  *script(text) {
    yield { kind: 'say', text: text.includes('部署') ? '好的。' : `re: ${text}` }
    if (!text.includes('部署')) return
    yield {
      kind: 'question',
      questions: text.includes('两') ? [where, when] : [where],
      reply: replies => (replies === undefined ? '没有人回答。' : `收到：${Object.values(replies).flat().join('、')}`),
    }
  },
}

const say = (userid: string, text: string, chatid?: string) =>
  daemon.tenant.say({ userid, text, ...(chatid !== undefined && { chatid }) })
const sentence = async (userid: string, text: string, chatid?: string) =>
  (await say(userid, text, chatid).finished).text

async function open(options: TestDaemonOptions = {}): Promise<void> {
  await daemon.open({ gateway, bot: { dm: { policy: 'open' } }, ...options }, startTestDaemon)
}

async function asked(userid: string, text: string, chatid?: string) {
  const bubble = say(userid, text, chatid)
  await until('the question in the bubble', () => bubble.text.startsWith('好的。') && bubble.text.includes('❓'))
  return bubble
}

describe('questions', () => {
  test('questions: the bubble shows what the agent asks, a number answers it, and the run goes on', async () => {
    await open()
    const bubble = await asked('zhangsan', '请部署')
    expect(bubble.text).toBe(
      '好的。\n\n❓ 部署：部署到哪里？\n1. 测试环境 – 今天就可以\n2. 生产环境\n（回复编号或你的想法）',
    )
    expect(await sentence('zhangsan', '2')).toBe('✅ 已转告智能体，它会继续。')
    expect((await bubble.finished).text).toBe('好的。收到：生产环境')
    expect(await sentence('zhangsan', '2')).toContain('re: 2')
    expect(daemon.tenant.violations()).toEqual([])
  })

  test.each([
    ['测试环境。', '测试环境'],
    ['1、', '测试环境'],
    ['先问一下王五', '先问一下王五'],
    ['3', '3'],
  ])('questions: the reply %j means %j', async (reply, meant) => {
    await open()
    const bubble = await asked('zhangsan', '请部署')
    await say('zhangsan', reply).finished
    expect((await bubble.finished).text).toBe(`好的。收到：${meant}`)
  })

  test('questions: two at once are asked one after the other', async () => {
    await open()
    const bubble = await asked('zhangsan', '两步部署')
    expect(await sentence('zhangsan', '1')).toBe('❓ 什么时候？\n（直接回复即可）')
    await until('the second in the bubble', () => bubble.text.includes('什么时候'))
    expect(bubble.text).not.toContain('部署到哪里')
    expect(await sentence('zhangsan', '今晚八点')).toContain('已转告')
    expect((await bubble.finished).text).toBe('好的。收到：测试环境、今晚八点')
  })

  test('questions: in a group only the person whom the run answers can reply', async () => {
    await open()
    const bubble = await asked('zhangsan', '@助手 请部署', 'wrgroup')
    const other = say('lisi', '@助手 1', 'wrgroup')
    expect(await sentence('zhangsan', '@助手 2', 'wrgroup')).toContain('已转告')
    expect((await bubble.finished).text).toBe('好的。收到：生产环境')
    expect((await other.finished).text).toBe('re: [lisi]\n1')
  })

  test('questions: a quote of the question is no part of the reply, and a picture is none', async () => {
    await open()
    const bubble = await asked('zhangsan', '请部署')
    const payload = { url: daemon.tenant.botMedia(png) }
    const picture = daemon.tenant.say({ userid: 'zhangsan', msgtype: 'image', payload })
    await until('the picture to be taken', () => picture.frames.length > 0)
    const quote = { msgtype: 'text', text: { content: '❓ 部署：部署到哪里？' } }
    expect((await daemon.tenant.say({ userid: 'zhangsan', text: '2', quote }).finished).text).toContain('已转告')
    expect((await bubble.finished).text).toBe('好的。收到：生产环境')
    expect((await picture.finished).text).toContain('re: [image]')
  })

  test('questions: commands stay commands, and /stop ends what is asked', async () => {
    await open()
    const bubble = await asked('zhangsan', '请部署')
    expect(await sentence('zhangsan', '/whoami')).toContain('zhangsan')
    expect(await sentence('zhangsan', '/stop')).toBe('⏹ 已停止。')
    expect((await bubble.finished).text).toContain('已停止')
    expect(await sentence('zhangsan', '1')).toContain('re: 1')
  })

  test('questions: a restart of the daemon keeps them', async () => {
    await open()
    const bubble = await asked('zhangsan', '请部署')
    await daemon.restart()
    await until('the question again', () => bubble.text.includes('❓'))
    expect(await sentence('zhangsan', '1')).toContain('已转告')
    expect((await bubble.finished).text).toBe('好的。收到：测试环境')
  })

  test('questions: in the app a direct message asks, and the next message there answers', async () => {
    await daemon.open({ gateway, tenant: { members: ['zhangsan'] } })
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: '请部署' }).done
    const told = await until('the direct message', () => textsOf(daemon, 'zhangsan')[0])
    expect(told).toContain('❓ 部署：部署到哪里？')
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: '1' }).done
    await untilTexts(daemon, 'zhangsan', 3)
    expect(textsOf(daemon, 'zhangsan').slice(1).toSorted()).toEqual(
      ['✅ 已转告智能体，它会继续。', '好的。收到：测试环境'].toSorted(),
    )
  })

  test('questions: after the bubble of the Bot is closed a direct message asks, and is answered in the app', async () => {
    const bot = { dm: { policy: 'open' }, stream: { windowMs: 3_000, handoverMs: 2_500 } }
    await daemon.open({ gateway, bot, agent: { dm: { policy: 'open' } }, tenant: { members: ['zhangsan'] } })
    const bubble = await asked('zhangsan', '请部署')
    expect((await bubble.finished).text).toContain('还没有完成')
    const told = await until('the direct message', () => textsOf(daemon, 'zhangsan')[0])
    expect(told).toStartWith('❓ 部署')
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: '1' }).done
    await untilTexts(daemon, 'zhangsan', 3)
    expect(textsOf(daemon, 'zhangsan').slice(1).toSorted()).toEqual([
      '✅ 已转告智能体，它会继续。',
      '好的。收到：测试环境',
    ])
  })

  test('questions: after the bubble is closed and without an app, the next message shows what is asked', async () => {
    await open({ bot: { dm: { policy: 'open' }, stream: { windowMs: 3_000, handoverMs: 2_500 } } })
    const bubble = await asked('zhangsan', '请部署')
    expect((await bubble.finished).text).toContain('还没有完成')
    const next = say('zhangsan', '怎么样了')
    await until('what is asked', () => next.text.includes('❓ 部署'))
    expect(await sentence('zhangsan', '2')).toContain('已转告')
  })
})

describe('questions that cannot be answered', () => {
  test('questions: a reply that comes too late is asked as a message of its own', async () => {
    let isHeld = false
    const held = Promise.withResolvers<void>()
    await open({
      gateway: {
        ...gateway,
        intercept: (stage, method) =>
          isHeld && stage === 'received' && method === 'question.resolve' ? held.promise : undefined,
      },
    })
    const bubble = await asked('zhangsan', '请部署')
    isHeld = true
    const late = say('zhangsan', '生产环境')
    await until('the reply to be stored', () => late.frames.length > 0)
    await say('zhangsan', '/stop').finished
    await bubble.finished
    held.resolve()
    expect((await late.finished).text).toBe('re: 生产环境')
  })

  test('questions: a device that was paired without them still answers users, and status says what to do', async () => {
    await open()
    await sentence('zhangsan', 'hello')
    daemon.gateway.withhold(['operator.questions'])
    daemon.gateway.dropConnections()
    const { questions: shown } = await until('the status', async () => {
      const { components } = (await daemon.api('/api/status')) as { components: Record<string, { hint?: string }> }
      return components['questions'] && components['gateway'] && components
    })
    const requestId = /^on the gateway host run: openclaw devices approve (\S+); then restart wecomd$/.exec(
      shown?.hint ?? '',
    )?.[1]
    expect(shown).toMatchObject({ state: 'barred', reason: expect.stringContaining('operator.questions') })
    expect(await sentence('zhangsan', '请部署')).toBe('好的。没有人回答。')
    expect(daemon.gateway.approve(requestId ?? '')).toBe(true)
    await daemon.restart()
    const bubble = await asked('zhangsan', '请部署')
    await say('zhangsan', '1').finished
    expect((await bubble.finished).text).toBe('好的。收到：测试环境')
  })
})
