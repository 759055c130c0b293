import { afterEach, expect, test } from 'bun:test'
import { closeAgents, openAgent, sessionKey } from './agents.ts'

afterEach(closeAgents)

const isCommand = true

test('agent: a command is sent unchanged and its reply ends the question', async () => {
  const { gateway, ask } = await openAgent()
  const end = await ask('k', '/model other', { isCommand })
  expect(end).toEqual({
    kind: 'answered',
    text: 'Model set to other for this session only; configured default unchanged.',
  })
  expect(gateway.history(sessionKey)[0]?.content).toBe('/model other')
  expect(gateway.asks()).toEqual([])
})

test('agent: command arguments are text; without isCommand, all of it is', async () => {
  const { gateway, ask } = await openAgent()
  await ask('k', '/status now\n/model other', { isCommand })
  expect(gateway.history(sessionKey)[0]?.content).toBe('/status now\n\u2060/model other')
  expect(await ask('l', '/model other')).toEqual({ kind: 'answered', text: 'to \u2060/model other' })
})

test('agent: a missed command reply is found in the history', async () => {
  let sends = 0
  const { gateway, ask } = await openAgent({
    intercept: (stage, method) => {
      if (stage === 'answered' && method === 'chat.send' && ++sends === 1) gateway.dropConnections()
    },
  })
  const end = await ask('k', '/status', { isCommand })
  expect(end).toMatchObject({ kind: 'answered', text: expect.stringContaining('🧠 Model: echo/echo-1') })
  expect(gateway.history(sessionKey).map(row => row.idempotencyKey)).toEqual(['k:user', 'k'])
  expect(sends).toBe(1)
})

test('agent: a command answered before a crash is not sent again', async () => {
  const { gateway, ask } = await openAgent()
  await ask('k', '/status', { isCommand })
  await gateway.kill()
  gateway.start()
  const again = await ask('k', '/status', { isCommand, asked: { at: 1, bootId: 'before' } })
  expect([again.kind, gateway.history(sessionKey).length]).toEqual(['answered', 2])
})
