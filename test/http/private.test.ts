import { beforeAll, describe, expect, test } from 'bun:test'
import { until } from '../scenarios/until.ts'
import { shareDaemon } from '../scenarios/use-daemon.ts'

const daemon = shareDaemon()
const user = 'ZhangSan007'
const chat = 'wrSecretGroup42'
const words = '绝密的计划'
const msgids: string[] = []

/** Some of everything: answers, a failed run, a handover, a group message, a callback with a wrong signature. */
beforeAll(async () => {
  await daemon.open({ bot: { stream: { windowMs: 2_500, handoverMs: 1_000 }, welcomeText: '欢迎' } })
  const { tenant } = daemon
  await until('the gateway link', async () => (await fetch(`${daemon.app.privateUrl}/readyz`)).status === 200)
  await tenant.enterChat(user)
  const say = async (text: string, chatid?: string) => {
    const bubble = await tenant.say({ userid: user, text, ...(chatid !== undefined && { chatid }) }).finished
    msgids.push(bubble.msgid)
  }
  await Promise.all([say(`[long 3 20] ${words}`), say(`@助手 [long 3 20] ${words}`, chat)])
  await say(`[fail] ${words}`)
  await say(`[slow 1800] ${words}`)
  await until('the answer by response_url', () => tenant.responses.posts.length === 1)
  await tenant.rawPost('{"encrypt":"x"}', `msg_signature=x&timestamp=${Math.floor(daemon.clock.now() / 1000)}&nonce=n`)
})

