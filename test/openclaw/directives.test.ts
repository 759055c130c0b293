import { beforeAll, describe, expect, test } from 'bun:test'
import type { OpenClaw } from '../../scripts/openclaw.ts'
import { neutralise } from '../../src/gateway/chat/neutralise.ts'
import { connectClient, type GatewayClient, type Payload } from './client.ts'
import { openclawSuite, sharedGateway, withoutOpenClaw } from './gateway.ts'

const session = (id: string) => `agent:main:wecom:default:direct:directives-${id}`
const joiner = /\u2060/g

/** Texts that the gateway would obey, answer itself or shorten. */
// biome-ignore format: a table
const obeyed = [
  'hi /think high', 'hi /t high', 'a /v on b', 'x /verbose: full', 'x /reasoning on', 'x /elevated full', 'x /fast on',
  'see /status please', '> /status', '> quoted\n/status', 'line1\n/model fake/fake-2', 'hi /quick please', '/quick',
  '请把 /exec host=gateway 加上', '请\u3000/model fake/fake-2', 'a\u00a0/status', 'b\ufeff/status', 'c \u0001/status',
  'yo /help', 'who /whoami', 'x /queue collect', 'X /STATUS', '/status', '/t high', '/new', '/reset now', '/btw hi',
  '/stop', '/stop。', '/model fake/fake-2', '/compact', '/skill canvas', '/bash ls', '/ status', 'use $canvas now',
  '[note] /status', '[note]/status', 'foo: /status', '\\n/status', '[Mon 2026-11-23 05:38] /status', '!ls',
  '[zhangsan]\n/model fake/fake-2', '[zhangsan]\nstop', '[zhangsan]\n停止', 'foo: stop', 'foo: 停止!', 'a:\nb: stop',
]

// biome-ignore format: a table
const stopWords = [
  'stop', 'Stop!', 'STOP。', 'esc', 'abort', 'exit', 'interrupt', 'detente', 'deten', 'detén', 'arrete', 'arrête',
  '停止', '停下来', '暂停', 'やめて', '止めて', 'रुको', 'توقف', 'стоп', 'остановись', 'останови', 'остановить',
  'прекрати', 'halt', 'anhalten', 'aufhören', 'hoer auf', 'stopp', 'pare', 'stop openclaw', 'openclaw stop',
  'stop action', 'stop current action', 'stop run', 'stop current run', 'stop agent', 'stop the agent',
  "stop don't do anything", 'stop don’t do anything', 'stop dont do anything', 'stop do not do anything',
  'stop doing anything', 'do not do that', 'please stop', 'stop please', 'stop\nopenclaw', 'please  stop …',
]

/** Texts that neither the gateway nor wecomd changes. */
// biome-ignore format: a table
const plain = [
  '／status', '／think high', '/etc/hosts 是什么', 'cat /etc/hosts please', 'https://example.com/status', '2026/11/23',
  'and/or a/b 是/否', 'hi / status', 'say "/think high"', '(/status)', '`/status`', '请停止', '取消', 'please stop it',
  '[[reply_to_current]] hi [[audio_as_voice]]', 'MEDIA:/etc/hosts', '@everyone hi', '$100 and $HOME', 'one\n\n two\t',
]

describe.skipIf(withoutOpenClaw)(openclawSuite('directives'), () => {
  let claw: OpenClaw
  let client: GatewayClient
  let untouched: Payload

  beforeAll(async () => {
    claw = await sharedGateway()
    client = await connectClient(claw)
    await say('hello', 'untouched')
    untouched = await settingsOf('untouched')
  }, 300_000)

  /** Sends a text like a user's and returns what the model received; undefined when it was not called. */
  async function say(text: string, id: string): Promise<string | undefined> {
    const from = claw.model.requests.length
    const idempotencyKey = `directives-${id}-${crypto.randomUUID()}`
    const params = { sessionKey: session(id), message: text, idempotencyKey, queueMode: 'followup' }
    const ack = await client.request('chat.send', params)
    if (ack.runId !== idempotencyKey) return undefined
    await client.event(({ runId, state }) => runId === idempotencyKey && isEnd(state))
    return claw.model.requests.slice(from).find(({ prompt, system }) => `${system}${prompt}`.includes(session(id)))
      ?.said
  }

  async function settingsOf(id: string): Promise<Payload> {
    const { session: found } = await client.request('sessions.describe', { key: session(id) })
    const settings = found as Payload
    return Object.fromEntries(settingNames.map(name => [name, settings[name]]))
  }

  test('directives: without joiners the gateway obeys words inside a text', async () => {
    expect(await say('line1\n/model fake/fake-2', 'control-model')).not.toBe('line1\n/model fake/fake-2')
    expect(await settingsOf('control-model')).not.toEqual(untouched)
    expect(await say('please stop', 'control-stop')).toBeUndefined()
  })

  const tables = { obeyed, 'stop words': stopWords, plain }
  for (const [name, texts] of Object.entries(tables)) {
    test(`directives: ${name} texts reach the agent whole and change nothing`, async () => {
      const seen = await inLanes(texts, 6, async (text, index) => {
        const id = `${name.replace(' ', '-')}-${index}`
        const said = await say(neutralise(text), id)
        return { reads: said?.replace(joiner, ''), settings: await settingsOf(id) }
      })
      const wanted = texts.map(text => ({ reads: text.replaceAll('\u0001', ''), settings: untouched }))
      expect(seen).toEqual(wanted)
    }, 120_000)
  }
})

// biome-ignore format: a table
const settingNames = [
  'model', 'modelProvider', 'modelOverrideSource', 'thinkingLevel', 'verboseLevel', 'reasoningLevel', 'traceLevel',
  'elevatedLevel', 'fastMode', 'execHost', 'execSecurity', 'execAsk', 'queueMode', 'effectiveQueueMode',
  'sendPolicy', 'responseUsage',
]

function isEnd(state: unknown): boolean {
  return state === 'final' || state === 'error' || state === 'aborted'
}

async function inLanes<A, B>(items: readonly A[], lanes: number, work: (item: A, index: number) => Promise<B>) {
  const done: B[] = []
  const queue = items.entries()
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (const [index, item] of queue) done[index] = await work(item, index)
    }),
  )
  return done
}
