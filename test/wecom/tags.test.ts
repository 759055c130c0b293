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
/** What the messages that left had in `totag`. */
const sentTo = () =>
  wecom.of('message/send').map(({ body }) => {
    const wire: Record<string, unknown> = JSON.parse(body.toString())
    return wire['totag']
  })

test('tags: names become ids by the list of the app, and ids stay what they are', async () => {
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

test('tags: digits are an id, also where a tag is called so', async () => {
  list({ tagid: 7, tagname: 'Ops' }, { tagid: 12, tagname: '99' })
  await send('99', 'Ops')
  expect(sentTo()).toEqual(['99|7'])
})

test('tags: many sends at once fetch one list', async () => {
  await Promise.all(Array.from({ length: 20 }, () => send('Ops')))
  expect([sentTo().length, wecom.of('tag/list').length]).toEqual([20, 1])
})

test('tags: the list serves for ten minutes', async () => {
  await send('Ops')
  rig.clock.time += 599_999
  await send('Ops')
  expect(wecom.of('tag/list')).toHaveLength(1)
  rig.clock.time += 1
  await send('Ops')
  expect(wecom.of('tag/list')).toHaveLength(2)
})

test('tags: a name that is in no list is refused with what there is, and calls nobody for a minute', async () => {
  await send('Ops')
  expect(await send('7', 'ops')).toEqual({
    outcome: 'refused',
    errmsg: 'no tag is called ops',
    hint: 'this app sees 2 tags: check the name, or write the id, tag:<number>',
  })
  expect([sentTo().length, wecom.of('tag/list').length]).toEqual([1, 1])
})

test('tags: a name that was made since the last list is found', async () => {
  await send('Ops')
  list({ tagid: 7, tagname: 'Ops' }, { tagid: 13, tagname: 'new' })
  rig.clock.time += 60_000
  expect(await send('new')).toMatchObject({ outcome: 'delivered' })
  expect(sentTo()).toEqual(['7', '13'])
})

test('tags: a name that two tags have is refused with both ids, and nothing is sent', async () => {
  list({ tagid: 3, tagname: 'Ops' }, { tagid: 7, tagname: 'Ops' }, { tagid: 12, tagname: '值班' })
  expect(await send('值班', 'Ops')).toEqual({
    outcome: 'refused',
    errmsg: '2 tags are called Ops: 3 and 7',
    hint: 'write the id: tag:3 or tag:7',
  })
  expect(sentTo()).toEqual([])
})

test('tags: names like properties of objects are only names', async () => {
  expect(await send('__proto__')).toMatchObject({ errmsg: 'no tag is called __proto__' })
})

test('tags: a list that makes no sense has no tags', async () => {
  wecom.on('tag/list', () => ({ errcode: 0, taglist: [null, { tagid: 1 }, 'x', { tagid: 2, tagname: 3 }] }))
  expect((await send('Ops')).hint).toStartWith('this app sees 0 tags')
})

test('tags: a large company has a list of megabytes', async () => {
  const many = Array.from({ length: 20_000 }, (_, index) => ({ tagid: index + 1, tagname: `tag ${index + 1}` }))
  list(...many)
  await send('tag 20000')
  expect(sentTo()).toEqual(['20000'])
})

for (const how of ['hang', 'reset', 500] as const) {
  test(`tags: a list that ends with ${how} is tried again: no message was sent`, async () => {
    wecom.on('tag/list', () => how)
    rig = openRig(wecom.origin, { network: { apiBaseUrl: wecom.origin, moreHosts: [], timeoutMs: 80 } })
    expect((await send('Ops')).outcome).toBe('retry')
    expect(sentTo()).toEqual([])
  })
}

test('tags: an app that may not read the list can still send to ids, so nothing is held', async () => {
  wecom.on('tag/list', () => ({ errcode: 48002, errmsg: 'api forbidden' }))
  expect(await send('Ops')).toEqual({
    outcome: 'refused',
    errcode: 48002,
    errmsg: 'api forbidden',
    hint: 'this app may not read the names of tags: write the id, tag:<number>',
  })
})

test('tags: an address that is not trusted holds as it does for messages', async () => {
  wecom.on('tag/list', () => ({ errcode: 60020, errmsg: 'no' }))
  expect(await send('Ops')).toMatchObject({ outcome: 'retry', hold: true, errcode: 60020 })
})
