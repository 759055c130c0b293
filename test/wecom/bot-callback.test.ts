import { expect, test } from 'bun:test'
import type { Callback, Inbound } from '../../src/domain/message.ts'
import { decodeBotCallback } from '../../src/wecom/callback/bot-callback.ts'
import { vector } from '../crypto/vectors.ts'

const context = { account: 'default', receivedAt: 1_780_000_001_500 }
const direct = { msgid: 'M1', aibotid: 'aib1', chattype: 'single', from: { userid: 'ZhangSan' } }
const group = { ...direct, chattype: 'group', chatid: 'wrTESTCHAT' }

function decode(payload: unknown, botNames?: readonly string[]): Callback {
  const names = botNames === undefined ? {} : { botNames }
  return decodeBotCallback(JSON.stringify(payload), { ...context, ...names }).callback
}

function inboundOf(payload: unknown, botNames?: readonly string[]): Inbound {
  const callback = decode(payload, botNames)
  if (callback.kind !== 'message') throw new Error(`not a message: ${JSON.stringify(callback)}`)
  return callback.inbound
}

const text = (content: string, rest: object = direct) => ({ ...rest, msgtype: 'text', text: { content } })
const mixed = (...items: readonly object[]) => ({ msgtype: 'mixed', mixed: { msg_item: items } })
const textItem = (content: string) => ({ msgtype: 'text', text: { content } })
const image = { kind: 'image', url: 'https://example.invalid/1' } as const
const file = { kind: 'file', url: 'https://example.invalid/2' } as const
const video = { kind: 'video', url: 'https://example.invalid/3' } as const
const imageItem = { msgtype: 'image', image: { url: image.url } }
const fileItem = { msgtype: 'file', file: { url: file.url } }
const videoItem = { msgtype: 'video', video: { url: video.url } }

test('bot callback: the vector group message is decoded without the @name', () => {
  const { callback, aibotid } = decodeBotCallback(vector('bot-text-callback').message, context)
  expect(aibotid).toBe('aibTEST')
  expect(callback).toEqual({
    kind: 'message',
    inbound: {
      account: 'default',
      surface: 'bot',
      origin: 'message',
      msgid: 'CAIQexample001',
      sender: '007zhang',
      conversation: { account: 'default', kind: 'group', id: 'wrTESTCHAT' },
      text: '今天天气 😀',
      receivedAt: context.receivedAt,
      responseUrl: 'https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=RC001',
    },
  })
})

test('bot callback: text of a single chat is kept byte for byte', () => {
  const content = ' @助手 \t a\r\n\u2028 😀 /new \u200d'
  const inbound = inboundOf(text(content))
  expect(inbound.text).toBe(content)
  expect(inbound.conversation).toEqual({ account: 'default', kind: 'direct', id: 'ZhangSan' })
})

test('bot callback: only configured names are removed from group messages', () => {
  expect(inboundOf(text('@张三 和 @助手 看', group), ['助手']).text).toBe('@张三 和 看')
})

test('bot callback: mixed items are joined by newlines, images as [image]', () => {
  const payload = {
    ...group,
    ...mixed(textItem('@助手 '), imageItem, textItem('看图'), fileItem, { msgtype: 'image' }),
  }
  expect(inboundOf(payload)).toMatchObject({ text: '[image]\n看图\n[file]', attachments: [image, file] })
  expect('isMediaOnly' in inboundOf(payload)).toBe(false)
  const plain = inboundOf({ ...direct, ...mixed(textItem('一'), textItem('二')) })
  expect(plain.text).toBe('一\n二')
  expect('attachments' in plain).toBe(false)
})

const led: readonly [string, readonly object[], readonly string[] | undefined, string][] = [
  ['a command after a picture', [imageItem, textItem('@助手 /stop')], undefined, '[image]\n/stop'],
  ['words after two files', [fileItem, fileItem, textItem('@助手，看看')], undefined, '[file]\n[file]\n，看看'],
  ['a name with bot.name', [imageItem, textItem('请 @助手 看')], ['助手'], '[image]\n请 看'],
  ['a name alone in its part', [imageItem, textItem('@助手 '), textItem('看图')], undefined, '[image]\n看图'],
  ['a second name', [textItem('@助手 问'), imageItem, textItem('@张三 看')], undefined, '问\n[image]\n@张三 看'],
]

for (const [what, items, names, expected] of led) {
  test(`bot callback: in a mixed message of a group the first words are the beginning: ${what}`, () => {
    expect(inboundOf({ ...group, ...mixed(...items) }, names).text).toBe(expected)
  })
}

