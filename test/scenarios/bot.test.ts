import { describe, expect, test } from 'bun:test'
import { bigAnswer, echoAnswer, longAnswer } from '../../src/playground/gateway/runs/script.ts'
import { type TestDaemon, type TestDaemonOptions } from './daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon()

async function open(options: TestDaemonOptions = {}): Promise<TestDaemon> {
  await daemon.open(options)
  await until('the gateway link', async () => (await fetch(`${daemon.app.privateUrl}/readyz`)).status === 200)
  return daemon
}

/** What a person saw at the end in the single chat, in order. */
const seen = (userid: string) => daemon.tenant.ledger.seen({ userid }).map(entry => entry.text)
/** What came by response_url; it may be seen before the last frame of the bubble is. */
const posted = (userid: string) =>
  daemon.tenant.ledger
    .seen({ userid })
    .filter(entry => entry.kind === 'markdown')
    .map(entry => entry.text)

describe('a text in a single chat', () => {
  test('bot: the first frame is the placeholder, the answer grows, the last frame is the whole answer', async () => {
    await open()
    const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '你好' }).finished
    expect(bubble.frames[0]).toMatchObject({ content: '<think></think>', finish: false })
    const texts = [...new Set(bubble.frames.map(frame => frame.content))]
    expect(texts.length).toBeGreaterThan(3)
    for (const [index, text] of texts.entries())
      if (index > 1) expect(text.startsWith(texts[index - 1] ?? '')).toBe(true)
    expect(bubble.text).toBe(echoAnswer('你好'))
    expect(daemon.gateway.asks().map(ask => ask.text)).toEqual(['你好'])
    expect(daemon.tenant.violations()).toEqual([])
  })

  test('bot: a configured placeholder is the first frame and stays the first line of a silent bubble', async () => {
    await open({ bot: { streamPlaceholderContent: '收到，请稍候' } })
    const bubble = daemon.tenant.say({ userid: 'zhangsan', text: '[slow 6000] hi' })
    const frame = await until('the elapsed line', () => bubble.frames.find(shown => shown.content.includes('已用')))
    expect(frame.content).toMatch(/^收到，请稍候\n已用 5 秒 · /)
    expect(bubble.frames[0]?.content).toBe('收到，请稍候')
    await bubble.finished
    expect(bubble.text).toBe(echoAnswer('hi'))
  })

  test('bot: the welcome text answers enter_chat, once asked by the platform', async () => {
    await open({ bot: { welcomeText: '你好，我是助手' } })
    expect(await daemon.tenant.enterChat('zhangsan')).toBe('你好，我是助手')
  })

  test('bot: a message that looks like a command is answered with a sentence and not asked', async () => {
    await open()
    const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '／status now' }).finished
    expect(bubble.frames).toHaveLength(1)
    expect(bubble.text).toContain('命令')
    const path = await daemon.tenant.say({ userid: 'zhangsan', text: '/etc/hosts 是什么' }).finished
    expect(path.text).toBe(echoAnswer('/etc/hosts 是什么'))
    expect(daemon.gateway.asks()).toHaveLength(1)
  })
})

describe('runs that do not simply answer', () => {
  test('bot: an empty, a failed and an aborted run each end in a visible sentence', async () => {
    await open()
    const empty = await daemon.tenant.say({ userid: 'a', text: '[empty]' }).finished
    const failed = await daemon.tenant.say({ userid: 'b', text: '[fail]' }).finished
    expect(empty.text).toBe('智能体没有给出回答。')
    expect(failed.text).toContain('出错')
  })

  test('bot: a run over gateway.runTimeoutMs is aborted and says so, after what it had said', async () => {
    await open({ runTimeoutMs: 1_000 })
    const bubble = await daemon.tenant.say({ userid: 'a', text: '[hang]' }).finished
    expect(bubble.text).toMatch(/^partial[\s\S]*用时太长/)
  })
})

