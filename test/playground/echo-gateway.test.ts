import { afterEach, expect, test } from 'bun:test'
import { bigAnswer, longAnswer } from '../../src/playground/gateway/runs/script.ts'
import { ask, clientOf, closeAll, gatewayWith, linked, session, token } from './echo-rig.ts'
import { textOf } from './gateway-client.ts'

afterEach(closeAll)

test('echo gateway: a message is answered in cumulative snapshots', async () => {
  const { gateway, client } = await linked()
  const ack = await ask(client, 'k1', '[long 12 20]')
  expect(ack.payload).toEqual({ runId: 'k1', status: 'started' })
  const final = await client.chat('k1', 'final')
  expect(textOf(final)).toBe(longAnswer(12))
  const chats = client.chats('k1')
  expect(chats.map(frame => frame.payload?.['seq'])).toEqual(chats.map((_, index) => index + 1))
  const texts = chats.filter(frame => frame.payload?.['state'] === 'delta').map(textOf)
  expect(texts.length).toBeGreaterThanOrEqual(3)
  for (const text of texts) expect(longAnswer(12).startsWith(String(text))).toBe(true)
  expect(chats.every(frame => frame.payload?.['sessionKey'] === session.toLowerCase())).toBe(true)
  expect(gateway.asks().map(asked => asked.key)).toEqual(['k1'])
})

test('echo gateway: events are numbered from 1 per connection', async () => {
  const { client } = await linked()
  await ask(client, 'k1', '[long 5 20]')
  await client.chat('k1', 'final')
  const numbers = client.frames.flatMap(frame => frame.seq ?? [])
  expect(numbers).toEqual(numbers.map((_, index) => index + 1))
})

test('echo gateway: the history has the message and its answer', async () => {
  const { client } = await linked()
  await ask(client, 'k1', '[big 3000]')
  await client.chat('k1', 'final')
  const { payload } = await client.request('chat.history', { sessionKey: session, limit: 10 })
  expect(payload?.['messages']).toMatchObject([
    { role: 'user', content: '[big 3000]', idempotencyKey: 'k1:user' },
    { role: 'assistant', content: [{ type: 'text', text: bigAnswer(3000) }], __openclaw: { runId: 'k1' } },
  ])
  expect(Buffer.byteLength(bigAnswer(3000))).toBe(3000)
})

test('echo gateway: a repeated key is in_flight, then ok, or a conflict', async () => {
  const { gateway, client } = await linked()
  await ask(client, 'k1', '[long 4 20]')
  expect((await ask(client, 'k1', '[long 4 20]')).payload?.['status']).toBe('in_flight')
  await client.chat('k1', 'final')
  expect((await ask(client, 'k1', '[long 4 20]')).payload?.['status']).toBe('ok')
  expect((await ask(client, 'k1', 'other')).error).toMatchObject({
    code: 'INVALID_REQUEST',
    details: { reason: 'chat-request-conflict' },
  })
  expect(gateway.asks()).toHaveLength(1)
})

test('echo gateway: errors, empty answers and tool events match OpenClaw', async () => {
  const { client } = await linked()
  await ask(client, 'k1', '[fail]')
  await client.frame(
    ({ payload }) => payload?.['runId'] === 'k1' && payload['state'] === 'error' && payload['seq'] === 1,
  )
  expect(client.chats('k1').filter(frame => frame.payload?.['state'] === 'error')).toHaveLength(2)
  await ask(client, 'k2', '[empty]')
  expect((await client.chat('k2', 'final')).payload).not.toHaveProperty('message')
  await ask(client, 'k3', '[tool][long 2 10]')
  expect(textOf(await client.chat('k3', 'final'))).toBe(longAnswer(2))
  expect(client.frames.some(frame => frame.event === 'agent' && frame.payload?.['stream'] === 'tool')).toBe(true)
})

test('echo gateway: a directive anywhere in a message never reaches the agent', async () => {
  const { gateway, client } = await linked()
  for (const [index, message] of ['/compact', 'hi /think high', '[lisi]\n/EXEC ls'].entries()) {
    await ask(client, `k${index}`, message)
    expect(textOf(await client.chat(`k${index}`, 'final'))).toStartWith('⚙️ /')
  }
  expect(gateway.asks()).toEqual([])
  await ask(client, 'path', '/etc/hosts [long 2 1]')
  expect(textOf(await client.chat('path', 'final'))).toBe(longAnswer(2))
})

