import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type OpenClaw, startOpenClaw } from '../../scripts/openclaw.ts'
import { until } from '../scenarios/until.ts'
import { useDaemon } from '../scenarios/use-daemon.ts'
import { openclawSuite, withoutOpenClaw } from './gateway.ts'

let gateway: OpenClaw
const daemon = useDaemon()

async function open() {
  await daemon.open({
    gatewayUrl: { url: gateway.url, token: gateway.token },
    tenant: { refreshMs: 200 },
    bot: { dm: { policy: 'open' } },
  })
  await until('the gateway link', async () => {
    const { components } = (await daemon.api('/api/status')) as { components: { gateway: { state: string } } }
    return components.gateway.state === 'up'
  })
}

const say = (userid: string, text: string) => daemon.tenant.say({ userid, text })

const questions = [
  {
    id: 'where',
    header: 'Deploy',
    question: 'Where to?',
    options: [
      { label: 'Test', description: 'today' },
      { label: 'Production', description: 'tonight' },
    ],
  },
]

async function asked(userid: string) {
  const bubble = say(userid, `[tool ask_user ${JSON.stringify({ questions })}]`)
  await until('the question in the bubble', () => bubble.text.includes('Where to?'), 60_000)
  return bubble
}

describe.skipIf(withoutOpenClaw)(openclawSuite('openclaw questions'), () => {
  beforeAll(async () => {
    gateway = await startOpenClaw({ configPatch: { tools: { toolSearch: false } } })
  }, 600_000)

  afterAll(() => gateway?.remove())

  test('openclaw: what the agent asks is shown, and a number answers it', async () => {
    await open()
    const bubble = await asked('zhangsan')
    expect(bubble.text).toContain('❓ Deploy：Where to?\n1. Test – today\n2. Production – tonight\n')
    expect((await say('zhangsan', '2').finished).text).toBe('✅ 已转告智能体，它会继续。')
    expect((await bubble.finished).text).toContain('Tool finished')
    expect(JSON.stringify(gateway.model.requests.at(-1))).toContain('Production')
  }, 120_000)

  test('openclaw: a restart of the daemon keeps what is asked', async () => {
    await open()
    const bubble = await asked('lisi')
    await daemon.restart()
    expect((await say('lisi', 'ask wangwu first').finished).text).toBe('✅ 已转告智能体，它会继续。')
    expect((await bubble.finished).text).toContain('Tool finished')
    expect(JSON.stringify(gateway.model.requests.at(-1))).toContain('ask wangwu first')
  }, 120_000)

  test('openclaw: a killed gateway forgets what it asked, and the resumed run answers', async () => {
    await open()
    const bubble = await asked('wangwu')
    await gateway.stop('SIGKILL')
    await gateway.start()
    const { text } = await bubble.finished
    expect(text).toContain('interrupted by a gateway restart')
    expect(text).not.toContain('❓')
    expect((await say('wangwu', '1').finished).text).toContain('echo: 1')
  }, 180_000)
})
