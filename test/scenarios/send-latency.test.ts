import { afterEach, expect, test } from 'bun:test'
import { type House, openHouse } from './house.ts'
import { accept, readBy } from './sending.ts'
import { SettableClock } from './settable-clock.ts'

let house: House
afterEach(() => house.close())

test('send: a request that took its time counts from when WeCom got it: the thirty-first message is not dropped', async () => {
  const clock = new SettableClock()
  house = await openHouse({ clock, agent: {}, tenant: { members: ['zhangsan', 'lisi'] } })
  house.tenant.api.fail({ when: 'before', how: 200, delayMs: 1_000 }, '/cgi-bin/message/send')
  const texts = Array.from({ length: 31 }, (_, n) => `message ${n}`)
  const ids: string[] = []
  for (const text of texts) ids.push(await accept(house, { to: 'user:zhangsan', text }))
  const last = ids.at(-1) ?? ''
  const { dueAt = 0 } = await house.delivered(last, 'held')
  clock.step(dueAt - clock.now())
  await accept(house, { to: 'user:lisi', text: 'wake up' })
  await house.delivered(last)
  expect(house.tenant.dropped).toEqual([])
  expect(readBy(house, 'zhangsan')).toEqual(texts)
})
