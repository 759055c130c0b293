import { afterEach, expect, test } from 'bun:test'
import { createAdminAgent } from '../../src/gateway/admin/admin-agent.ts'
import { ReloadGate } from '../../src/gateway/chat/reload-gate.ts'
import { connectClient } from '../openclaw/client.ts'
import { quietWorld } from '../scenarios/daemon.ts'
import { until } from '../scenarios/until.ts'
import { Links, reach } from './links.ts'
import { hello } from './raw-gateway.ts'

const links = new Links()
afterEach(() => links.closeAll())

const sessionKey = 'agent:main:wecom:default:direct:zhangsan'

/** An admin link that receives approvals, and its agent. */
async function approver(url: string, hasApprovers = true) {
  const opened = links.link({ url, purpose: 'admin', hasApprovers })
  const gate = new ReloadGate(opened.clock, opened.timers)
  const world = { clock: opened.clock, log: quietWorld().log, startFiles: () => [], hasApprovers: () => hasApprovers }
  const agent = createAdminAgent(opened.connection, gate, world)
  await reach(opened, 'up')
  return { opened, agent }
}

/** A gateway whose agent requests approval for each message, and a client to send one. */
async function asking() {
  const gateway = links.echo({
    *script(command) {
      yield { kind: 'approve', command, allowed: 'done', denied: 'not done' }
    },
  })
  const scopes = ['operator.read', 'operator.write', 'operator.approvals']
  const client = await connectClient({ url: gateway.url, token: 'link-token' }, scopes)
  links.closeLater(client)
  const ask = (key: string, message: string) => {
    const end = client.event(({ runId, state }, name) => name === 'chat' && runId === key && state === 'final')
    return client.request('chat.send', { sessionKey, message, idempotencyKey: key }).then(() => end)
  }
  return { gateway, ask }
}

test('approvals: a request is reported once, and gone when answered', async () => {
  const { gateway, ask } = await asking()
  const { agent } = await approver(gateway.url)
  const reported: string[] = []
  agent.onApproval(({ command }) => void reported.push(command))
  const end = ask('k1', 'rm -rf old')
  const [approval] = await until('the request', () => agent.approvals().length === 1 && agent.approvals())
  expect(approval).toMatchObject({ runId: 'k1', sessionKey, command: 'rm -rf old' })
  expect(await agent.approve(approval?.id ?? '', 'allow-once')).toBe(true)
  expect(JSON.stringify(await end)).toContain('"done"')
  expect([agent.approvals(), reported]).toEqual([[], ['rm -rf old']])
})

test('approvals: a new link knows pending requests, but not answered ones', async () => {
  const { gateway, ask } = await asking()
  const { agent: first } = await approver(gateway.url)
  const ends = [ask('k1', 'ls'), ask('k2', 'ps')]
  void ends
  await until('the first request', () => first.approvals().length === 1)
  const { opened, agent: late } = await approver(gateway.url)
  const [seen] = await until('the pending request', () => late.approvals().length === 1 && late.approvals())
  expect(seen?.command).toBe('ls')
  opened.reopen('ws://127.0.0.1:9')
  await until('the link to be down', () => opened.connection.status.state === 'down')
  await first.approve(seen?.id ?? '', 'deny')
  opened.reopen(gateway.url)
  await until('the request to be gone', () => !late.approvals().some(({ id }) => id === seen?.id))
  expect(await late.approve(seen?.id ?? '', 'allow-once')).toBe(false)
})

test('approvals: an expired request is no longer pending', async () => {
  const gateway = links.raw(() => hello({ scopes: ['operator.admin'] }))
  const { opened, agent } = await approver(gateway.url)
  const payload = { id: 'a1', request: { command: 'ls', sessionKey }, expiresAtMs: opened.clock.now() + 60_000 }
  gateway.send({ type: 'event', event: 'exec.approval.requested', payload })
  await until('the request', () => agent.approvals().length === 1)
  await opened.pass(59_999)
  expect(agent.approvals()).toHaveLength(1)
  await opened.pass(1)
  expect(agent.approvals()).toEqual([])
})

test('approvals: without administrators the command fails at once', async () => {
  const { gateway, ask } = await asking()
  const { agent } = await approver(gateway.url, false)
  expect(JSON.stringify(await ask('k1', 'ls'))).toContain('Exec approval registration failed')
  expect(agent.approvals()).toEqual([])
})

test('approvals: those of plugins are listed by their own method, and a gateway without it keeps the others', async () => {
  const gateway = links.raw(() => hello({ scopes: ['operator.admin'] }))
  const { agent } = await approver(gateway.url)
  const listed = (method: string) => gateway.requests.find(request => request.method === method)
  const answer = (method: string, more: object) => gateway.send({ type: 'res', id: listed(method)?.id, ...more })
  await until('both lists to be read', () => listed('exec.approval.list') && listed('plugin.approval.list'))
  answer('plugin.approval.list', { ok: false, error: { code: 'INVALID_REQUEST', message: 'unknown method' } })
  const request = { command: 'ls', sessionKey }
  answer('exec.approval.list', { ok: true, payload: [{ id: 'a1', request, expiresAtMs: Number.MAX_SAFE_INTEGER }] })
  await until('the command', () => agent.approvals().length === 1)
  const step = { title: 'Send a mail', description: ' To all. ', detail: null, sessionKey, runId: 'k1' }
  gateway.send({ type: 'event', event: 'plugin.approval.requested', payload: { id: 'plugin:p1', request: step } })
  await until('the step', () => agent.approvals().length === 2)
  expect(agent.approvals().map(({ kind, command, runId }) => [kind, command, runId])).toEqual([
    ['command', 'ls', undefined],
    ['plugin', 'Send a mail\nTo all.', 'k1'],
  ])
  const decided = agent.approve('plugin:p1', 'deny')
  await until('the decision', () => listed('plugin.approval.resolve'))
  expect(listed('plugin.approval.resolve')?.params).toEqual({ id: 'plugin:p1', decision: 'deny' })
  answer('plugin.approval.resolve', { ok: true, payload: { ok: true } })
  expect(await decided).toBe(true)
  gateway.send({ type: 'event', event: 'plugin.approval.removed', payload: { id: 'a1' } })
  await until('both to be gone', () => agent.approvals().length === 0)
})
