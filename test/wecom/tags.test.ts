import { afterAll, beforeEach, expect, test } from 'bun:test'
import type { Outcome } from '../../src/domain/delivery.ts'
import { checked, hello, openRig, type Rig } from './api-rig.ts'
import { openRawWecom, type RawWecom } from './raw-wecom.ts'

let wecom: RawWecom
let rig: Rig
const opened: RawWecom[] = []
afterAll(() => opened.forEach(one => one.close()))
beforeEach(async () => {
  wecom = await openRawWecom()
  opened.push(wecom)
  rig = openRig(wecom.origin)
  list({ tagid: 7, tagname: 'Ops' }, { tagid: 12, tagname: '值班' })
})

const list = (...taglist: readonly object[]) => wecom.on('tag/list', () => ({ errcode: 0, errmsg: 'ok', taglist }))
const send = (...ids: readonly string[]): Promise<Outcome> =>
  rig.platform.send('default', { kind: 'tag', ids }, hello, checked)
/** The `totag` values of the sent messages. */
const sentTo = () =>
  wecom.of('message/send').map(({ body }) => {
    const wire: Record<string, unknown> = JSON.parse(body.toString())
    return wire['totag']
  })

test("tags: names are resolved by the app's list, ids stay unchanged", async () => {
  await send('值班', '99', 'Ops', '7')
  expect(sentTo()).toEqual(['12|99|7'])
  expect(wecom.of('tag/list').map(({ method, query }) => ({ method, query }))).toEqual([
    { method: 'GET', query: { access_token: 'T1' } },
  ])
})

test('tags: ids alone need no list', async () => {
  await send('7', '8')
  expect([sentTo(), wecom.of('tag/list').length]).toEqual([['7|8'], 0])
})

test('tags: digits are an id, even if a tag has that name', async () => {
  list({ tagid: 7, tagname: 'Ops' }, { tagid: 12, tagname: '99' })
  await send('99', 'Ops')
  expect(sentTo()).toEqual(['99|7'])
})

test('tags: concurrent sends fetch one list', async () => {
  await Promise.all(Array.from({ length: 20 }, () => send('Ops')))
  expect([sentTo().length, wecom.of('tag/list').length]).toEqual([20, 1])
})

test('tags: the list is cached for ten minutes', async () => {
  await send('Ops')
  rig.clock.time += 599_999
  await send('Ops')
  expect(wecom.of('tag/list')).toHaveLength(1)
  rig.clock.time += 1
  await send('Ops')
  expect(wecom.of('tag/list')).toHaveLength(2)
})

test('tags: an unknown name is refused, without a new list for a minute', async () => {
  await send('Ops')
  expect(await send('7', 'ops')).toEqual({
    outcome: 'refused',
    errmsg: 'no tag is named ops',
    hint: 'this app sees 2 tags: check the name, or use the id, tag:<number>',
  })
  expect([sentTo().length, wecom.of('tag/list').length]).toEqual([1, 1])
})

test('tags: a tag created since the last list is found', async () => {
  await send('Ops')
  list({ tagid: 7, tagname: 'Ops' }, { tagid: 13, tagname: 'new' })
  rig.clock.time += 60_000
  expect(await send('new')).toMatchObject({ outcome: 'delivered' })
  expect(sentTo()).toEqual(['7', '13'])
})

test('tags: an ambiguous name is refused with both ids', async () => {
  list({ tagid: 3, tagname: 'Ops' }, { tagid: 7, tagname: 'Ops' }, { tagid: 12, tagname: '值班' })
  expect(await send('值班', 'Ops')).toEqual({
    outcome: 'refused',
    errmsg: '2 tags are named Ops: 3 and 7',
    hint: 'use the id: tag:3 or tag:7',
  })
  expect(sentTo()).toEqual([])
})

test('tags: names such as `constructor` are only names', async () => {
  expect(await send('__proto__')).toMatchObject({ errmsg: 'no tag is named __proto__' })
})

test('tags: an invalid list has no tags', async () => {
  wecom.on('tag/list', () => ({ errcode: 0, taglist: [null, { tagid: 1 }, 'x', { tagid: 2, tagname: 3 }] }))
  expect((await send('Ops')).hint).toStartWith('this app sees 0 tags')
})

test('tags: a list of megabytes is read', async () => {
  const many = Array.from({ length: 20_000 }, (_, index) => ({ tagid: index + 1, tagname: `tag ${index + 1}` }))
  list(...many)
  await send('tag 20000')
  expect(sentTo()).toEqual(['20000'])
})

for (const how of ['hang', 'reset', 500] as const) {
  test(`tags: a list that ends with ${how} is retried`, async () => {
    wecom.on('tag/list', () => how)
    rig = openRig(wecom.origin, { network: { apiBaseUrl: wecom.origin, moreHosts: [], timeoutMs: 80 } })
    expect((await send('Ops')).outcome).toBe('retry')
    expect(sentTo()).toEqual([])
  })
}

test('tags: an app without access to the list is not held', async () => {
  wecom.on('tag/list', () => ({ errcode: 48002, errmsg: 'api forbidden' }))
  expect(await send('Ops')).toEqual({
    outcome: 'refused',
    errcode: 48002,
    errmsg: 'api forbidden',
    hint: 'this app is not allowed to read tag names: use the id, tag:<number>',
  })
})

test('tags: an untrusted IP holds, as for messages', async () => {
  wecom.on('tag/list', () => ({ errcode: 60020, errmsg: 'no' }))
  expect(await send('Ops')).toMatchObject({ outcome: 'retry', hold: true, errcode: 60020 })
})
