import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { bigAnswer } from '../../src/playground/gateway/runs/script.ts'
import type { MemberMessage } from '../../src/playground/tenant/app/apps.ts'
import { GatewayClient } from '../playground/gateway-client.ts'
import { directMessages, startAppDaemon, textsOf, untilIdle, untilTexts } from './app-daemon.ts'
import { appOf, gatewayToken, type TestDaemon, type TestDaemonOptions } from './daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon(startAppDaemon)

async function open(options: TestDaemonOptions = {}): Promise<TestDaemon> {
  await daemon.open(options)
  return daemon
}

/** A daemon whose agent answers with one text, whatever it is asked. */
const answering = (text: string): TestDaemonOptions => ({ gateway: { script: () => [{ kind: 'say', text }] } })
const asked = () => daemon.gateway.asks().map(ask => ask.text)
const say = (text: string, more: Partial<MemberMessage> = {}) =>
  daemon.tenant.sayToApp({ userid: 'zhangsan', text, ...more }).done

describe('a message to the app', () => {
  test('app: the callback URL is verified by the platform', async () => {
    await open()
    expect(await daemon.tenant.verifyAppUrl()).toEqual({ ok: true })
  })

  test('app: the callback is answered with an empty 200 at once, and the answer comes by direct message', async () => {
    const gate = Promise.withResolvers<void>()
    await open({
      gateway: {
        async *script(message) {
          await gate.promise
          yield { kind: 'say', text: `re: ${message}` }
        },
      },
    })
    const call = await say('你好')
    expect(call.tries).toMatchObject([{ status: 200, raw: '', reply: { kind: 'empty', violations: [] } }])
    await until('the question', () => asked().length === 1)
    expect(textsOf(daemon, 'zhangsan')).toEqual([])
    gate.resolve()
    expect(await untilTexts(daemon, 'zhangsan', 1)).toEqual(['re: 你好'])
    expect(directMessages(daemon, 'zhangsan')).toMatchObject([{ kind: 'app-text', agentId: appOf.agentId }])
    expect(daemon.gateway.asks()).toMatchObject([
      { text: '你好', sessionKey: 'agent:main:wecom:default:direct:zhangsan', key: `wecom:default:${call.msgid}` },
    ])
    expect(daemon.tenant.violations()).toEqual([])
  })

  test('app: a user id with zeros in front and capitals is written to as the platform spells it', async () => {
    await open({ ...answering('hello'), tenant: { members: ['007Zhang'] } })
    await say('hi', { userid: '007Zhang' })
    expect(await untilTexts(daemon, '007Zhang', 1)).toEqual(['hello'])
    const sent = daemon.tenant.api.requests.find(request => request.path.endsWith('/message/send'))
    expect(JSON.parse(String(sent?.body))).toMatchObject({ touser: '007Zhang' })
    expect(daemon.gateway.asks()[0]?.sessionKey).toBe('agent:main:wecom:default:direct:007zhang')
  })

  test('app: what is not text reaches the agent in words', async () => {
    await open({ gateway: { script: text => [{ kind: 'say', text }] } })
    const sayings: readonly (readonly [string, MemberMessage['fields'], string])[] = [
      ['voice', { MediaId: 'm1', Format: 'amr', Recognition: '今天下雨吗' }, '今天下雨吗'],
      [
        'location',
        { Location_X: '23.134', Location_Y: '113.358', Scale: 20, Label: '广州塔' },
        '[location] 广州塔 (23.134,113.358)',
      ],
      [
        'link',
        { Title: '官网', Description: 'd', Url: 'https://example.com/a?b=1&c=2', PicUrl: 'p' },
        '[link] 官网 https://example.com/a?b=1&c=2',
      ],
    ]
    for (const [index, [msgtype, fields]] of sayings.entries()) {
      await say('', { msgtype, ...(fields && { fields }) })
      await untilTexts(daemon, 'zhangsan', index + 1)
    }
    expect(asked()).toEqual(sayings.map(([, , heard]) => heard))
    expect(daemon.tenant.violations()).toEqual([])
  })
})

