import { afterEach, expect, test } from 'bun:test'
import type { WecomdError } from '../../src/errors.ts'
import { createAdminAgent } from '../../src/gateway/admin/admin-agent.ts'
import { ReloadGate } from '../../src/gateway/chat/reload-gate.ts'
import { quietWorld } from '../scenarios/daemon.ts'
import { until } from '../scenarios/until.ts'
import { Links, reach, refusal } from './links.ts'
import { hello } from './raw-gateway.ts'

const links = new Links()
afterEach(() => links.closeAll())

const key = 'agent:main:wecom:default:direct:zhangsan'
const codeOf = (error: WecomdError) => error.code

/** An admin link to a gateway, and the agent that uses it. */
function adminOf(url: string) {
  const opened = links.link({ url, purpose: 'admin', slowRetryMs: 60_000 })
  const log: string[] = []
  const gate = new ReloadGate(opened.clock, opened.timers)
  return {
    opened,
    log,
    agent: createAdminAgent(opened.connection, gate, {
      clock: opened.clock,
      log: quietWorld(log).log,
      startFiles: () => [],
      hasApprovers: () => false,
    }),
  }
}

/** An admin agent whose gateway answers the first request with `answer`. */
async function answering(answer: object) {
  const gateway = links.raw(() => hello({ scopes: ['operator.admin'] }))
  const admin = adminOf(gateway.url)
  await reach(admin.opened, 'up')
  const end = admin.agent.reset(key, 'new').then(() => 'done', codeOf)
  const request = await until('the request', () => gateway.requests[0])
  gateway.send({ type: 'res', id: request.id, ...answer })
  return { ...admin, request, end: await end }
}

test('admin agent: one request resets a session, even an unknown one', async () => {
  const gateway = links.echo()
  const { opened, agent } = adminOf(gateway.url)
  expect(agent.canReset()).toBe(false)
  await reach(opened, 'up')
  expect(agent.canReset()).toBe(true)
  await agent.reset(key, 'reset')
  expect(gateway.history(key)).toEqual([])
})

test('admin agent: a reset request has only the key and the reason', async () => {
  const { request, end } = await answering({ ok: true, payload: { ok: true } })
  expect([request.method, request.params, end]).toEqual(['sessions.reset', { key, reason: 'new' }, 'done'])
})

test('admin agent: a refused reset is logged without the session key', async () => {
  const { log, end } = await answering(refusal('FORBIDDEN', { code: 'MISSING_SCOPE' }))
  expect(end).toBe('gateway_refused')
  expect(log.join()).toContain('"code":"FORBIDDEN"')
  expect(log.join()).not.toContain('zhangsan')
})

test('admin agent: a stopping gateway counts as down, not as a refusal', async () => {
  const { end } = await answering(refusal('UNAVAILABLE', {}, { retryAfterMs: 1_000 }))
  expect(end).toBe('gateway_down')
})

test('admin agent: a lost link is gateway_down, a missing answer a timeout', async () => {
  const away = adminOf('ws://127.0.0.1:9')
  const started = away.opened.clock.now()
  let end: unknown
  void away.agent.reset(key, 'new').catch(error => {
    end = codeOf(error)
  })
  await until('the reset to fail', async () => {
    await away.opened.pass(100)
    return end
  })
  expect(end).toBe('gateway_down')
  expect(away.opened.clock.now() - started).toBeWithin(3_000, 3_500)

  const gateway = links.raw(() => hello({ scopes: ['operator.admin'] }))
  const { opened, agent } = adminOf(gateway.url)
  await reach(opened, 'up')
  const late = agent.reset(key, 'new').catch(codeOf)
  await until('the request', () => gateway.requests.length === 1)
  await opened.pass(30_000)
  expect(await late).toBe('gateway_timeout')
})

test('admin agent: without scope it logs once, retries slowly, then works', async () => {
  let tries = 0
  const gateway = links.echo({
    intercept: (stage, method) => void (stage === 'answered' && method === 'connect' && tries++),
  })
  gateway.withhold(['operator.admin'])
  const { opened, agent } = adminOf(gateway.url)
  await reach(opened, 'pairing')
  const { reason, hint = '' } = opened.connection.status
  expect(reason).toBe('this device waits for approval (scope-upgrade)')
  expect([agent.canReset(), await agent.reset(key, 'new').catch(codeOf)]).toEqual([false, 'gateway_refused'])
  await opened.pass(59_000)
  expect(tries).toBe(1)
  await opened.pass(1_000)
  await until('the second try', () => tries === 2)
  expect(opened.log.filter(line => line.includes('gateway pairing'))).toHaveLength(1)
  expect(opened.memory.isPaired()).toBe(true)
  gateway.approve(/openclaw devices approve (\w+)$/.exec(hint)?.[1] ?? '')
  // The refusal of the second try may not have arrived yet.
  await until('the link', async () => {
    await opened.pass(60_000)
    return agent.canReset()
  })
  await agent.reset(key, 'new')
})
