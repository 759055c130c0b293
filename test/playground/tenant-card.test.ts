import { expect, test } from 'bun:test'
import { main, openTenant, other, text } from './tenant-rig.ts'

const apps = [{ ...main, callbackUrl: 'http://127.0.0.1:9/app' }, other]
const title = { title: '请假' }
const button = (key: string) => ({ text: key, key })
const options = (count: number) => Array.from({ length: count }, (_, index) => ({ id: `o${index}`, text: 'x' }))
const select = (count: number) => ({ question_key: 'q', option_list: options(count) })

const notice = { card_type: 'text_notice', main_title: title, card_action: { type: 1, url: 'https://example.com' } }
const picture = { ...notice, card_type: 'news_notice', card_image: { url: 'https://example.com/a.png' } }
const buttons = {
  card_type: 'button_interaction',
  main_title: title,
  task_id: 't1',
  button_list: [button('yes'), button('no')],
}
const vote = {
  card_type: 'vote_interaction',
  main_title: title,
  task_id: 't2',
  checkbox: select(2),
  submit_button: button('s'),
}
const multiple = {
  card_type: 'multiple_interaction',
  main_title: title,
  select_list: [select(2)],
  submit_button: button('s'),
}

const send = (card: unknown) => ({ touser: 'lisi|wangwu', msgtype: 'template_card', template_card: card })

for (const card of [notice, picture, buttons, vote, multiple]) {
  test(`tenant-card: a ${card.card_type} is shown, clickable or not`, async () => {
    using rig = await openTenant({ apps })
    const answer = await rig.send(send(card))
    expect(answer.errcode).toBe(0)
    expect('response_code' in answer).toBe(card.card_type.endsWith('interaction'))
    const entry = rig.tenant.ledger.entries[0]
    expect(entry?.kind).toBe('app-card')
    expect(JSON.parse(entry?.text ?? '')).toEqual(card)
  })
}

test('tenant-card: a notice with a menu can be clicked', async () => {
  using rig = await openTenant({ apps })
  const menu = { desc: 'more', action_list: [{ text: 'a', key: 'a' }] }
  expect(await rig.send(send({ ...notice, action_menu: menu, task_id: 't' }))).toHaveProperty('response_code')
  expect((await rig.send(send({ ...notice, action_menu: menu }))).errcode).toBe(40058)
})

const wrong: [string, unknown][] = [
  ['that is a text', JSON.stringify(notice)],
  ['of another type', { ...notice, card_type: 'markdown' }],
  ['without a type', { main_title: title }],
  ['without an action', { ...notice, card_action: undefined }],
  ['without a title', { ...notice, main_title: {} }],
  ['without a picture', { ...picture, card_image: undefined }],
  ['without buttons', { ...buttons, button_list: [] }],
  ['with seven buttons', { ...buttons, button_list: '1234567'.split('').map(button) }],
  ['with two buttons of one key', { ...buttons, button_list: [button('a'), button('a')] }],
  ['with buttons and no task_id', { ...buttons, task_id: undefined }],
  ['with a task_id of other characters', { ...buttons, task_id: 'a b' }],
  ['with a task_id of 129 bytes', { ...buttons, task_id: 'a'.repeat(129) }],
  ['with a vote of 21 options', { ...vote, checkbox: select(21) }],
  ['with a vote without question_key', { ...vote, checkbox: { option_list: options(2) } }],
  ['with four selections', { ...multiple, select_list: [1, 1, 1, 1].map(select) }],
  ['with eleven options', { ...multiple, select_list: [select(11)] }],
  ['with seven lines', { ...notice, horizontal_content_list: options(7) }],
  ['with four jumps', { ...notice, jump_list: options(4) }],
  ['with five texts', { ...picture, vertical_content_list: options(5) }],
]

for (const [name, card] of wrong) {
  test(`tenant-card: a card ${name} is 40058`, async () => {
    using rig = await openTenant({ apps })
    expect((await rig.send(send(card))).errcode).toBe(40058)
    expect(rig.tenant.ledger.entries).toEqual([])
  })
}

test('tenant-card: an app without a callback URL cannot send clickable cards', async () => {
  using rig = await openTenant()
  expect((await rig.send(send(buttons))).errcode).toBe(40058)
  expect((await rig.send(send(notice))).errcode).toBe(0)
})

async function withButtons() {
  const rig = await openTenant({ apps })
  const { response_code } = await rig.send(send(buttons))
  const update = (body: object) => rig.send({ response_code, ...body }, 'message/update_template_card')
  return { rig, update }
}

const replace = { button: { replace_name: '已批准' } }

test('tenant-card: a response_code updates a card once', async () => {
  const { rig, update } = await withButtons()
  using _ = rig
  expect(await update({ userids: ['lisi', 'Nobody'], ...replace })).toMatchObject({
    errcode: 0,
    invaliduser: ['nobody'],
  })
  expect((await update({ userids: ['lisi'], ...replace })).errcode).toBe(40058)
  const updates = rig.tenant.ledger.entries.filter(entry => entry.kind === 'app-card-update')
  expect(updates).toMatchObject([{ userid: 'lisi', text: JSON.stringify(replace.button), agentId: main.agentId }])
})

test('tenant-card: a card can be updated for all, or replaced', async () => {
  const { rig, update } = await withButtons()
  using _ = rig
  expect((await update({ atall: 1, template_card: notice })).errcode).toBe(0)
  expect(rig.tenant.ledger.entries.filter(entry => entry.kind === 'app-card-update')).toHaveLength(4)
})

test('tenant-card: a rejected update does not use up the code', async () => {
  const { rig, update } = await withButtons()
  using _ = rig
  expect((await update({ userids: ['lisi'] })).errcode).toBe(40058)
  expect((await update({ userids: ['lisi'], template_card: { card_type: 'x' } })).errcode).toBe(40058)
  expect((await update({ userids: ['lisi'], response_code: 'nope', ...replace })).errcode).toBe(40058)
  expect((await update({ userids: ['lisi'], agentid: other.agentId, ...replace })).errcode).toBe(301002)
  expect((await update({ userids: ['nobody'], ...replace })).errcode).toBe(81013)
  expect((await update({ ...replace })).errcode).toBe(82001)
  expect((await update({ userids: ['lisi'], ...replace })).errcode).toBe(0)
})

test('tenant-card: a response_code is valid for 72 hours and its app only', async () => {
  const { rig, update } = await withButtons()
  using _ = rig
  const { response_code } = await rig.send(send({ ...vote }))
  const token = await rig.accessToken(other)
  const stolen = { response_code, agentid: other.agentId, userids: ['lisi'], ...replace }
  expect((await rig.post(`message/update_template_card?access_token=${token}`, stolen)).errcode).toBe(40058)
  rig.passMs(72 * 3_600_000)
  expect((await update({ userids: ['lisi'], ...replace })).errcode).toBe(40058)
  expect((await rig.send({ touser: 'lisi', ...text('hi') })).errcode).toBe(0)
})
