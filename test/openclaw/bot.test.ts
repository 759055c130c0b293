import { beforeAll, describe, expect, test } from 'bun:test'
import type { OpenClaw } from '../../scripts/openclaw.ts'
import type { TestDaemon } from '../scenarios/daemon.ts'
import { until } from '../scenarios/until.ts'
import { useDaemon } from '../scenarios/use-daemon.ts'
import { connectClient, type Payload } from './client.ts'
import { useFronts } from './front.ts'
import { openclawSuite, restartWithinMs, sharedGateway, withoutOpenClaw } from './gateway.ts'

let gateway: OpenClaw
const daemon = useDaemon()
const openFront = useFronts()
let users = 0

/** Every test uses a new user, so that sessions in the shared gateway stay separate. */
const newUser = () => `user${++users}`
const sessionOf = (userid: string) => `agent:main:wecom:default:direct:${userid}`

async function open(url = gateway.url, token = gateway.token): Promise<TestDaemon> {
  return await daemon.open({ gatewayUrl: { url, token }, tenant: { refreshMs: 200 } })
}

async function openReady(url?: string): Promise<TestDaemon> {
  const opened = await open(url)
  await until('the gateway link', async () => (await linkOf(opened)).state === 'up')
  return opened
}

async function linkOf(opened: TestDaemon, link: 'gateway' | 'admin' = 'gateway'): Promise<Payload> {
  const status = (await opened.api('/api/status')) as { components: Record<typeof link, Payload> }
  return status.components[link]
}

/** The rows of a session in the gateway's history. */
async function rowsOf(userid: string): Promise<readonly Payload[]> {
  const client = await connectClient(gateway)
  const { messages } = await client.request('chat.history', { sessionKey: sessionOf(userid), limit: 100 })
  client.close()
  return messages as readonly Payload[]
}

/** How often the gateway was asked this message: its `<key>:user` rows. */
async function asksOf(userid: string, msgid: string): Promise<number> {
  const rows = await rowsOf(userid)
  return rows.filter(row => row['idempotencyKey'] === `wecom:default:${msgid}:user`).length
}

const words = (count: number) => Array.from({ length: count }, (_, index) => `tok${index}`).join(' ')