test('echo gateway: a command is answered at once and without a run', async () => {
  const { client } = await linked()
  const answerTo = async (key: string, message: string) => {
    await ask(client, key, message)
    const final = await client.chat(key, 'final')
    expect(final.payload?.['seq']).toBe(1)
    return textOf(final)
  }
  expect(await answerTo('k1', '/status')).toContain('🧠 Model: echo/echo-1\n')
  expect(await answerTo('k2', '/model other')).toStartWith('Model set to other for this session only')
  expect(await answerTo('k3', '/STATUS')).toContain('🧠 Model: other\n')
  const { payload } = await client.request('chat.history', { sessionKey: session })
  const rows = payload?.['messages'] as readonly Record<string, unknown>[]
  expect(rows.slice(2, 4)).toMatchObject([
    { role: 'user', content: '/model other', idempotencyKey: 'k2:user' },
    { role: 'assistant', model: 'gateway-injected', idempotencyKey: 'k2', stopReason: 'stop' },
  ])
  expect(rows[3]?.['__openclaw']).not.toHaveProperty('runId')
})

test('echo gateway: an abort is an event before its response', async () => {
  const { client } = await linked()
  await ask(client, 'k1', '[hang]')
  await client.chat('k1', 'delta')
  const answer = await client.request('chat.abort', { sessionKey: session, runId: 'k1' })
  expect(answer.payload).toEqual({ ok: true, aborted: true, runIds: ['k1'] })
  const aborted = await client.chat('k1', 'aborted')
  expect(textOf(aborted)).toBe('partial ')
  expect(client.frames.indexOf(aborted)).toBeLessThan(client.frames.indexOf(answer))
  expect((await client.request('chat.abort', { sessionKey: session })).payload?.['aborted']).toBe(false)
})

test('echo gateway: a second message joins the run, a followup gets its own', async () => {
  const { client } = await linked()
  await ask(client, 'k1', '[long 3 30]')
  await ask(client, 'k2', '[long 2 10]')
  expect((await client.chat('k2', 'final')).payload).toMatchObject({ seq: 1 })
  await ask(client, 'k3', '[big 40]', { queueMode: 'followup' })
  expect((await client.chat('k3', 'final')).payload).not.toHaveProperty('message')
  expect(textOf(await client.chat('k1', 'final'))).toBe(`${longAnswer(3)}\n\n${longAnswer(2)}`)
  const followed = await client.frame(frame => frame.payload?.['state'] === 'final' && textOf(frame) === bigAnswer(40))
  expect(followed.payload?.['runId']).not.toBe('k3')
})

test('echo gateway: after a disconnect, a client finds the run in flight', async () => {
  const { gateway, client } = await linked()
  await ask(client, 'k1', '[long 10 30]')
  await client.chat('k1', 'delta')
  gateway.dropConnections()
  expect((await client.closed).code).toBe(1006)
  const again = clientOf(gateway)
  await again.connect(token)
  const { payload } = await again.request('chat.history', { sessionKey: session })
  expect(payload).toMatchObject({ inFlightRun: { runId: 'k1' }, sessionInfo: { activeRunIds: ['k1'] } })
  expect((await again.request('agent.wait', { runId: 'k1', timeoutMs: 1 })).payload?.['status']).toBe('timeout')
  expect((await again.request('agent.wait', { runId: 'k1', timeoutMs: 5000 })).payload).toMatchObject({
    status: 'ok',
    terminalReply: { disposition: 'visible', text: longAnswer(10) },
  })
})