const unknownItems: readonly [string, readonly object[], string][] = [
  ['between texts', [textItem('一'), { msgtype: 'sticker' }, textItem('二')], '一\n[unsupported: sticker]\n二'],
  ['alone', [{ msgtype: 'chat_record' }], '[unsupported: chat_record]'],
  ['next to a picture', [imageItem, { msgtype: 'card', card: {} }], '[image]\n[unsupported: card]'],
]

for (const [what, items, expected] of unknownItems) {
  test(`bot callback: an item of an unknown kind is named to the agent: ${what}`, () => {
    expect(inboundOf({ ...direct, ...mixed(...items) }).text).toBe(expected)
  })
}

test.each(['sticker', 'chat_record', 'card.v2'])('bot callback: the sender of a %s is known', msgtype => {
  for (const where of [direct, group]) {
    expect(inboundOf({ ...where, msgtype })).toMatchObject({ text: '', unknownKind: msgtype, sender: 'ZhangSan' })
  }
})

const documents: readonly [string, object, Partial<Inbound>][] = [
  [
    'with a file',
    { title: '方案', file: { url: file.url } },
    { text: '方案\n[file]', attachments: [file], isMediaOnly: true },
  ],
  ['without a title', { file: { url: file.url } }, { text: '[file]', attachments: [file] }],
  ['without a file', { title: '周报', url: 'https://example.invalid/doc' }, { text: '周报' }],
  ['with a file that has no link', { title: '周报', file: {} }, { text: '周报' }],
]

for (const [what, appmsg, expected] of documents) {
  test(`bot callback: a shared document ${what}`, () => {
    expect(inboundOf({ ...direct, msgtype: 'appmsg', appmsg })).toMatchObject(expected)
  })
}

const media: readonly [string, object, Partial<Inbound>][] = [
  ['an image', imageItem, { text: '[image]', attachments: [image] }],
  ['a file', fileItem, { text: '[file]', attachments: [file] }],
  ['a video', videoItem, { text: '[video]', attachments: [video] }],
  ['a mixed message of images', mixed(imageItem, imageItem), { text: '[image]\n[image]', attachments: [image, image] }],
]

for (const [what, payload, expected] of media) {
  test(`bot callback: ${what} is a media-only message`, () => {
    expect(inboundOf({ ...direct, ...payload })).toMatchObject({ ...expected, isMediaOnly: true })
  })
}

test("bot callback: a quote's media are attached, and it is not media-only", () => {
  const inbound = inboundOf({ ...group, ...imageItem, quote: fileItem })
  expect(inbound).toMatchObject({
    before: '> [quoted file]',
    text: '[image]',
    attachments: [{ ...file, isQuoted: true }, image],
  })
  expect('isMediaOnly' in inbound).toBe(false)
  expect(inboundOf({ ...text('看', direct), quote: mixed(textItem('一'), imageItem) }).attachments).toEqual([
    { ...image, isQuoted: true },
  ])
})

test('bot callback: a voice message becomes its transcript', () => {
  expect(inboundOf({ ...direct, msgtype: 'voice', voice: { content: '明天开会' } }).text).toBe('明天开会')
})

const quotes: readonly [string, object, string][] = [
  ['a text', { msgtype: 'text', text: { content: '第一行\n第二行' } }, '> 第一行\n> 第二行'],
  ['a text with CRLF', { msgtype: 'text', text: { content: 'a\r\nb\n' } }, '> a\n> b'],
  ['a voice', { msgtype: 'voice', voice: { content: '开会' } }, '> 开会'],
  ['a mixed message', mixed(textItem('一'), imageItem, textItem('二')), '> 一\n> [image]\n> 二'],
  ['a mixed message of images', mixed(imageItem), '> [quoted mixed]'],
  ['an image', imageItem, '> [quoted image]'],
  ['a file', { msgtype: 'file', file: { url: 'x' } }, '> [quoted file]'],
  ['an unknown type', { msgtype: 'hologram' }, '> [quoted hologram]'],
  ['an invalid type', { msgtype: 'a\nb' }, '> [quoted message]'],
  ['a text without content', { msgtype: 'text' }, '> [quoted text]'],
]

for (const [what, quote, expected] of quotes) {
  test(`bot callback: a quote of ${what} precedes the text`, () => {
    expect(inboundOf({ ...text('@助手 怎么办', group), quote })).toMatchObject({ before: expected, text: '怎么办' })
  })
}

test('bot callback: a quote with only the @name is a message', () => {
  const quote = { msgtype: 'text', text: { content: '原文' } }
  expect(inboundOf({ ...text('@助手 ', group), quote })).toMatchObject({ before: '> 原文', text: '' })
})

