import { expect, test } from 'bun:test'
import { corpId, main, openTenant, other, text } from './tenant-rig.ts'

const markdown = (content: string) => ({ msgtype: 'markdown', markdown: { content } })
const news = (count: number) => ({
  msgtype: 'news',
  news: { articles: Array.from({ length: count }, (_, index) => ({ title: `t${index}`, url: 'https://example.com' })) },
})

test('tenant-app: a message reaches each member only once', async () => {
  using rig = await openTenant()
  const answer = await rig.send({ touser: 'lisi|wangwu', toparty: '1', totag: '7', ...text('你好') })
  expect(answer).toMatchObject({
    errcode: 0,
    errmsg: 'ok',
    invaliduser: '',
    invalidparty: '',
    invalidtag: '',
    unlicenseduser: '',
  })
  const entries = rig.tenant.ledger.entries
  expect(entries.map(entry => entry.userid).toSorted()).toEqual(['ZhangSan', 'lisi', 'wangwu'])
  expect(entries[0]).toMatchObject({
    kind: 'app-text',
    text: '你好',
    agentId: main.agentId,
    msgid: String(answer['msgid']),
  })
})

test('tenant-app: @all reaches everyone who can see the app', async () => {
  using rig = await openTenant({ apps: [{ ...main, visible: ['LISI', 'wangwu'] }] })
  expect(await rig.send({ touser: '@all', toparty: 'x', totag: 'x', ...text('hi') })).toMatchObject({ errcode: 0 })
  expect(rig.tenant.ledger.entries.map(entry => entry.userid)).toEqual(['lisi', 'wangwu'])
})

test('tenant-app: unreachable receivers are listed, the others get the message', async () => {
  using rig = await openTenant()
  const answer = await rig.send({ touser: 'Nobody|zhangsan|guest|X2', toparty: '1|9', totag: '7|8', ...text('hi') })
  expect(answer).toMatchObject({
    errcode: 0,
    invaliduser: 'nobody|x2',
    invalidparty: '9',
    invalidtag: '8',
    unlicenseduser: 'guest',
  })
  expect(rig.tenant.ledger.entries.map(entry => entry.userid)).toEqual(['ZhangSan', 'lisi', 'wangwu'])
})

test('tenant-app: a message that reaches no one is 81013', async () => {
  using rig = await openTenant({ apps: [{ ...main, visible: ['lisi'] }] })
  const answer = await rig.send({ touser: 'Nobody|wangwu', toparty: '9', ...text('hi') })
  expect(answer).toMatchObject({ errcode: 81013, invaliduser: 'nobody|wangwu', invalidparty: '9' })
  expect(rig.tenant.ledger.entries).toEqual([])
})

const many = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1)).join('|')
const to = { touser: 'lisi' }

const refused: [string, object, number][] = [
  ['no receiver', text('hi'), 82001],
  ['1,001 users', { touser: many(1_001), ...text('hi') }, 40032],
  ['101 parties', { toparty: many(101), ...text('hi') }, 82002],
  ['101 tags', { totag: many(101), ...text('hi') }, 82003],
  ['the name of a tag', { totag: 'Ops', ...text('hi') }, 40068],
  ['the name of a party', { toparty: 'Sales', ...text('hi') }, 40066],
  ['users as a list', { touser: ['lisi'], ...text('hi') }, 40035],
  ['no agentid', { ...to, agentid: undefined, ...text('hi') }, 41011],
  ['an agentid as a text', { ...to, agentid: String(main.agentId), ...text('hi') }, 40056],
  ["another app's agentid", { ...to, agentid: other.agentId, ...text('hi') }, 301002],
  ['an unknown msgtype', { ...to, msgtype: 'stream', stream: {} }, 40008],
  ['no msgtype', to, 40008],
  ['an empty text', { ...to, ...text('') }, 44004],
  ['no text', { ...to, msgtype: 'text' }, 44004],
  ['an empty markdown', { ...to, ...markdown('') }, 44004],
  ['2,049 bytes of markdown', { ...to, ...markdown('a'.repeat(2_049)) }, 45002],
  ['nine articles', { ...to, ...news(9) }, 45008],
  ['no articles', { ...to, ...news(0) }, 45008],
  ['an article without title', { ...to, msgtype: 'news', news: { articles: [{ url: 'https://a' }] } }, 41016],
  ['an article without url', { ...to, msgtype: 'news', news: { articles: [{ title: 'a' }] } }, 40058],
  ['a textcard without url', { ...to, msgtype: 'textcard', textcard: { title: 'a', description: 'b' } }, 40094],
  ['an unknown media_id', { ...to, msgtype: 'file', file: { media_id: 'nope' } }, 40007],
  ['a duplicate check of over 4 hours', { ...to, ...text('hi'), duplicate_check_interval: 14_401 }, 40035],
]