async function ask(path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET', body?: string) {
  const response = await fetch(`${daemon.app.privateUrl}${path}`, { method, headers, ...(body && { body }) })
  const text = await response.text()
  return { status: response.status, text, type: response.headers.get('content-type') ?? '', headers: response.headers }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const admin = bearer('admin-token')

describe('without a token', () => {
  test('private: healthz answers while the process runs', async () => {
    expect(await ask('/healthz')).toMatchObject({ status: 200, text: '{"alive":true}' })
  })

  test('private: readyz is 200 with the state of each component', async () => {
    const { status, text } = await ask('/readyz')
    expect([status, JSON.parse(text)]).toMatchObject([
      200,
      { ready: true, components: { store: { state: 'up' }, gateway: { state: 'up' }, admin: { state: 'up' } } },
    ])
  })

  test('private: metrics are in Prometheus format and need no token', async () => {
    const { status, type } = await ask('/metrics')
    expect([status, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  })
})

describe('the token', () => {
  const wrong: readonly [string, Record<string, string>][] = [
    ['no header', {}],
    ['an empty header', { authorization: '' }],
    ['another token', bearer('admin-tokem')],
    ['a longer token', bearer('admin-token1')],
    ['a part of the token', bearer('admin')],
    ['an empty token', { authorization: 'Bearer ' }],
    ['the token without its scheme', { authorization: 'admin-token' }],
    ['another scheme', { authorization: 'Basic admin-token' }],
  ]
  for (const [what, headers] of wrong) {
    test(`private: the API rejects ${what}`, async () => {
      for (const path of ['/api/status', '/api/trace/x']) {
        const { status, type, text } = await ask(path, headers)
        expect([status, type]).toEqual([401, 'application/json;charset=utf-8'])
        expect(JSON.parse(text)).toEqual({
          error: {
            code: 'unauthorized',
            message: 'missing or wrong bearer token',
            hint: 'the token is admin.token, or in the file admin-token of the state folder',
          },
        })
      }
    })
  }

  const ways: readonly [method: string, path: string, body?: string][] = [
    ['POST', '/api/send', JSON.stringify({ to: 'user:a', text: 'x' })],
    ['POST', '/api/send', '{ no JSON'],
    ['POST', '/api/send', '{}'],
    ['GET', '/api/deliveries/x'],
    ['GET', '/api/dead'],
    ['POST', '/api/dead/x/retry'],
    ['DELETE', '/api/dead/x'],
  ]
  for (const [method, path, body] of ways) {
    test(`private: ${method} ${path} ${body ?? ''} checks the token first`, async () => {
      for (const headers of [{}, bearer('admin-tokem')]) {
        const { status, text } = await ask(path, { 'content-type': 'application/json', ...headers }, method, body)
        expect([status, JSON.parse(text).error.code]).toEqual([401, 'unauthorized'])
      }
    })
  }

  test('private: the scheme is case-insensitive, the token is not', async () => {
    expect((await ask('/api/status', { authorization: 'bearer admin-token' })).status).toBe(200)
    expect((await ask('/api/status', bearer('ADMIN-TOKEN'))).status).toBe(401)
  })

  test('private: a token in the URL is not accepted', async () => {
    expect((await ask('/api/status?token=admin-token&access_token=admin-token')).status).toBe(401)
  })
})

describe('errors', () => {
  const nowhere = ['/', '/api', '/api/', '/api/nothing', '/api/trace', '/healthz/x', '/wecom', '/favicon.ico']
  for (const path of nowhere) {
    test(`private: ${path} is a 404 with an error body`, async () => {
      const { status, text } = await ask(path, admin)
      expect([status, JSON.parse(text)]).toEqual([
        404,
        { error: { code: 'not_found', message: expect.any(String), hint: expect.any(String) } },
      ])
    })
  }

  test('private: an overlong id is rejected and not repeated', async () => {
    const { status, text } = await ask(`/api/trace/${'x'.repeat(400)}`, admin)
    expect([status, JSON.parse(text).error.code, text.includes('xxx')]).toEqual([400, 'bad_request', false])
  })

  test('private: an unknown id is a 404 with a hint, whatever its characters', async () => {
    for (const id of ['unknown', '%00', '%', 'a%2Fb', "x' OR 1=1 --", '__proto__', '你好']) {
      const { status, text } = await ask(`/api/trace/${id}`, admin)
      expect([status, JSON.parse(text).error]).toEqual([
        404,
        {
          code: 'not_found',
          message: 'unknown id',
          hint: 'use a msgid, an idempotencyKey, or the id of a turn or delivery',
        },
      ])
    }
  })
})

describe('reports', () => {
  test('private: status lists the accounts with their activity', async () => {
    const { status, text } = await ask('/api/status', admin)
    const body = JSON.parse(text)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      version: 'test',
      node: expect.any(String),
      startedAt: expect.any(Number),
      ready: true,
      turns: { open: 0, waiting: 0, asking: 0 },
      outbox: { queued: 0, held: 0 },
      dead: 0,
      config: { loadedAt: expect.any(Number) },
    })
    expect(body.accounts).toMatchObject([
      {
        id: 'default',
        enabled: true,
        bot: {
          paths: ['/wecom', '/wecom/bot', '/wecom/bot/default'],
          lastCallbackAt: expect.any(Number),
          lastSignatureFailureAt: expect.any(Number),
          counts: { message: 4, enter: 1, refresh: expect.any(Number), unreadable: 1 },
        },
      },
    ])
  })

  test('private: trace by msgid and by turn is the same, without the text', async () => {
    const [msgid = ''] = msgids
    const byMsgid = await ask(`/api/trace/${msgid}`, admin)
    const trace = JSON.parse(byMsgid.text)
    expect(trace).toMatchObject({ sender: user, conversation: `direct:${user}`, account: 'default', end: 'answered' })
    const kinds = trace.events.map((event: { kind: string }) => event.kind)
    expect(kinds).toEqual(expect.arrayContaining(['received', 'asked', 'first_text', 'chunks', 'final', 'ended']))
    expect([kinds[0], kinds.at(-1)]).toEqual(['received', 'ended'])
    const times = trace.events.map((event: { at: number }) => event.at)
    expect(times).toEqual(times.toSorted((a: number, b: number) => a - b))
    expect((await ask(`/api/trace/${encodeURIComponent(trace.id)}`, admin)).text).toBe(byMsgid.text)
    expect(byMsgid.text).not.toContain(words)
  })

  test('private: trace by delivery is the trace of its turn', async () => {
    const { text } = await ask(`/api/trace/${msgids.at(-1)}`, admin)
    const attempt = JSON.parse(text).events.find((event: { kind: string }) => event.kind === 'attempt')
    expect(attempt).toMatchObject({ route: 'response_url', outcome: 'delivered', errcode: 0 })
    expect((await ask(`/api/trace/${encodeURIComponent(attempt.delivery)}`, admin)).text).toBe(text)
  })

  const metrics = [
    'wecomd_callbacks_total{account="default",surface="bot",kind="message",result="ok"} 4',
    'wecomd_callbacks_total{account="default",surface="bot",kind="enter",result="ok"} 1',
    'wecomd_callback_seconds_count',
    'wecomd_turns{state="waiting"} 0',
    'wecomd_turn_ends_total{end="answered"} 3',
    'wecomd_turn_ends_total{end="failed"} 1',
    'wecomd_first_text_seconds_count',
    'wecomd_answer_seconds_count 4',
    'wecomd_outbox{state="queued"} 0',
    'wecomd_attempts_total{route="response_url",outcome="delivered"} 1',
    'wecomd_dead_letters 0',
    'wecomd_gateway_up{link="users"} 1',
    'wecomd_gateway_up{link="admin"} 1',
    'wecomd_signature_failures_total{account="default"} 1',
  ]
  for (const line of metrics) {
    test(`private: metrics include ${line}`, async () => {
      expect((await ask('/metrics')).text).toContain(`\n${line}`)
    })
  }
})

describe('privacy', () => {
  test('private: metrics contain no user, group or message', async () => {
    const { text } = await ask('/metrics')
    for (const secret of [user, user.toLowerCase(), chat, words, ...msgids]) expect(text).not.toContain(secret)
  })

  test('private: the debug log contains no user, text or secret', () => {
    const log = daemon.log.join('\n')
    const secrets = [user, user.toLowerCase(), chat, chat.toLowerCase(), words, '欢迎', 'response_code', 'admin-token"']
    for (const secret of secrets) expect(log).not.toContain(secret)
    expect(log).toContain('"msg":"listening"')
  })

  test('private: a failed question is a warning with its cause, each finished one an info line', () => {
    const lines = daemon.log.map(line => JSON.parse(line))
    const failed = msgids.at(2)
    expect(lines.filter(({ msg }) => msg === 'a question failed')).toMatchObject([
      { level: 'warn', turn: `wecom:default:${failed}`, account: 'default', cause: 'model_error' },
    ])
    const finished = lines.filter(({ msg }) => msg === 'turn finished')
    expect(finished.map(({ level, end }) => `${level} ${end}`).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'info answered',
      'info answered',
      'info answered',
      'info failed',
    ])
  })

  test('private: the failure is counted by cause in status, and its trace has the words of the gateway', async () => {
    const status = JSON.parse((await ask('/api/status', admin)).text)
    expect(status.failures).toEqual([{ cause: 'model_error', count: 1 }])
    const { events } = JSON.parse((await ask(`/api/trace/${msgids.at(2)}`, admin)).text)
    expect(events).toContainEqual(
      expect.objectContaining({
        kind: 'final',
        cause: 'model_error',
        error: 'LLM request failed: the echo agent was told to fail.',
      }),
    )
  })

  test('private: responses do not reveal the software', async () => {
    for (const path of ['/healthz', '/api/status', '/api/nothing']) {
      const names = [...(await ask(path)).headers.keys()].toSorted()
      expect(names).toEqual(['content-length', 'content-type', 'date'])
    }
  })
})