test('bot callback: a chatid means group if chattype is missing or unknown', () => {
  const { chattype: _, ...rest } = group
  expect(inboundOf(text('x', rest)).conversation.kind).toBe('group')
  expect(inboundOf(text('x', { ...group, chattype: 'topic' })).conversation.id).toBe('wrTESTCHAT')
  expect(inboundOf(text('x', { ...group, chattype: 'single' })).conversation.kind).toBe('direct')
})

function createdAt(create_time: unknown): number | undefined {
  return inboundOf({ ...text('x'), create_time }).createdAt
}

test('bot callback: create_time is in seconds; an invalid one is left out', () => {
  expect(createdAt(1_780_000_000)).toBe(1_780_000_000_000)
  expect(createdAt('1780000000')).toBe(1_780_000_000_000)
  for (const none of [undefined, null, 0, -1, 1.5, 'soon', 1_780_000_000_000, {}])
    expect(createdAt(none)).toBeUndefined()
})

test('bot callback: both spellings of response_url are accepted', () => {
  expect(inboundOf({ ...text('x'), responseurl: 'https://a' }).responseUrl).toBe('https://a')
  expect(inboundOf({ ...text('x'), response_url: 'https://b', responseurl: 'https://a' }).responseUrl).toBe('https://b')
  expect('responseUrl' in inboundOf({ ...text('x'), response_url: '' })).toBe(false)
})

test('bot callback: an @name alone and an empty voice are empty messages', () => {
  expect(inboundOf(text('@助手 ', group)).text).toBe('')
  expect(inboundOf({ ...direct, msgtype: 'voice', voice: { content: '' } }).text).toBe('')
})

test('bot callback: a lone surrogate is replaced', () => {
  expect(inboundOf(text('a\ud83d')).text).toBe('a\ufffd')
})

test('bot callback: refresh and enter_chat are decoded', () => {
  const refresh = { ...direct, msgtype: 'stream', stream: { id: 'st_1' } }
  expect(decode(refresh)).toEqual({ kind: 'refresh', account: 'default', streamId: 'st_1' })
  const enter = { msgid: 'E1', from: { userid: 'U1' }, msgtype: 'event', event: { eventtype: 'enter_chat' } }
  expect(decode(enter)).toEqual({ kind: 'enter', account: 'default', msgid: 'E1', sender: 'U1' })
})

const oddTimes: readonly unknown[] = [{ toString: 1 }, { valueOf: null }, [1_780_000_000], true, null, '', 'now', 1e12]

for (const create_time of oddTimes) {
  test(`bot callback: a create_time of ${JSON.stringify(create_time)} is as if absent`, () => {
    expect(inboundOf({ ...text('hi'), create_time })).not.toHaveProperty('createdAt')
  })
}

const unhandled: readonly [string, unknown, string][] = [
  ['an image without a link', { ...direct, msgtype: 'image', image: {} }, 'invalid'],
  ['an unknown kind', { msgtype: 'hologram' }, 'hologram'],
  ['feedback without content', { msgtype: 'event', event: { eventtype: 'feedback_event' } }, 'invalid'],
  ['an unknown event', { msgtype: 'event', event: { eventtype: 'x_event' } }, 'event:x_event'],
  ['a list', [], 'invalid'],
  ['a string', 'text', 'invalid'],
  ['null', null, 'invalid'],
  ['an object without msgtype', direct, 'invalid'],
  ['an invalid msgtype', { ...direct, msgtype: 'a b\nc' }, 'invalid'],
  ['a numeric msgtype', { ...direct, msgtype: 7 }, 'invalid'],
  ['a message without msgid', text('x', { ...direct, msgid: undefined }), 'invalid'],
  ['a message with an empty msgid', text('x', { ...direct, msgid: '' }), 'invalid'],
  ['a message with a numeric msgid', text('x', { ...direct, msgid: 7 }), 'invalid'],
  ['a msgid of 129 characters', text('x', { ...direct, msgid: 'm'.repeat(129) }), 'invalid'],
  ['a message without sender', text('x', { ...direct, from: undefined }), 'invalid'],
  ['a userid of 129 characters', text('x', { ...direct, from: { userid: 'u'.repeat(129) } }), 'invalid'],
  ['a userid with a newline', text('x', { ...direct, from: { userid: 'a\nb' } }), 'invalid'],
  ['a userid with a NUL', text('x', { ...direct, from: { userid: 'a\0b' } }), 'invalid'],
  ['a group message without chatid', text('x', { ...group, chatid: undefined }), 'invalid'],
  ['a group message with a list as chatid', text('x', { ...group, chatid: ['wr'] }), 'invalid'],
  ['a text without content', { ...direct, msgtype: 'text' }, 'invalid'],
  ['a text whose content is a list', { ...direct, msgtype: 'text', text: { content: ['x'] } }, 'invalid'],
  ['a mixed message without items', { ...direct, msgtype: 'mixed', mixed: {} }, 'invalid'],
  ['a refresh without id', { ...direct, msgtype: 'stream', stream: {} }, 'invalid'],
  ['an event without eventtype', { ...direct, msgtype: 'event', event: {} }, 'invalid'],
  ['an enter_chat without sender', { msgid: 'E', msgtype: 'event', event: { eventtype: 'enter_chat' } }, 'invalid'],
]