for (const [name, body, errcode] of refused) {
  test(`tenant-app: a message with ${name} is refused with ${errcode}`, async () => {
    using rig = await openTenant()
    expect((await rig.send(body)).errcode).toBe(errcode)
    expect(rig.tenant.ledger.entries).toEqual([])
  })
}

test('tenant-app: a body that is not JSON is 47001', async () => {
  using rig = await openTenant()
  const answer = await rig.post(`message/send?access_token=${await rig.accessToken()}`, '{"touser":')
  expect(answer.errcode).toBe(47001)
  expect(answer.errmsg).toContain('Warning: wrong json format.')
})

test('tenant-app: messages at the limits are accepted', async () => {
  using rig = await openTenant()
  expect(await rig.send({ ...to, ...markdown('a'.repeat(2_048)) })).toMatchObject({ errcode: 0 })
  expect(await rig.send({ ...to, ...news(8) })).toMatchObject({ errcode: 0 })
  expect(await rig.send({ ...to, ...text('a'.repeat(2_048)) })).toMatchObject({ errcode: 0 })
  expect(rig.tenant.ledger.entries.map(entry => entry.kind)).toEqual(['app-markdown', 'app-news', 'app-text'])
  expect(rig.tenant.violations()).toEqual([])
})

test('tenant-app: an overlong text is truncated, which is a violation', async () => {
  using rig = await openTenant()
  expect(await rig.send({ ...to, ...text('汉'.repeat(700)) })).toMatchObject({ errcode: 0 })
  expect(rig.tenant.ledger.seen({ userid: 'lisi' })).toMatchObject([{ kind: 'app-text', text: '汉'.repeat(682) }])
  expect(rig.tenant.violations().join()).toContain('2100 bytes')
})

test('tenant-app: media is shown while its media_id is valid', async () => {
  using rig = await openTenant()
  const media_id = rig.tenant.media.put({ type: 'file', name: '报告.pdf', bytes: Buffer.from('report') })
  const foreign = rig.tenant.media.put({ type: 'file', name: 'x', bytes: Buffer.from('x'), corpId: 'wwother' })
  expect((await rig.send({ ...to, msgtype: 'image', image: { media_id } })).errcode).toBe(40007)
  expect((await rig.send({ ...to, msgtype: 'file', file: { media_id: foreign } })).errcode).toBe(40007)
  expect((await rig.send({ ...to, msgtype: 'file', file: { media_id } })).errcode).toBe(0)
  expect(rig.tenant.ledger.entries).toMatchObject([
    { kind: 'app-media', text: '报告.pdf', media: { type: 'file', name: '报告.pdf', bytes: 6 } },
  ])
  rig.passMs(3 * 86_400_000)
  expect((await rig.send({ ...to, msgtype: 'file', file: { media_id } })).errcode).toBe(40007)
})

test('tenant-app: a duplicate within the interval is shown only once', async () => {
  using rig = await openTenant()
  const body = { ...to, ...text('done'), enable_duplicate_check: 1, duplicate_check_interval: 120 }
  const first = await rig.send(body)
  expect(await rig.send(body)).toEqual(first)
  expect(rig.tenant.ledger.entries).toHaveLength(1)
  await rig.send({ ...body, ...text('done!') })
  expect(rig.tenant.ledger.entries).toHaveLength(2)
  rig.passMs(120_000)
  expect((await rig.send(body))['msgid']).not.toBe(first['msgid'])
  expect(rig.tenant.ledger.entries).toHaveLength(3)
})