describe.skipIf(withoutOpenClaw)(openclawSuite('openclaw'), () => {
  beforeAll(async () => {
    gateway = await sharedGateway()
  }, 600_000)

  test('openclaw: a message is answered, and the answer streams', async () => {
    const { tenant } = await openReady()
    const userid = newUser()
    const bubble = await tenant.say({ userid, text: '你好 [long 20 100]' }).finished
    expect(bubble.text).toBe(words(20))
    expect(new Set(bubble.frames.map(frame => frame.content)).size).toBeGreaterThan(4)
    expect(tenant.violations()).toEqual([])
    expect(await asksOf(userid, bubble.callback.msgid)).toBe(1)
  })

  test('openclaw: a second message is asked afterwards, with its own key', async () => {
    const { tenant } = await openReady()
    const userid = newUser()
    const first = tenant.say({ userid, text: '[long 20 100]' })
    await until('the first text', () => first.text.startsWith('tok'))
    const second = await tenant.say({ userid, text: '[say second answer]' }).finished
    expect(first.text).toBe(words(20))
    expect(second.text).toBe('second answer')
    expect(await asksOf(userid, second.callback.msgid)).toBe(1)
  })

  test('openclaw: a session busy with another client is shown and waited for', async () => {
    const { tenant } = await openReady()
    const userid = newUser()
    const other = await connectClient(gateway)
    await other.request('chat.send', {
      sessionKey: sessionOf(userid),
      message: '[long 80 100]',
      idempotencyKey: `other-${userid}`,
    })
    const bubble = tenant.say({ userid, text: '[say mine]' })
    await until('the busy line', () => bubble.text.includes('智能体正忙'))
    await bubble.finished
    expect(bubble.text).toBe('mine')
    const theirs = await other.event(payload => payload['runId'] === `other-${userid}` && payload['state'] === 'final')
    expect(JSON.stringify(theirs)).not.toContain('mine')
    expect(await asksOf(userid, bubble.callback.msgid)).toBe(1)
    other.close()
  })

  test("openclaw: another client's message in mid run does not cut the answer", async () => {
    const { tenant } = await openReady()
    const userid = newUser()
    const bubble = tenant.say({ userid, text: '[long 40 100]' })
    await until('the first text', () => bubble.text.startsWith('tok'))
    const other = await connectClient(gateway)
    await other.request('chat.send', {
      sessionKey: sessionOf(userid),
      message: '[say theirs]',
      idempotencyKey: `steer-${userid}`,
    })
    await bubble.finished
    expect(bubble.text.startsWith(words(40))).toBe(true)
    other.close()
  })

  test('openclaw: after a broken connection the same bubble continues', async () => {
    const front = openFront(gateway.url)
    const { tenant } = await openReady(front.url)
    const userid = newUser()
    const bubble = tenant.say({ userid, text: '[long 60 100]' })
    await until('the first text', () => bubble.text.startsWith('tok'))
    front.cut()
    await bubble.finished
    expect(bubble.text).toBe(words(60))
    expect(await asksOf(userid, bubble.callback.msgid)).toBe(1)
  })

  test('openclaw: failed, empty and long answers are delivered', async () => {
    const { tenant } = await openReady()
    const failed = await tenant.say({ userid: newUser(), text: '[fail 400]' }).finished
    const long = await tenant.say({ userid: newUser(), text: '[big 12000]' }).finished
    expect(failed.text).toContain('出错')
    expect(Buffer.byteLength(long.text)).toBe(12_000)
  })

  test('openclaw: a failed answer leaves its cause in trace and status', async () => {
    const opened = await openReady()
    const { callback, text } = await opened.tenant.say({ userid: newUser(), text: '[fail 400]' }).finished
    expect(text).toContain('出错')
    const { events } = (await opened.api(`/api/trace/${callback.msgid}`)) as { events: Payload[] }
    expect(events.find(({ kind }) => kind === 'final')).toMatchObject({
      cause: 'model_error',
      error: expect.stringContaining('LLM request failed'),
    })
    expect(await opened.api('/api/status')).toMatchObject({ failures: [{ cause: 'model_error', count: 1 }] })
  })

  test(
    'openclaw: on SIGTERM the gateway finishes the answer first',
    async () => {
      const { tenant } = await openReady()
      const userid = newUser()
      const bubble = tenant.say({ userid, text: '[long 30 100]' })
      await until('the first text', () => bubble.text.startsWith('tok'))
      await gateway.stop('SIGTERM')
      await gateway.start()
      await bubble.finished
      expect(bubble.text).toBe(words(30))
      expect(await asksOf(userid, bubble.callback.msgid)).toBe(1)
    },
    restartWithinMs,
  )

  test(
    'openclaw: after SIGKILL the gateway resumes the turn; no second ask',
    async () => {
      const opened = await openReady()
      const userid = newUser()
      const bubble = opened.tenant.say({ userid, text: '[long 150 100]' })
      await until('the first text', () => bubble.text.startsWith('tok'))
      await gateway.stop('SIGKILL')
      const waiting = opened.tenant.say({ userid: newUser(), text: '[say I waited]' })
      await gateway.start()
      await Promise.all([bubble.finished, waiting.finished])
      expect(bubble.text).not.toContain('⚠️')
      expect(waiting.text).toBe('I waited')
      expect(await asksOf(userid, bubble.callback.msgid)).toBe(1)
      const trace = JSON.stringify(await opened.api(`/api/trace/${bubble.callback.msgid}`))
      expect(trace).toContain('"resumed"')
    },
    restartWithinMs,
  )

  test('openclaw: a wrong token shows a hint, and the message waits', async () => {
    const opened = await open(gateway.url, 'wrong-token-0123456789')
    const link = await until('the refusal', async () => {
      const found = await linkOf(opened)
      return found['state'] === 'refused' ? found : undefined
    })
    expect(link['reason']).toContain('AUTH_TOKEN_MISMATCH')
    expect(link['hint']).toContain('gateway.token')
    const bubble = opened.tenant.say({ userid: newUser(), text: 'hi' })
    await until('the offline line', () => bubble.text.includes('连接不上'))
  })

  test('openclaw: a remote daemon waits for pairing and shows the command', async () => {
    const front = openFront(gateway.url, { 'x-forwarded-for': '203.0.113.7' })
    const opened = await open(front.url)
    const link = await until('the pairing state', async () => {
      const found = await linkOf(opened)
      return found['state'] === 'pairing' ? found : undefined
    })
    const requestId = /openclaw devices approve (\S+)/.exec(String(link['hint']))?.[1]
    const approved = await gateway.cli('devices', 'approve', requestId ?? '')
    expect(approved.code).toBe(0)
    await until('the link', async () => (await linkOf(opened))['state'] === 'up')
    expect(await linkOf(opened)).toMatchObject({ scopes: 'operator.read operator.write operator.questions' })
    await until('the admin link', async () => (await linkOf(opened, 'admin'))['state'] === 'up')
    expect(await linkOf(opened, 'admin')).toMatchObject({ scopes: 'operator.admin' })
    const bubble = await opened.tenant.say({ userid: newUser(), text: '[say paired]' }).finished
    expect(bubble.text).toBe('paired')
  })
})
