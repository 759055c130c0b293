import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type OpenClaw, startOpenClaw } from '../../scripts/openclaw.ts'
import { isReady, textsOf } from '../scenarios/app-daemon.ts'
import { createTranslator } from '../../src/core/notices/notices.ts'
import { until } from '../scenarios/until.ts'
import { useDaemon } from '../scenarios/use-daemon.ts'
import type { FakeModel } from './fake-model.ts'
import { openclawSuite, withoutOpenClaw } from './gateway.ts'

const say = createTranslator('zh-CN')
const failed = say({ key: 'failed' })
const timedOut = say({ key: 'timeout' })
const logs = 'openclaw logs --follow'
let gateway: OpenClaw
const daemon = useDaemon()

/** A gateway puts a provider that refuses on cooldown, so each of these has a provider, an agent and a user of its own. */
const users = ['auth', 'rate', 'cut', 'hang', 'parent'] as const

function configPatch({ url }: FakeModel): object {
  const model = {
    id: 'm',
    name: 'M',
    reasoning: false,
    input: ['text'],
    cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    contextWindow: 128_000,
    maxTokens: 8192,
  }
  const provider = { baseUrl: url, apiKey: 'x', api: 'openai-completions', models: [model] }
  return {
    tools: { toolSearch: false },
    models: { providers: Object.fromEntries(users.map(id => [id, provider])) },
    agents: { entries: Object.fromEntries(users.map(id => [id, { model: { primary: `${id}/m` } }])) },
  }
}

async function open(runTimeoutMs = 300_000) {
  await daemon.open({
    gatewayUrl: { url: gateway.url, token: gateway.token },
    tenant: { refreshMs: 200, members: [...users] },
    agent: {},
    runTimeoutMs,
    config: { bindings: users.map(id => ({ agentId: id, match: { channel: 'wecom', peer: { kind: 'direct', id } } })) },
  })
  await until('the gateway link', () => isReady(daemon))
}

const posts = () =>
  daemon.tenant.ledger.entries.flatMap(({ kind, text: posted }) => (kind === 'markdown' ? [posted] : []))

/** What a user and an operator read of a question. */
async function outcomeOf([userid, text]: readonly [(typeof users)[number], string]) {
  const bubble = await daemon.tenant.say({ userid, text }).finished
  // The daemon is of this source.
  const { events } = (await daemon.api(`/api/trace/${bubble.callback.msgid}`)) as { events: Record<string, unknown>[] }
  const { cause, error } = events.find(({ kind }) => kind === 'final') ?? {}
  const warning = daemon.log.find(line => line.includes('a question failed') && line.includes(bubble.callback.msgid))
  return { text: bubble.text, cause, error, hint: /on the gateway's host: ([^"]*)/.exec(warning ?? '')?.[1] }
}

describe.skipIf(withoutOpenClaw)(openclawSuite('openclaw failures'), () => {
  beforeAll(async () => {
    gateway = await startOpenClaw({ configPatch })
  }, 600_000)

  afterAll(() => gateway?.remove())

  test('openclaw: a model that hangs ends with our time limit', async () => {
    await open(40_000)
    expect(await outcomeOf(['hang', '[hang]'])).toEqual({
      text: `partial\n\n${timedOut}`,
      cause: 'model_timeout',
      error: undefined,
      hint: logs,
    })
  }, 120_000)

  // The gateway waits 90 s for the rest of a broken answer, and tries a 429 nine times. So all are asked at once.
  test('openclaw: the cause of a failure is in the notice, the trace, the log and the status', async () => {
    await open()
    const asked = [
      ['auth', '[fail 401]'],
      ['rate', '[fail 429]'],
      ['cut', '[cut]'],
    ] as const
    expect(await Promise.all(asked.map(outcomeOf))).toEqual([
      {
        text: failed,
        cause: 'model_auth',
        error: expect.stringContaining('HTTP 401'),
        hint: 'openclaw models status',
      },
      { text: failed, cause: 'model_rate', error: expect.stringContaining('rate limit'), hint: logs },
      { text: `partial\n\n${failed}`, cause: 'model_timeout', error: expect.stringContaining('timed out'), hint: logs },
    ])
    // The daemon is of this source.
    const { failures } = (await daemon.api('/api/status')) as { failures: { cause: string; count: number }[] }
    expect(Object.fromEntries(failures.map(({ cause, count }) => [cause, count]))).toEqual({
      model_auth: 1,
      model_rate: 1,
      model_timeout: 1,
    })
  }, 400_000)

  test('openclaw: what a sub-agent reports comes once, also over a restart of the daemon', async () => {
    await open()
    const spawn = (task: string) => `[tool sessions_spawn ${JSON.stringify({ task })}]`
    await daemon.tenant.say({ userid: 'parent', text: spawn('[say first report]') }).finished
    await until('the first report', () => posts().length > 0, 60_000)
    await daemon.tenant.sayToApp({ userid: 'parent', text: spawn('[long 40 100] [say x]') }).done
    await until('the answer', () => textsOf(daemon, 'parent').length > 0, 60_000)
    await daemon.restart()
    await until('the second report', () => textsOf(daemon, 'parent').length > 1, 90_000)
    expect(posts()).toEqual(['first report'])
    expect(textsOf(daemon, 'parent').slice(1)).toEqual([expect.stringContaining('tok39')])
  }, 240_000)
})
