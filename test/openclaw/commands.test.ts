import { beforeAll, describe, expect, test } from 'bun:test'
import type { OpenClaw } from '../../scripts/openclaw.ts'
import { untilAdmin } from '../scenarios/daemon.ts'
import { until } from '../scenarios/until.ts'
import { useDaemon } from '../scenarios/use-daemon.ts'
import { connectClient, type Payload } from './client.ts'
import { useFronts } from './front.ts'
import { openclawSuite, sharedGateway, withoutOpenClaw } from './gateway.ts'
import { methodsOf, Recorder } from './recorder.ts'

let gateway: OpenClaw
const daemon = useDaemon()
const openFront = useFronts()
let users = 0

const newUser = () => `commander${++users}`

/** Every user may use commands; both links are up. */
async function open(url = gateway.url): Promise<(userid: string, text: string) => Promise<string>> {
  await daemon.open({
    gatewayUrl: { url, token: gateway.token },
    tenant: { refreshMs: 200 },
    bot: { dm: { policy: 'open' } },
  })
  await untilAdmin(daemon)
  return async (userid, text) => (await daemon.tenant.say({ userid, text }).finished).text
}

async function rowsOf(userid: string): Promise<readonly unknown[]> {
  const client = await connectClient(gateway)
  const sessionKey = `agent:main:wecom:default:direct:${userid}`
  const { messages } = await client.request('chat.history', { sessionKey, limit: 100 })
  client.close()
  return (messages as readonly Payload[]).map(({ role, content }) => (role === 'user' ? content : role))
}

/** The model's latest request that contains this text. */
const requestOf = (text: string) => gateway.model.requests.findLast(({ said }) => said === text)

/** The earlier messages in the model's latest request with this text. */
const readBy = (text: string) =>
  requestOf(text)
    ?.messages.filter(({ role }) => role !== 'system')
    .map(message => message.text)

describe.skipIf(withoutOpenClaw)(openclawSuite('openclaw commands'), () => {
  beforeAll(async () => {
    gateway = await sharedGateway()
  }, 600_000)

  test('openclaw: /new starts a session without the earlier conversation', async () => {
    const say = await open()
    const userid = newUser()
    expect(await say(userid, '/new')).toBe('✅ 已开始新的会话。')
    await say(userid, '[say one] before')
    expect(await say(userid, '/new')).toBe('✅ 已开始新的会话。')
    expect(await rowsOf(userid)).toEqual(['system'])
    expect(await say(userid, '[say two] after')).toBe('two')
    expect(readBy('[say two] after')).toEqual([expect.stringContaining('[say two] after')])
    expect(await say(userid, '/reset [say three] at once')).toBe('✅ 已开始新的会话。\n\nthree')
    expect(await rowsOf(userid)).toEqual(['system', '[say three] at once', 'assistant'])
  })

  test('openclaw: /stop ends a long answer, /new also drops queued questions', async () => {
    const say = await open()
    const userid = newUser()
    const start = async (text: string) => {
      const bubble = daemon.tenant.say({ userid, text })
      await until('the first text', () => bubble?.text.startsWith('tok'))
      return bubble
    }
    const stopped = await start('[long 300 100] a')
    expect(await say(userid, '/stop')).toBe('⏹ 已停止。')
    expect((await stopped?.finished)?.text).toMatch(/^tok0[^]*已停止/)
    await until('the model to be left', () => requestOf('[long 300 100] a')?.aborted)
    const renewed = await start('[long 300 100] b')
    const joined = daemon.tenant.say({ userid, text: '[say never]' })
    await until('it to wait', () => joined?.frames.length !== 0)
    const waiting = daemon.tenant.say({ userid, text: '[say nor this]' })
    await until('the other to wait', () => waiting?.frames.length !== 0)
    expect((await joined?.finished)?.text).toBe('已与你的下一条消息一起回答。')
    expect(await say(userid, '/new')).toBe('✅ 已开始新的会话。')
    expect((await renewed?.finished)?.text).toMatch(/^tok0[^]*已停止/)
    expect((await waiting?.finished)?.text).toContain('已停止')
    expect(await say(userid, '[say next]')).toBe('next')
    expect(await rowsOf(userid)).toEqual(['system', '[say next]', 'assistant'])
    const left = gateway.model.requests.map(({ said }) => said).filter(said => /\[say (?:never|nor this)\]/.test(said))
    expect(left).toEqual([])
  })

  test('openclaw: /status and /model work, and the next question uses the model', async () => {
    const say = await open()
    const userid = newUser()
    expect(await say(userid, '/status')).toContain('🧠 Model: fake/fake-1')
    expect(await say(userid, '/model fake/fake-2')).toStartWith('Model set to fake/fake-2 for this session only')
    expect(await say(userid, `[say ok] ${userid}`)).toBe('ok')
    expect(requestOf(`[say ok] ${userid}`)?.model).toBe('fake-2')
    expect(await say(userid, '/think off\n/model fake/fake-1')).not.toContain('Model set')
    expect(await say(userid, '/status')).toContain('🧠 Model: fake/fake-2')
    await say(userid, '/new')
    expect(await say(userid, '/status')).toContain('🧠 Model: fake/fake-2')
  })

  test('openclaw: user text is never sent over a link with admin scope', async () => {
    const recorder = new Recorder()
    const front = openFront(gateway.url, {}, recorder.onFrame)
    const say = await open(front.url)
    const userid = newUser()
    for (const text of ['canary [say a]', '/status canary', '/new canary [say b]', '/model canary', '/reset']) {
      await say(userid, text)
    }
    const withCanary = (frames: readonly string[]) => frames.filter(text => text.includes('canary'))
    expect(methodsOf(recorder.admins())).toEqual(['connect', 'sessions.reset'])
    expect(recorder.admins().flatMap(({ sent }) => withCanary(sent))).toEqual([])
    expect(recorder.users().flatMap(({ sent }) => withCanary(sent))).toHaveLength(4)
    expect(recorder.users().map(({ scopes }) => scopes)).toEqual([
      ['operator.read', 'operator.write', 'operator.questions'],
    ])
  })
})