describe('an answer that the bubble cannot carry', () => {
  test('bot: a silent agent is handed over at windowMs - handoverMs and the answer comes by response_url', async () => {
    await open({ bot: { stream: { windowMs: 2_000, handoverMs: 1_000 } } })
    const bubble = daemon.tenant.say({ userid: 'zhangsan', text: '[slow 2500] 想久一点' })
    await bubble.finished
    expect(bubble.text).toContain('还没有完成')
    await until('the answer by response_url', () => posted('zhangsan').length === 1)
    expect(posted('zhangsan')[0]).toBe(echoAnswer('想久一点'))
    expect(daemon.tenant.responses.posts).toHaveLength(1)
  })

  test('bot: a talking agent is handed over as well, with what there is', async () => {
    await open({ bot: { stream: { windowMs: 2_000, handoverMs: 1_000 } } })
    const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '[long 40 60]' }).finished
    expect(bubble.text).toMatch(/^tok0 tok1 [\s\S]*还没有完成/)
    await until('the answer by response_url', () => posted('zhangsan').length === 1)
    expect(posted('zhangsan')[0]).toBe(longAnswer(40))
  })

  test('bot: a final frame that nobody fetches goes another way at the end of the window, and a late refresh shows the notice', async () => {
    await open({ bot: { stream: { windowMs: 3_000, handoverMs: 0 } } })
    const bubble = daemon.tenant.say({ userid: 'zhangsan', text: '你好' })
    await until('the first text', () => bubble.frames.some(frame => frame.content.startsWith('你说的是')))
    bubble.stopPolling()
    await until('the answer by response_url', () => seen('zhangsan').length === 1)
    expect(seen('zhangsan')).toEqual([echoAnswer('你好')])
    await bubble.pollOnce()
    expect(bubble.text).toContain('完整的回答已单独发送')
    expect(bubble.frames.at(-1)?.finish).toBe(true)
  })

  test('bot: more than 20,480 bytes finish with a notice and the rest follows, byte for byte', async () => {
    await open()
    const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '[big 30000]' }).finished
    expect(Buffer.byteLength(bubble.text)).toBeLessThanOrEqual(20_480)
    const [head = '', notice] = bubble.text.split('\n\n（')
    expect(notice).toContain('其余部分')
    await until('the rest by response_url', () => posted('zhangsan').length === 1)
    expect(head + posted('zhangsan')[0]).toBe(bigAnswer(30_000))
  })

  test('bot: what fits no way at all is a dead delivery that trace shows, and the notice says so', async () => {
    await open()
    const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '[big 60000]' }).finished
    await until('the rest by response_url', () => posted('zhangsan').length === 1)
    expect(posted('zhangsan')[0]).toContain('无法送达')
    const status = await daemon.api('/api/status')
    expect(status).toMatchObject({ dead: 1 })
    const trace = JSON.stringify(await daemon.api(`/api/trace/${bubble.callback.msgid}`))
    expect(trace).toContain('"dead":true')
    expect(daemon.log.filter(line => line.includes('cannot be delivered in full'))).toHaveLength(1)
  })

  test('bot: a response_url whose answer is lost gets the same body once more, and a refusal then means unknown', async () => {
    await open({ bot: { stream: { windowMs: 1_500, handoverMs: 1_000 } } })
    daemon.tenant.responses.fail({ when: 'after', how: 'reset' })
    const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '[slow 900] hi' }).finished
    await until('two posts', () => daemon.tenant.responses.posts.length === 2)
    const bodies = daemon.tenant.responses.posts.map(post => post.body)
    expect(bodies[0]).toBe(bodies[1] ?? '')
    const events = await until('the delivery to end', async () => {
      const trace = JSON.stringify(await daemon.api(`/api/trace/${bubble.callback.msgid}`))
      return trace.includes('"state":"unknown"') ? trace : undefined
    })
    expect(events).toContain('"outcome":"unknown"')
    expect(seen('zhangsan').filter(text => text === echoAnswer('hi'))).toHaveLength(1)
  })

  test('bot: a response_url that was cut before the platform took it is delivered by the repeat', async () => {
    await open({ bot: { stream: { windowMs: 1_500, handoverMs: 1_000 } } })
    daemon.tenant.responses.fail({ when: 'before', how: 'reset' })
    await daemon.tenant.say({ userid: 'zhangsan', text: '[slow 900] hi' }).finished
    await until('the answer', () => seen('zhangsan').includes(echoAnswer('hi')))
    expect(await daemon.api('/api/status')).toMatchObject({ dead: 0 })
  })
})