test('tenant-app: without the check, a duplicate is shown again', async () => {
  using rig = await openTenant()
  const unchecked = { ...to, ...text('done'), enable_duplicate_check: 0 }
  await rig.send(unchecked)
  await rig.send(unchecked)
  const path = `message/send?access_token=${await rig.accessToken(other)}`
  await rig.post(path, { ...unchecked, agentid: other.agentId })
  expect(rig.tenant.ledger.entries.map(entry => entry.agentId)).toEqual([main.agentId, main.agentId, other.agentId])
})

test('tenant-app: the duplicate check covers 30 minutes by default', async () => {
  using rig = await openTenant()
  const body = { ...to, ...text('done'), enable_duplicate_check: 1 }
  await rig.send(body)
  rig.passMs(1_799_000)
  await rig.send(body)
  expect(rig.tenant.ledger.entries).toHaveLength(1)
  rig.passMs(1_000)
  await rig.send(body)
  expect(rig.tenant.ledger.entries).toHaveLength(2)
})

test('tenant-app: over 30 a minute, messages are silently dropped', async () => {
  using rig = await openTenant()
  const sendThirty = async () => {
    for (let count = 0; count < 30; count++) await rig.send({ ...to, ...text(`m${count}`) })
  }
  await sendThirty()
  rig.passMs(30_000)
  expect(await rig.send({ touser: 'lisi|wangwu', ...text('m30') })).toMatchObject({ errcode: 0, invaliduser: '' })
  expect(rig.tenant.ledger.seen({ userid: 'lisi' })).toHaveLength(30)
  expect(rig.tenant.ledger.seen({ userid: 'wangwu' })).toHaveLength(1)
  expect(rig.tenant.dropped).toMatchObject([{ agentId: main.agentId, userid: 'lisi', text: 'm30' }])
  rig.passMs(30_000)
  await sendThirty()
  expect(rig.tenant.ledger.seen({ userid: 'lisi' })).toHaveLength(60)
})

test('tenant-app: over 1,000 an hour, messages are silently dropped', async () => {
  using rig = await openTenant()
  for (let count = 0; count < 1_000; count++) {
    if (count % 30 === 0) rig.passMs(61_000)
    await rig.send({ ...to, ...text(`m${count}`) })
  }
  rig.passMs(61_000)
  await rig.send({ ...to, ...text('one more') })
  expect(rig.tenant.dropped.map(({ text: dropped }) => dropped)).toEqual(['one more'])
  expect(rig.tenant.ledger.seen({ userid: 'lisi' })).toHaveLength(1_000)
})

test('tenant-app: a message can be recalled by its app, once, within 24 hours', async () => {
  using rig = await openTenant()
  const { msgid } = await rig.send({ touser: 'lisi|wangwu', ...text('oops') })
  const otherToken = await rig.accessToken(other)
  expect((await rig.post(`message/recall?access_token=${otherToken}`, { msgid })).errcode).toBe(40058)
  expect((await rig.send({ msgid }, 'message/recall')).errcode).toBe(0)
  expect((await rig.send({ msgid }, 'message/recall')).errcode).toBe(40058)
  expect((await rig.send({ msgid: 'nope' }, 'message/recall')).errcode).toBe(40058)
  const recalled = rig.tenant.ledger.entries.filter(entry => entry.kind === 'app-recall')
  expect(recalled.map(entry => [entry.userid, entry.msgid])).toEqual([
    ['lisi', String(msgid)],
    ['wangwu', String(msgid)],
  ])
  const late = await rig.send({ ...to, ...text('late') })
  rig.passMs(86_400_000)
  expect((await rig.send({ msgid: late['msgid'] }, 'message/recall')).errcode).toBe(40058)
})

test('tenant-app: an app of another corp cannot use the media', async () => {
  const stranger = { agentId: 1, corpId: 'wwother', corpSecret: 'stranger-secret' }
  using rig = await openTenant({ apps: [main, stranger] })
  const media_id = rig.tenant.media.put({ type: 'file', name: 'a', bytes: Buffer.from('report') })
  const { access_token } = await rig.get('gettoken?corpid=wwother&corpsecret=stranger-secret')
  const path = `media/get?access_token=${String(access_token)}&media_id=${media_id}`
  expect((await rig.get(path)).errcode).toBe(40007)
  expect((await rig.get(`gettoken?corpid=${corpId}&corpsecret=stranger-secret`)).errcode).toBe(40001)
})
