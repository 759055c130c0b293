import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import type { Callback } from '../../src/domain/message.ts'
import { decodeAppCallback } from '../../src/wecom/callback/app-callback.ts'
import { cdata, common, type Fields, xmlOf } from './app-peer.ts'

function decode(fields: Fields): Callback {
  return decodeAppCallback(xmlOf(fields), { account: 'default', receivedAt: 1_780_000_001_500 }).callback
}

const event = (name: string, more: Fields = {}) => common({ MsgType: 'event', Event: name, ...more })
const unhandled = (type: string): Callback => ({ kind: 'unhandled', account: 'default', type })

const selected = (question: string, ...options: readonly string[]) =>
  `<SelectedItem><QuestionKey>${cdata(question)}</QuestionKey><OptionIds>${options
    .map(option => `<OptionId>${cdata(option)}</OptionId>`)
    .join('')}</OptionIds></SelectedItem>`

const clicks: readonly [string, Fields, string][] = [
  ['a button', { EventKey: 'ok', TaskId: 't-1', CardType: 'button_interaction' }, '[card] key=ok task=t-1'],
  [
    'a vote',
    { EventKey: 'submit', TaskId: 't-1', SelectedItems: { raw: selected('color', 'red', 'blue') } },
    '[card] key=submit task=t-1 color=red,blue',
  ],
  [
    'two questions',
    { EventKey: 'k', TaskId: 't', SelectedItems: { raw: selected('q1', 'a') + selected('q2', 'b', 'c') } },
    '[card] key=k task=t q1=a q2=b,c',
  ],
  ['no known fields', {}, '[card]'],
]

const click = {
  account: 'default',
  surface: 'app',
  origin: 'click',
  msgid: expect.stringMatching(/^[0-9a-f]{32}$/),
  sender: '00123',
  conversation: { account: 'default', kind: 'direct', id: '00123' },
  receivedAt: 1_780_000_001_500,
  createdAt: 1_780_000_000_000,
}

for (const name of ['template_card_event', 'template_card_menu_event'])
  for (const [what, more, text] of clicks) {
    test(`app callback: ${name} with ${what} becomes a click`, () => {
      const callback: unknown = decode(event(name, { ...more, ResponseCode: 'secret' }))
      const pressed = { eventKey: expect.any(String), taskId: expect.any(String), selected: expect.any(Array) }
      expect(callback).toEqual({
        kind: 'message',
        inbound: { ...click, text, click: expect.objectContaining(pressed) },
      })
    })
  }

const activity = (name: string, effectAt?: number) => ({
  kind: 'activity',
  account: 'default',
  key: expect.stringMatching(/^[0-9a-f]{32}$/),
  event: name,
  ...(effectAt !== undefined && { effectAt }),
})
const greet = (name: string) => ({
  kind: 'greet',
  account: 'default',
  key: expect.any(String),
  sender: '00123',
  event: name,
})
const job = { raw: '<JobId>j</JobId><JobType>sync_user</JobType><ErrCode>0</ErrCode><ErrMsg>ok</ErrMsg>' }

const events: readonly [string, Fields, unknown][] = [
  ['subscribe', {}, greet('subscribe')],
  ['enter_agent', { EventKey: '' }, greet('enter_agent')],
  ['unsubscribe', {}, unhandled('event:unsubscribe')],
  ['LOCATION', { Latitude: 23.1, Longitude: 113.3, Precision: 119 }, unhandled('event:LOCATION')],
  ['batch_job_result', { FromUserName: 'sys', BatchJob: job }, unhandled('event:batch_job_result')],
  ['change_contact', { FromUserName: 'sys', ChangeType: 'create_user' }, unhandled('event:change_contact')],
  ['click', { EventKey: 'menu' }, unhandled('event:click')],
  ['view', { EventKey: 'https://a' }, unhandled('event:view')],
  ['view_miniprogram', {}, unhandled('event:view_miniprogram')],
  ['scancode_push', { ScanCodeInfo: { raw: '<ScanType>qrcode</ScanType>' } }, unhandled('event:scancode_push')],
  ['scancode_waitmsg', {}, unhandled('event:scancode_waitmsg')],
  ['pic_sysphoto', {}, unhandled('event:pic_sysphoto')],
  ['pic_photo_or_album', {}, unhandled('event:pic_photo_or_album')],
  ['pic_weixin', {}, unhandled('event:pic_weixin')],
  ['location_select', {}, unhandled('event:location_select')],
  ['open_approval_change', {}, unhandled('event:open_approval_change')],
  ['share_agent_change', { FromUserName: 'sys' }, unhandled('event:share_agent_change')],
  ['share_chain_change', { FromUserName: 'sys' }, unhandled('event:share_chain_change')],
  ['inactive_alert', { EffectTime: 1_780_600_000 }, activity('inactive_alert', 1_780_600_000_000)],
  ['close_inactive_agent', { FromUserName: 'sys' }, activity('close_inactive_agent')],
  ['reopen_inactive_agent', { FromUserName: 'sys' }, activity('reopen_inactive_agent')],
  ['low_active_alert', { EffectTime: 1_780_600_000 }, activity('low_active_alert', 1_780_600_000_000)],
  ['low_active', { FromUserName: '' }, activity('low_active')],
  ['active_restored', { EffectTime: 'soon' }, activity('active_restored')],
  ['taskcard_click', { AgentId: 1 }, unhandled('event:taskcard_click')],
  ['something_newer', {}, unhandled('event:something_newer')],
]

for (const [name, more, expected] of events) {
  test(`app callback: the event ${name} is classified`, () => {
    const callback: unknown = decode(event(name, more))
    expect(callback).toEqual(expected)
  })
}

function keyOf(fields: Fields): string {
  const callback = decode(fields)
  if (callback.kind === 'message') return callback.inbound.msgid
  return callback.kind === 'greet' || callback.kind === 'activity' ? callback.key : ''
}

test('app callback: the key of an event covers exactly its six id fields', () => {
  const fields = event('template_card_event', { EventKey: 'k', TaskId: 't', ResponseCode: 'r1' })
  const parts = ['00123', '1780000000', 'template_card_event', 'k', 't', '1000002']
  expect(keyOf(fields)).toBe(createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32))
  expect(keyOf({ ...fields, ResponseCode: 'r2' })).toBe(keyOf(fields))
  const others: readonly Fields[] = [
    { ...fields, FromUserName: '0123' },
    { ...fields, CreateTime: 1_780_000_001 },
    { ...fields, Event: 'template_card_menu_event' },
    { ...fields, EventKey: 'kt', TaskId: '' },
    { ...fields, EventKey: 'k2' },
    { ...fields, TaskId: 't2' },
    { ...fields, AgentID: 1 },
  ]
  expect(new Set([fields, ...others].map(keyOf)).size).toBe(others.length + 1)
})

test('app callback: all event types have different keys', () => {
  const keys = ['subscribe', 'enter_agent', 'low_active', 'template_card_event'].map(name => keyOf(event(name)))
  expect(new Set(keys).size).toBe(4)
})