test('echo gateway: a killed gateway keeps the history and resumes the turn', async () => {
  const { gateway, client } = await linked({ resumeAfterMs: 20 })
  await ask(client, 'k1', '[long 10 30]')
  await client.chat('k1', 'delta')
  const before = gateway.bootId()
  await gateway.kill()
  expect((await client.closed).code).toBe(1006)
  gateway.start()
  const again = clientOf(gateway)
  const hello = await again.connect(token)
  expect(hello.payload?.['server']).toMatchObject({ bootId: gateway.bootId() })
  expect(gateway.bootId()).not.toBe(before)
  const final = await again.frame(frame => frame.payload?.['state'] === 'final')
  expect(final.payload?.['runId']).not.toBe('k1')
  expect(textOf(final)).toBe(longAnswer(10))
  const rows = gateway.history(session)
  expect(rows.map(row => row.role)).toEqual(['user', 'user', 'assistant'])
  expect(rows[1]?.content).toStartWith('[System] Your previous turn was interrupted by a gateway restart')
  expect((await ask(again, 'k1', '[long 10 30]')).payload?.['status']).toBe('started')
})

test('echo gateway: a kill before the user row loses the message', async () => {
  const { gateway, client } = await linked({ rowAfterMs: 60_000 })
  await ask(client, 'k1', 'hello')
  const { payload } = await client.request('chat.history', { sessionKey: session })
  expect(payload).toMatchObject({
    messages: [],
    inFlightRun: { runId: 'k1', text: '' },
    sessionInfo: { hasActiveRun: true },
  })
  await gateway.kill()
  gateway.start()
  const again = clientOf(gateway)
  await again.connect(token)
  const after = await again.request('chat.history', { sessionKey: session })
  expect(after.payload).toMatchObject({
    messages: [],
    sessionInfo: { hasActiveRun: false },
    pendingInputs: { total: 0 },
  })
  expect((await ask(again, 'k1', 'hello')).payload?.['status']).toBe('started')
})

test('echo gateway: a key without a row at the kill cannot be used again', async () => {
  const { gateway, client } = await linked()
  await ask(client, 'k1', '[hang]')
  await client.chat('k1', 'delta')
  await ask(client, 'k2', 'later', { queueMode: 'followup' })
  await gateway.kill()
  gateway.start()
  const again = clientOf(gateway)
  await again.connect(token)
  const { payload } = await again.request('chat.history', { sessionKey: session })
  expect(payload?.['pendingInputs']).toMatchObject({ items: [{ runId: 'k2', state: 'interrupted' }] })
  const refused = await ask(again, 'k2', 'later', { queueMode: 'interrupt' })
  expect(refused.error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('ownership ended') })
  expect((await ask(again, 'k2#2', '[big 40]', { queueMode: 'interrupt' })).payload?.['status']).toBe('started')
  expect(textOf(await again.chat('k2#2', 'final'))).toBe(bigAnswer(40))
})

test('echo gateway: the history truncates long texts by maxChars', async () => {
  const { client } = await linked()
  await ask(client, 'k1', '[big 30000]')
  const whole = textOf(await client.chat('k1', 'final')) ?? ''
  expect(whole).toBe(bigAnswer(30_000))
  const cut = await client.request('chat.history', { sessionKey: session })
  expect(JSON.stringify(cut.payload)).toContain('...(truncated)...')
  const full = await client.request('chat.history', { sessionKey: session, maxChars: 500_000 })
  expect(full.payload?.['messages']).toMatchObject([{}, { content: [{ text: whole }] }])
  const waited = await client.request('agent.wait', { runId: 'k1' })
  expect(waited.payload?.['terminalReply']).toEqual({ disposition: 'visible', text: whole.slice(0, 4096) })
  const messageId = 'row-k1'
  const got = await client.request('chat.message.get', { sessionKey: session, messageId, maxChars: 2_000_000 })
  expect(got.payload).toMatchObject({ ok: true, message: { content: [{ text: whole }] } })
})

test('echo gateway: a run longer than the drain is resumed by the next boot', async () => {
  const { gateway, client } = await linked({ drainMs: 10, resumeAfterMs: 1 })
  await ask(client, 'k1', '[long 12 20]')
  await client.chat('k1', 'delta')
  await gateway.stop()
  const aborted = await client.chat('k1', 'aborted')
  expect(aborted.payload).toMatchObject({ stopReason: 'restart' })
  const shutdown = client.frames.findIndex(frame => frame.event === 'shutdown')
  expect(client.frames.indexOf(aborted)).toBeGreaterThan(shutdown)
  gateway.start()
  const again = clientOf(gateway)
  await again.connect(token)
  expect(textOf(await again.frame(frame => frame.payload?.['state'] === 'final'))).toBe(longAnswer(12))
})

