import { expect, test } from 'bun:test'
import { accept, readBy } from './sending.ts'
import { SettableClock } from './settable-clock.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon()

test('send: a request that took its time counts from when WeCom got it: the thirty-first message is not dropped', async () => {
  const clock = new SettableClock()
  await daemon.open({ clock, agent: {}, tenant: { members: ['zhangsan', 'lisi'] } })
  daemon.tenant.api.fail({ when: 'before', how: 200, delayMs: 1_000 }, '/cgi-bin/message/send')
  const texts = Array.from({ length: 31 }, (_, n) => `message ${n}`)
  const ids: string[] = []
  for (const text of texts) ids.push(await accept(daemon, { to: 'user:zhangsan', text }))
  const last = ids.at(-1) ?? ''
  const { dueAt = 0 } = await daemon.delivered(last, 'held')
  clock.step(dueAt - clock.now())
  await accept(daemon, { to: 'user:lisi', text: 'wake up' })
  await daemon.delivered(last)
  expect(daemon.tenant.dropped).toEqual([])
  expect(readBy(daemon, 'zhangsan')).toEqual(texts)
})
