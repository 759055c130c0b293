import { describe, expect, test } from 'bun:test'
import { createTranslator } from '../../src/core/notices/notices.ts'
import { startAppDaemon, textsOf, untilIdle } from './app-daemon.ts'
import { startTestDaemon, type TestDaemonOptions } from './daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon(startAppDaemon)
const notice = createTranslator('zh-CN')({ key: 'outsider' })
const echo: TestDaemonOptions = { gateway: { script: text => [{ kind: 'say', text: `re: ${text}` }] } }
const sessions = () => daemon.gateway.asks().map(({ sessionKey }) => sessionKey)
const direct = (id: string) => `agent:main:wecom:default:direct:${id}`

describe('a Bot that serves several companies', () => {
  test('companies: the same user id in another company is another person', async () => {
    await daemon.open({ ...echo, agent: { corpId: 'wwOWN' } })
    for (const corpid of [undefined, 'wwOWN', 'wwown', 'wwOTHER']) {
      await daemon.tenant.say({ userid: 'ZhangSan', ...(corpid !== undefined && { corpid }), text: '你好' }).finished
    }
    expect(sessions()).toEqual([direct('zhangsan'), direct('zhangsan'), direct('zhangsan'), direct('wwother/zhangsan')])
  })

  test('companies: in a group the agent reads whose words they are, and they are not merged', async () => {
    const gate = Promise.withResolvers<void>()
    await daemon.open({
      agent: { corpId: 'wwOWN' },
      gateway: {
        async *script(text) {
          await gate.promise
          yield { kind: 'say', text: `re: ${text}` }
        },
      },
    })
    const say = (corpid: string, text: string) =>
      daemon.tenant.say({ userid: 'zhangsan', corpid, chatid: 'wrgroup', text: `@助手 ${text}` })
    const first = say('wwOWN', '一')
    await until('the first question', () => daemon.gateway.asks().length === 1)
    const others = [say('wwOWN', '二'), say('wwOTHER', '三')]
    await until('all to be stored', async () => {
      // The daemon is of this source.
      const { turns } = (await daemon.api('/api/status')) as { turns: { open: number } }
      return turns.open === 3
    })
    gate.resolve()
    await Promise.all([first, ...others].map(({ finished }) => finished))
    expect(daemon.gateway.asks().map(({ text }) => text)).toEqual([
      '[zhangsan]\n一',
      '[zhangsan]\n二',
      '[wwother/zhangsan]\n三',
    ])
  })

  test('companies: a late answer never becomes a direct message to our own user of that id', async () => {
    await daemon.open({
      agent: { corpId: 'wwOWN' },
      bot: { stream: { windowMs: 2_000, handoverMs: 1_500 } },
      gateway: {
        script: () => [
          { kind: 'wait', ms: 1_500 },
          { kind: 'say', text: '晚了' },
        ],
      },
    })
    await daemon.tenant.say({ userid: 'zhangsan', corpid: 'wwOTHER', text: '你好' }).finished
    await until('the answer', () => daemon.tenant.responses.posts.length === 1)
    await untilIdle(daemon)
    expect(textsOf(daemon, 'zhangsan')).toEqual([])
  })

  test('companies: commands are allowed by company and user', async () => {
    await daemon.open({ ...echo, agent: { corpId: 'wwOWN' }, bot: { dm: { allowFrom: ['wwOther/ZhangSan'] } } })
    const answerTo = async (corpid: string) =>
      (await daemon.tenant.say({ userid: 'zhangsan', corpid, text: '/status' }).finished).text
    expect(await answerTo('wwOTHER')).not.toContain('没有使用命令的权限')
    expect(await answerTo('wwOWN')).toContain('没有使用命令的权限')
    expect(await answerTo('wwTHIRD')).toContain('没有使用命令的权限')
  })

  test('companies: without an app the first company is the own one, also after a restart', async () => {
    await daemon.open(echo, startTestDaemon)
    const say = (corpid: string) => daemon.tenant.say({ userid: 'lisi', corpid, text: '你好' }).finished
    await say('wwFIRST')
    await say('wwSECOND')
    await daemon.restart()
    await say('wwSECOND')
    await say('wwFIRST')
    expect(sessions()).toEqual([direct('lisi'), direct('wwsecond/lisi'), direct('wwsecond/lisi'), direct('lisi')])
  })
})

describe('a member of a linked company writes to the app', () => {
  test('companies: the reply to the callback is a notice, and the agent is not asked', async () => {
    await daemon.open({ ...echo, agent: { welcomeText: '欢迎' } })
    for (const text of ['你好', '/help', ']]> & <x>']) {
      const call = await daemon.tenant.sayToApp({ userid: 'ww1/zhang', text }).done
      expect(call.tries).toMatchObject([
        { status: 200, reply: { kind: 'xml', violations: [], fields: { Content: notice } } },
      ])
    }
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: '你好' }).done
    await until('the answer', () => textsOf(daemon, 'zhangsan').length === 1)
    await untilIdle(daemon)
    expect(sessions()).toEqual([direct('zhangsan')])
    expect(await daemon.api('/api/dead')).toEqual({ dead: [] })
    expect(daemon.log.filter(line => line.includes('a member of a linked company'))).toHaveLength(1)
    expect(daemon.log.join()).not.toContain('ww1/zhang')
    expect(daemon.tenant.violations()).toEqual([])
  })

  test('companies: a repeated callback gets the same reply', async () => {
    await daemon.open(echo)
    const first = await daemon.tenant.sayToApp({ userid: 'ww1/zhang', text: '你好', msgId: '77' }).done
    const again = await daemon.tenant.sayToApp({ userid: 'ww1/zhang', text: '你好', msgId: '77' }).done
    expect([first, again].map(({ tries }) => tries.at(-1)?.reply.fields?.['Content'])).toEqual([notice, notice])
  })
})
