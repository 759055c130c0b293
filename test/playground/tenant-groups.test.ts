import { expect, test } from 'bun:test'
import { main, openTenant, other, text } from './tenant-rig.ts'

const userlist = ['lisi', 'zhangsan']

test('tenant-groups: an app creates a group, reads it and writes into it', async () => {
  using rig = await openTenant()
  const created = await rig.send({ name: '项目组', owner: 'LISI', userlist, chatid: 'team1' }, 'appchat/create')
  expect(created).toEqual({ errcode: 0, errmsg: 'ok', chatid: 'team1' })
  expect(await rig.get(`appchat/get?access_token=${await rig.accessToken()}&chatid=team1`)).toMatchObject({
    errcode: 0,
    chat_info: { chatid: 'team1', name: '项目组', owner: 'lisi', userlist: ['lisi', 'ZhangSan'] },
  })
  expect((await rig.send({ chatid: 'team1', ...text('大家好') }, 'appchat/send')).errcode).toBe(0)
  const seen = { kind: 'group-text', chatid: 'team1', text: '大家好', agentId: main.agentId }
  expect(rig.tenant.ledger.seen({ chatid: 'team1' })).toMatchObject([seen])
})

test('tenant-groups: a group without chatid gets one', async () => {
  using rig = await openTenant()
  const { chatid } = await rig.send({ userlist }, 'appchat/create')
  expect(rig.tenant.groups.all).toMatchObject([{ chatid: String(chatid), agentId: main.agentId }])
})

const wrong: [string, object, number][] = [
  ['one member', { userlist: ['lisi'] }, 86006],
  ['one member twice', { userlist: ['lisi', 'LiSi'] }, 86006],
  ['2,001 members', { userlist: Array.from({ length: 2_001 }, (_, index) => `u${index}`) }, 86006],
  ['a stranger', { userlist: ['lisi', 'nobody'] }, 86007],
  ['an owner who is not a member', { userlist, owner: 'wangwu' }, 86005],
  ['a name of 51 characters', { userlist, name: '组'.repeat(51) }, 86004],
  ['no members', {}, 40031],
  ['a chatid of other characters', { userlist, chatid: 'a-b' }, 86001],
  ['a chatid of 33 characters', { userlist, chatid: 'a'.repeat(33) }, 86001],
]

for (const [name, body, errcode] of wrong) {
  test(`tenant-groups: a group with ${name} is ${errcode}`, async () => {
    using rig = await openTenant()
    expect((await rig.send(body, 'appchat/create')).errcode).toBe(errcode)
    expect(rig.tenant.groups.all).toEqual([])
  })
}

test('tenant-groups: an app can only write to its own groups', async () => {
  using rig = await openTenant()
  rig.tenant.groups.add({ chatid: 'theirs', agentId: other.agentId, members: userlist })
  expect((await rig.send({ chatid: 'theirs', ...text('hi') }, 'appchat/send')).errcode).toBe(86008)
  expect((await rig.send({ chatid: 'wrBotGroup', ...text('hi') }, 'appchat/send')).errcode).toBe(86001)
  expect((await rig.send({ userlist, chatid: 'theirs' }, 'appchat/create')).errcode).toBe(86001)
  expect((await rig.get(`appchat/get?access_token=${await rig.accessToken()}&chatid=theirs`)).errcode).toBe(86008)
  expect(rig.tenant.ledger.entries).toEqual([])
})

test('tenant-groups: an app not visible to the root department has no groups', async () => {
  using rig = await openTenant({ apps: [{ ...main, isRootVisible: false }] })
  rig.tenant.groups.add({ chatid: 'team1', agentId: main.agentId })
  expect((await rig.send({ userlist }, 'appchat/create')).errcode).toBe(60011)
  expect((await rig.send({ chatid: 'team1', ...text('hi') }, 'appchat/send')).errcode).toBe(60011)
})

test('tenant-groups: a group accepts every message except cards', async () => {
  using rig = await openTenant()
  rig.tenant.groups.add({ chatid: 'team1', agentId: main.agentId, members: userlist })
  const media_id = rig.tenant.media.put({ type: 'file', name: 'a.pdf', bytes: Buffer.from('report') })
  const send = async (body: object) => (await rig.send({ chatid: 'team1', ...body }, 'appchat/send')).errcode
  const card = { card_type: 'text_notice', main_title: { title: 'a' }, card_action: { type: 1, url: 'https://a' } }
  const textcard = { title: 'a', description: 'b', url: 'https://example.com' }
  expect(await send({ msgtype: 'template_card', template_card: card })).toBe(40008)
  expect(await send({ msgtype: 'markdown', markdown: { content: '**a**' } })).toBe(0)
  expect(await send({ msgtype: 'file', file: { media_id } })).toBe(0)
  expect(await send({ msgtype: 'textcard', textcard })).toBe(0)
  expect(await send(text(''))).toBe(44004)
  expect(await send(text('a'.repeat(2_049)))).toBe(0)
  expect(rig.tenant.ledger.seen({ chatid: 'team1' }).map(({ kind, text: shown }) => [kind, shown.length])).toEqual([
    ['group-markdown', 5],
    ['group-media', 5],
    ['group-news', JSON.stringify(textcard).length],
    ['group-text', 2_048],
  ])
  expect(rig.tenant.violations()).toHaveLength(1)
})

test('tenant-groups: a body that is not JSON is 47001', async () => {
  using rig = await openTenant()
  const token = await rig.accessToken()
  for (const path of ['appchat/create', 'appchat/send', 'message/recall', 'message/update_template_card'])
    expect((await rig.post(`${path}?access_token=${token}`, '[]')).errcode).toBe(47001)
})
