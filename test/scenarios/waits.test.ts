import { expect, test } from 'bun:test'
import type { DeliveryReport } from '../../src/bridge/operator/trace.ts'
import { accept } from './sending.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon()

const open = async () => {
  await daemon.open({
    agent: {},
    tenant: { members: ['zhangsan', 'lisi'], robots: [{ name: 'ops', key: 'k' }] },
    channel: { webhooks: { ops: 'k' } },
  })
}
// The daemon is of this source.
const report = async (id: string) => (await daemon.api(`/api/deliveries/${id}`)) as DeliveryReport

test('waits: a message of an app that is held already says why, in its report and in its trace', async () => {
  await open()
  daemon.tenant.api.trustOnly([])
  await daemon.delivered(await accept(daemon, { to: 'user:zhangsan', text: '1' }), 'held')
  for (const to of ['user:lisi', 'user:zhangsan']) {
    const id = await accept(daemon, { to, text: '2' })
    const { attempts, dueAt = 0, waits } = await daemon.delivered(id, 'held')
    expect([attempts, waits]).toEqual([
      [],
      {
        reason: 'WeCom refuses this app',
        until: dueAt,
        errcode: 60_020,
        hint: expect.stringContaining('trusted IPs'),
      },
    ])
    expect(await daemon.api(`/api/trace/${id}`)).toMatchObject({ waits: { errcode: 60_020 } })
  }
})

test('waits: a message over the budget of a member says what it waits for, and the one behind it both', async () => {
  await open()
  const ids: string[] = []
  for (let n = 0; n < 32; n++) ids.push(await accept(daemon, { to: 'user:zhangsan', text: `${n}` }))
  const [held = '', behind = ''] = ids.slice(30)
  const { dueAt } = await daemon.delivered(held, 'held')
  const room = 'WeCom lets an app send a member 30 messages a minute and 1000 an hour'
  expect((await report(held)).waits).toEqual({ reason: room, until: dueAt ?? 0 })
  expect(await report(behind)).toMatchObject({
    state: 'queued',
    waits: { reason: `queued after ${held} for the same target: ${room}`, until: dueAt ?? 0 },
  })
  expect(await daemon.delivered(ids[0] ?? '')).not.toHaveProperty('waits')
})

test('waits: a message over the budget of a group robot names that', async () => {
  await open()
  const ids: string[] = []
  for (let n = 0; n < 21; n++) ids.push(await accept(daemon, { to: 'webhook:ops', text: `${n}` }))
  await daemon.delivered(ids[20] ?? '', 'held')
  expect((await report(ids[20] ?? '')).waits?.reason).toBe('WeCom accepts 20 messages a minute from a group robot')
})