test('echo gateway: while draining, requests are rejected with a retry time', async () => {
  const { gateway, client } = await linked()
  await ask(client, 'k1', '[long 10 20]')
  await client.chat('k1', 'delta')
  const stopped = gateway.stop()
  const { error } = await client.request('chat.history', { sessionKey: session })
  expect(error).toMatchObject({ code: 'UNAVAILABLE', retryAfterMs: 1000, details: { reason: 'gateway-restarting' } })
  await stopped
  expect(textOf(await client.chat('k1', 'final'))).toBe(longAnswer(10))
})

test('echo gateway: a queued message is pending and ends with an empty final', async () => {
  const { client } = await linked()
  await ask(client, 'k1', '[hang]')
  await ask(client, 'k2', '[big 50]', { queueMode: 'followup' })
  expect((await client.request('agent.wait', { runId: 'k2' })).payload).toMatchObject({ status: 'pending' })
  const { payload } = await client.request('chat.history', { sessionKey: session })
  expect(payload?.['pendingInputs']).toMatchObject({ items: [{ runId: 'k2', state: 'queued' }], total: 1 })
  await client.request('chat.abort', { sessionKey: session })
  await client.frame(frame => frame.payload?.['state'] === 'final' && textOf(frame) === bigAnswer(50))
  expect((await client.request('agent.wait', { runId: 'k2' })).payload).not.toHaveProperty('terminalReply')
})

test('echo gateway: a reset removes all earlier rows', async () => {
  const gateway = gatewayWith()
  const client = clientOf(gateway)
  await client.connect(token, { scopes: ['operator.read', 'operator.write', 'operator.admin'] })
  await ask(client, 'k1', '[big 40]')
  await client.chat('k1', 'final')
  await client.request('sessions.reset', { key: session, reason: 'new' })
  expect(gateway.history(session).map(row => row.role)).toEqual(['system'])
})

test('echo gateway: a reset aborts the run and ignores an unknown session', async () => {
  const gateway = gatewayWith()
  const client = clientOf(gateway)
  await client.connect(token, { scopes: ['operator.admin'] })
  const unknown = await client.request('sessions.reset', { key: session, reason: 'reset' })
  expect(unknown.payload).toMatchObject({ ok: true, key: session.toLowerCase() })
  expect(gateway.history(session)).toEqual([])
  await ask(client, 'k1', '[hang]')
  await client.chat('k1', 'delta')
  await client.request('sessions.reset', { key: session, reason: 'new' })
  const aborted = await client.chat('k1', 'aborted')
  expect([aborted.payload?.['stopReason'], textOf(aborted)]).toEqual(['restart', 'partial '])
  expect(gateway.history(session).map(row => row.role)).toEqual(['system'])
})

test('echo gateway: a graceful stop ends the turn and closes with 1012', async () => {
  const { gateway, client } = await linked()
  await ask(client, 'k1', '[long 6 30]')
  await client.chat('k1', 'delta')
  await gateway.stop()
  expect(await client.closed).toEqual({ code: 1012, reason: 'service restart' })
  expect(textOf(await client.chat('k1', 'final'))).toBe(longAnswer(6))
  expect(client.frames.at(-1)?.event).toBe('shutdown')
})

test('echo gateway: a test can pause between accepting and acknowledging', async () => {
  const held = Promise.withResolvers<void>()
  const taken = Promise.withResolvers<void>()
  const { gateway, client } = await linked({
    intercept: (stage, method) => {
      if (stage !== 'answered' || method !== 'chat.send') return undefined
      taken.resolve()
      return held.promise
    },
  })
  void ask(client, 'k1', '[long 2 10]')
  await taken.promise
  await client.chat('k1', 'final')
  expect(client.frames.some(frame => frame.type === 'res' && frame.payload?.['runId'] === 'k1')).toBe(false)
  held.resolve()
  await client.frame(frame => frame.type === 'res' && frame.payload?.['runId'] === 'k1')
  expect(gateway.history(session)[0]?.idempotencyKey).toBe('k1:user')
})