describe('order and merging', () => {
  test('bot: what one sender writes while the answer runs is asked together afterwards', async () => {
    await open()
    const first = daemon.tenant.say({ userid: 'zhangsan', text: '[long 10 60] one' })
    await until('the first ask', () => daemon.gateway.asks().length === 1)
    const second = daemon.tenant.say({ userid: 'zhangsan', text: 'two' })
    await second.opened
    const third = daemon.tenant.say({ userid: 'zhangsan', text: 'three' })
    await Promise.all([first.finished, second.finished, third.finished])
    expect(daemon.gateway.asks().map(ask => ask.text)).toEqual(['[long 10 60] one', 'two\n\nthree'])
    expect(second.text).toBe('已与你的下一条消息一起回答。')
    expect(third.text).toBe(echoAnswer('two\n\nthree'))
    expect(third.frames.some(frame => frame.content.includes('排队'))).toBe(true)
    expect(third.frames[0]?.content).toBe('<think></think>')
  })

  test('bot: in a group different senders are asked one at a time, first come first asked, and named', async () => {
    await open()
    const chatid = 'wrGroupA'
    const bubbles = []
    for (const userid of ['a', 'b', 'c']) {
      const bubble = daemon.tenant.say({ userid, chatid, text: `@助手 [long 5 30] from ${userid}` })
      await bubble.opened
      bubbles.push(bubble)
    }
    await Promise.all(bubbles.map(bubble => bubble.finished))
    const asked = daemon.gateway.asks().map(ask => ask.text)
    expect(asked).toEqual(['a', 'b', 'c'].map(userid => `[${userid}]\n[long 5 30] from ${userid}`))
    expect(daemon.gateway.asks()[0]?.sessionKey).toMatch(/^agent:main:wecom:default:group:wrgroupa-[0-9a-f]{8}$/)
  })

  test('bot: in a group the @name alone is answered with a sentence and not asked', async () => {
    await open()
    const bubble = await daemon.tenant.say({ userid: 'a', chatid: 'wrGroupA', text: '@助手 ' }).finished
    expect(bubble.text).toBe('这条消息里没有可读的内容，请写下你的问题。')
    expect(daemon.gateway.asks()).toEqual([])
  })

  test('bot: conversations of different users run side by side', async () => {
    await open()
    const slow = daemon.tenant.say({ userid: 'a', text: '[slow 1500] slow' })
    await until('the slow ask', () => daemon.gateway.asks().length === 1)
    const quick = await daemon.tenant.say({ userid: 'b', text: 'quick' }).finished
    expect(quick.text).toBe(echoAnswer('quick'))
    expect(slow.isInProgress()).toBe(true)
    await slow.finished
  })
})

describe('limits', () => {
  test('bot: over limits.perUserPerMinute the bubble finishes with the busy sentence and the agent is not asked', async () => {
    await open({ config: { limits: { perUserPerMinute: 2 } } })
    await daemon.tenant.say({ userid: 'a', text: 'one' }).finished
    await daemon.tenant.say({ userid: 'a', text: 'two' }).finished
    const third = await daemon.tenant.say({ userid: 'A', text: 'three' }).finished
    expect(third.frames).toHaveLength(1)
    expect(third.text).toContain('消息太多')
    expect(daemon.gateway.asks()).toHaveLength(2)
    expect(await daemon.api(`/api/trace/${third.callback.msgid}`)).toMatchObject({ state: 'ended', end: 'busy' })
  })
})