describe('runs that do not simply answer', () => {
  test('app: an empty and a failed run, and a command, each end in a sentence', async () => {
    await open()
    await Promise.all([say('[empty]'), say('[fail]', { userid: 'lisi' }), say('/none', { userid: '007zhang' })])
    expect(await untilTexts(daemon, 'zhangsan', 1)).toEqual(['智能体没有给出回答。'])
    expect(await untilTexts(daemon, 'lisi', 1)).toEqual([expect.stringContaining('出错')])
    expect(await untilTexts(daemon, '007zhang', 1)).toEqual([expect.stringContaining('没有使用命令的权限')])
    expect(asked().toSorted()).toEqual(['[empty]', '[fail]'])
    expect(daemon.tenant.violations()).toEqual([])
  })

  test('app: a run that somebody else stops ends with what it had said and a sentence', async () => {
    await open()
    await say('[hang]')
    const { key, sessionKey } = await until('the question', () => daemon.gateway.asks()[0])
    const client = new GatewayClient(daemon.gateway.url)
    await client.connect(gatewayToken)
    const abort = () => client.request('chat.abort', { sessionKey, runId: key })
    await until('the run to be stopped', async () => (await abort()).payload?.['aborted'] === true)
    client.close()
    const [text] = await untilTexts(daemon, 'zhangsan', 1)
    expect(text).toMatch(/^(partial\s+)?⏹ 已停止。$/)
  })

  test('app: a run over gateway.runTimeoutMs is aborted and says so, after what it had said', async () => {
    await open({ runTimeoutMs: 1_000 })
    await say('[hang]')
    const [text] = await untilTexts(daemon, 'zhangsan', 1)
    expect(text).toMatch(/^partial[\s\S]*用时太长/)
  })
})

describe('how an answer is written', () => {
  const markdown = '# 结果\n**重点**：见[这里](https://example.com)'
  const list = '# 结果\n1. 一\n2. 二'

  test('app: agent.replyFormat auto sends markdown that WeCom shows whole, and text otherwise', async () => {
    await open({ gateway: { script: text => [{ kind: 'say', text: text === 'list' ? list : markdown }] } })
    await say('rich')
    await untilTexts(daemon, 'zhangsan', 1)
    await say('list')
    await untilTexts(daemon, 'zhangsan', 2)
    expect(directMessages(daemon, 'zhangsan')).toMatchObject([
      { kind: 'app-markdown', text: markdown },
      { kind: 'app-text', text: list },
    ])
  })

  test('app: agent.replyFormat text and markdown are obeyed', async () => {
    await open({ ...answering(markdown), agent: { replyFormat: 'text' } })
    await say('a')
    await untilTexts(daemon, 'zhangsan', 1)
    expect(directMessages(daemon, 'zhangsan')).toMatchObject([{ kind: 'app-text', text: markdown }])
    await daemon.close()
    await open({ ...answering(list), agent: { replyFormat: 'markdown' } })
    await say('a')
    await untilTexts(daemon, 'zhangsan', 1)
    expect(directMessages(daemon, 'zhangsan')).toMatchObject([{ kind: 'app-markdown', text: list }])
  })
})

describe('a long answer', () => {
  test('app: 15 KB come in at most 8 numbered messages of at most 2,048 bytes, in order and byte for byte', async () => {
    const answer = bigAnswer(15_360)
    await open(answering(answer))
    await say('long')
    await until('the last part', () => textsOf(daemon, 'zhangsan').some(text => /^\((\d+)\/\1\)\n/.test(text)))
    await untilIdle(daemon)
    const texts = textsOf(daemon, 'zhangsan')
    expect(texts.length).toBeLessThanOrEqual(8)
    expect(texts.map(text => Buffer.byteLength(text) <= 2_048)).not.toContain(false)
    expect(texts.map((text, index) => text.startsWith(`(${index + 1}/${texts.length})\n`))).not.toContain(false)
    expect(texts.map(text => text.slice(text.indexOf('\n') + 1)).join('')).toBe(answer)
    expect(daemon.tenant.violations()).toEqual([])
  })

  test('app: a code block over several messages is closed and opened again in each', async () => {
    const code = Array.from({ length: 160 }, (_, line) => `  console.log("line ${line}") // 这是一行代码\n`).join('')
    await open(answering(`开头\n\n\`\`\`ts\n${code}\`\`\`\n结尾`))
    await say('code')
    await until('the last part', () => textsOf(daemon, 'zhangsan').some(text => text.includes('结尾')))
    const texts = textsOf(daemon, 'zhangsan')
    expect(texts.length).toBeGreaterThan(2)
    for (const text of texts) expect(text.match(/^```/gm)?.length ?? 0).toBe(2)
    const inside = texts.flatMap(text => /^```ts\n([\s\S]*?)^```$/m.exec(text)?.[1] ?? [])
    expect(inside.join('')).toBe(code)
  })

  test('app: 200 KB come as one line and one file with the same bytes', async () => {
    const answer = bigAnswer(204_800)
    await open(answering(answer))
    await say('book')
    await untilTexts(daemon, 'zhangsan', 2)
    expect(directMessages(daemon, 'zhangsan')).toMatchObject([
      { kind: 'app-text', text: '内容较长（约 200 KB），全文见文件「全文.md」。' },
      {
        kind: 'app-media',
        media: {
          type: 'file',
          name: '全文.md',
          bytes: 204_800,
          sha256: createHash('sha256').update(answer).digest('hex'),
        },
      },
    ])
    expect(daemon.tenant.media.uploads).toHaveLength(1)
  })
})
