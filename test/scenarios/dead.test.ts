import { describe, expect, test } from 'bun:test'
import type { DeliveryReport } from '../../src/bridge/operator/trace.ts'
import { echoAnswer } from '../../src/playground/gateway/runs/script.ts'
import { wecomd } from '../cli/child.ts'
import { appOf, type TestDaemon, type TestDaemonOptions } from './daemon.ts'
import { readBy, sendAndWait } from './sending.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon()

async function open(options: TestDaemonOptions = { agent: {} }): Promise<TestDaemon> {
  await daemon.open(options)
  await until('the gateway link', async () => (await fetch(`${daemon.app.privateUrl}/readyz`)).status === 200)
  return daemon
}

async function deadOnes(): Promise<readonly DeliveryReport[]> {
  return ((await daemon.api('/api/dead')) as { dead: DeliveryReport[] }).dead
}

async function ask(method: string, path: string): Promise<{ status: number; answer: unknown }> {
  const headers = { authorization: 'Bearer admin-token' }
  const response = await fetch(`${daemon.app.privateUrl}${path}`, { method, headers })
  return { status: response.status, answer: await response.json() }
}

const cli = (...args: string[]) =>
  wecomd(['dead', ...args, '--url', daemon.app.privateUrl], daemon.folder, { WECOMD_ADMIN_TOKEN: 'admin-token' })

describe('deliveries that gave up', () => {
  test('dead: a refused message is listed with its reason, and arrives when it is retried after the mend', async () => {
    await open()
    const path = '/cgi-bin/message/send'
    daemon.tenant.api.failWith(path, 81_013)
    const report = await sendAndWait(daemon, { to: 'user:lisi', text: 'hello' })
    expect(report).toMatchObject({ state: 'refused', dead: true })
    expect(await deadOnes()).toEqual([report])
    expect(report.attempts.at(-1)).toMatchObject({ errcode: 81_013, hint: expect.stringContaining('visible range') })

    expect(await ask('POST', `/api/dead/${report.id}/retry`)).toEqual({ status: 202, answer: { id: report.id } })
    expect(await daemon.delivered(report.id)).toMatchObject({ state: 'delivered', dead: false })
    expect(readBy(daemon, 'lisi')).toEqual(['hello'])
    expect(await deadOnes()).toEqual([])
  })

  test('dead: of a split message only what has not arrived goes again', async () => {
    await open()
    const text = 'a line of some words\n'.repeat(300)
    const path = '/cgi-bin/message/send'
    daemon.tenant.api.fail({ when: 'after', how: 200, delayMs: 300 }, path) // the first part arrives, and is answered late
    const sent = await daemon.send({ to: 'user:lisi', text })
    await until('the first part', () => readBy(daemon, 'lisi').length > 0)
    daemon.tenant.api.failWith(path, 50_002)
    const report = await daemon.delivered(sent.answer.id ?? '')
    if (report.state === 'delivered') throw new Error('all parts were quicker than this test')
    const before = readBy(daemon, 'lisi')
    await ask('POST', `/api/dead/${report.id}/retry`)
    await daemon.delivered(report.id)
    const after = readBy(daemon, 'lisi')
    expect(after.slice(0, before.length)).toEqual([...before])
    expect(after.map(part => part.replace(/^\(\d\/\d\)\n/, '')).join('')).toBe(text)
  })

  test('dead: what nobody knows is sent once more when an operator says so', async () => {
    await open()
    const path = '/cgi-bin/message/send'
    for (let n = 0; n < 2; n++) daemon.tenant.api.fail({ when: 'before', how: 'reset' }, path)
    const report = await sendAndWait(daemon, { to: 'user:lisi', text: 'hello' })
    expect(report).toMatchObject({ state: 'unknown', dead: true })
    await ask('POST', `/api/dead/${report.id}/retry`)
    expect(await daemon.delivered(report.id)).toMatchObject({ state: 'delivered', dead: false })
    expect(readBy(daemon, 'lisi')).toEqual(['hello'])
  })

  test('dead: one that is dropped is off the list, and known', async () => {
    await open()
    daemon.tenant.api.failWith('/cgi-bin/message/send', 81_013)
    const { id } = await sendAndWait(daemon, { to: 'user:lisi', text: 'hello' })
    expect(await ask('DELETE', `/api/dead/${id}`)).toEqual({ status: 200, answer: { id } })
    expect(await deadOnes()).toEqual([])
    expect(await daemon.api(`/api/deliveries/${id}`)).toMatchObject({ state: 'dropped', dead: false })
    expect(readBy(daemon, 'lisi')).toEqual([])
  })

  test('dead: only what is dead can be retried or dropped', async () => {
    await open()
    const { id } = await sendAndWait(daemon, { to: 'user:lisi', text: 'hello' })
    for (const [method, path] of [
      ['POST', `/api/dead/${id}/retry`],
      ['POST', '/api/dead/unknown/retry'],
      ['DELETE', `/api/dead/${id}`],
    ] as const) {
      expect(await ask(method, path)).toEqual({
        status: 404,
        answer: { error: { code: 'not_found', message: expect.any(String), hint: expect.any(String) } },
      })
    }
    expect(readBy(daemon, 'lisi')).toEqual(['hello'])
  })
})

describe('an answer that could not be brought home', () => {
  const brief = { stream: { windowMs: 1_500, handoverMs: 500 } }

  test('dead: without an app it says what is missing; with one it comes home by the app', async () => {
    const tenant = { apps: [appOf], members: ['zhangsan'] }
    await open({ bot: brief, tenant })
    daemon.tenant.responses.fail({ when: 'before', how: 404 })
    daemon.tenant.say({ userid: 'zhangsan', text: '[slow 2000] hi' })
    const [report] = await until('the dead delivery', async () => (await deadOnes()).length > 0 && (await deadOnes()))
    expect(report).toMatchObject({ dead: true, kind: 'markdown', turn: expect.stringContaining('wecom:default:') })
    const listed = await cli('list')
    expect(listed).toMatchObject({ code: 0, out: expect.stringContaining(report?.id ?? 'no id') })
    await daemon.restart({ agent: {} })
    const retried = await cli('retry', report?.id ?? '')
    expect(retried).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^queued again as wecom:default:.+:again\w+\n$/),
    })
    await until('the answer', () => readBy(daemon, 'zhangsan').includes(echoAnswer('hi')))
    expect(await cli('list')).toMatchObject({ code: 0, out: 'there are no dead letters\n' })
    expect(await cli('retry', report?.id ?? '')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no dead delivery'),
    })
  })
})

test('dead: the command wants a verb that it knows', async () => {
  await open()
  for (const args of [['retry'], ['drop'], ['list', 'x'], ['bury', 'x']]) {
    expect(await cli(...args)).toMatchObject({ code: 2, err: expect.stringContaining('see: wecomd dead ') })
  }
})