for (const [what, payload, type] of unhandled) {
  test(`bot callback: ${what} is unhandled as ${type}`, () => {
    expect(decode(payload)).toEqual({ kind: 'unhandled', account: 'default', type })
  })
}

test('bot callback: invalid JSON and prototype keys are invalid', () => {
  const polluted = '{"__proto__":{"msgtype":"text"},"msgid":"1"}'
  for (const json of ['', '{', '<xml/>', '[[[', polluted, '['.repeat(500_000)]) {
    expect(decodeBotCallback(json, context).callback).toEqual({
      kind: 'unhandled',
      account: 'default',
      type: 'invalid',
    })
  }
})

test('bot callback: an id of 128 characters is valid', () => {
  expect(inboundOf(text('x', { ...direct, msgid: 'm'.repeat(128) })).msgid).toHaveLength(128)
})

const clicked = (event: object, rest: object = direct) => ({
  ...rest,
  create_time: 1_780_000_000,
  response_url: 'https://qyapi.weixin.qq.com/click',
  msgtype: 'event',
  event: { eventtype: 'template_card_event', template_card_event: event },
})

test('bot callback: a card click is a message with its selections', () => {
  const selected_items = {
    selected_item: [
      { question_key: 'q1', option_ids: { option_id: ['a', 'b'] } },
      { question_key: 'q2', option_ids: { option_id: 'c' } },
    ],
  }
  const event = { card_type: 'vote_interaction', event_key: 'submit', task_id: 't-1', selected_items }
  expect(inboundOf(clicked(event, group))).toEqual({
    account: 'default',
    surface: 'bot',
    origin: 'click',
    msgid: 'M1',
    sender: 'ZhangSan',
    conversation: { account: 'default', kind: 'group', id: 'wrTESTCHAT' },
    text: '[card] key=submit task=t-1 q1=a,b q2=c',
    click: {
      cardType: 'vote_interaction',
      eventKey: 'submit',
      taskId: 't-1',
      selected: [
        { questionKey: 'q1', optionIds: ['a', 'b'] },
        { questionKey: 'q2', optionIds: ['c'] },
      ],
    },
    receivedAt: context.receivedAt,
    createdAt: 1_780_000_000_000,
    responseUrl: 'https://qyapi.weixin.qq.com/click',
  })
})

test("bot callback: a click in the table's spelling is decoded, too", () => {
  const spelled = { cardtype: 'button_interaction', eventkey: 'k', taskid: 't' }
  expect(inboundOf(clicked(spelled)).text).toBe('[card] key=k task=t')
  expect(inboundOf(clicked({ selected_items: { selected_item: [7, null, {}] } })).text).toBe('[card] = = =')
  expect(inboundOf(clicked({})).text).toBe('[card]')
  expect(decode(clicked({}, { ...direct, from: {} }))).toMatchObject({ kind: 'unhandled', type: 'invalid' })
})

const feedbackOf = (event: object) =>
  decode({ ...direct, msgtype: 'event', event: { eventtype: 'feedback_event', feedback_event: event } })

test('bot callback: feedback has the answer, the verdict and the reasons', () => {
  const event = { id: 'trace_st_1', type: 2, content: '不对', inaccurate_reason_list: [2, 4, 'x'] }
  expect(feedbackOf(event)).toEqual({
    kind: 'feedback',
    account: 'default',
    key: 'M1',
    feedback: { id: 'trace_st_1', verdict: 'inaccurate', reasons: [2, 4], content: '不对' },
  })
  expect(feedbackOf({ id: 'i', type: 1 })).toMatchObject({ feedback: { id: 'i', verdict: 'accurate', reasons: [] } })
  expect(feedbackOf({ id: 'i', type: 3 })).toMatchObject({ feedback: { verdict: 'withdrawn' } })
  for (const type of ['constructor', '__proto__', { toString: 1 }, [1], null, true])
    expect(feedbackOf({ id: 'i', type })).toMatchObject({ kind: 'unhandled', type: 'invalid' })
  expect(feedbackOf({ id: 'i', type: '2' })).toMatchObject({ kind: 'feedback', feedback: { verdict: 'inaccurate' } })
  expect(feedbackOf({ id: 'i', type: 9 })).toMatchObject({ kind: 'unhandled', type: 'invalid' })
})
