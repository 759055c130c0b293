import { expect, test } from 'bun:test'
import type { Attachment, Callback, Inbound } from '../../src/domain/message.ts'
import { decodeAppCallback } from '../../src/wecom/callback/app-callback.ts'
import { seeded } from '../crypto/seeded.ts'
import { vector } from '../crypto/vectors.ts'
import { common, type Fields, textMessage, xmlOf } from './app-peer.ts'

const context = { account: 'default', receivedAt: 1_780_000_001_500 }

function decode(fields: Fields): Callback {
  return decodeAppCallback(xmlOf(fields), context).callback
}

function inboundOf(fields: Fields): Inbound {
  const callback = decode(fields)
  if (callback.kind !== 'message') throw new Error(`not a message: ${JSON.stringify(callback)}`)
  return callback.inbound
}

const message = (msgtype: string, more: Fields) => common({ MsgType: msgtype, ...more, MsgId: '77' })
const event = (name: string, more: Fields = {}) => common({ MsgType: 'event', Event: name, ...more })
const unhandled = (type: string): Callback => ({ kind: 'unhandled', account: 'default', type })

test('app callback: the vector message is decoded, all digits of its ids kept', () => {
  expect(decodeAppCallback(vector('agent-text-callback').message, context)).toEqual({
    agentid: '1000002',
    callback: {
      kind: 'message',
      inbound: {
        account: 'default',
        surface: 'app',
        origin: 'app',
        msgid: '9007199254740993',
        sender: '00123',
        conversation: { account: 'default', kind: 'direct', id: '00123' },
        text: 'hello <b>&',
        receivedAt: context.receivedAt,
        createdAt: 1_780_000_003_000,
      },
    },
  })
})

test('app callback: the message of the official demo is decoded', () => {
  const { message: xml } = vector('official-post')
  expect(decodeAppCallback(xml, context)).toMatchObject({
    agentid: '218',
    callback: { inbound: { sender: 'mycreate', text: 'hello', msgid: '4561255354251345929' } },
  })
})

test('app callback: text is kept byte for byte, in CDATA and plain', () => {
  const content = ' @助手 \t a\n\u2028 😀 /new ]]> &amp; <b>\u200d '
  expect(inboundOf(textMessage(content)).text).toBe(content)
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  expect(inboundOf(textMessage('', { Content: { raw: escaped } })).text).toBe(content)
})

test("app callback: text over the platform's limit is kept whole", () => {
  const content = '好'.repeat(300_000)
  expect(inboundOf(textMessage(content)).text).toBe(content)
})

test('app callback: plain values are equivalent to CDATA', () => {
  const inbound = inboundOf(textMessage('x', { FromUserName: { raw: ' 00123\n' }, MsgType: { raw: 'text' } }))
  expect(inbound.sender).toBe('00123')
})

const contents: readonly [string, Fields, string, readonly Attachment[] | undefined][] = [
  [
    'an image',
    message('image', { PicUrl: 'http://a', MediaId: 'm-1' }),
    '[image]',
    [{ kind: 'image', mediaId: 'm-1' }],
  ],
  ['an image without an id', message('image', { PicUrl: 'http://a' }), '[image]', undefined],
  [
    'a voice in Speex',
    message('voice', { MediaId: 'm-1', Format: 'speex' }),
    '[voice]',
    [{ kind: 'voice', mediaId: 'm-1', format: 'speex' }],
  ],
  ['a voice', message('voice', { MediaId: 'm-1', Format: 'amr' }), '[voice]', [{ kind: 'voice', mediaId: 'm-1' }]],
  [
    'a voice with a transcript',
    message('voice', { MediaId: 'm-1', Format: 'amr', Recognition: '明天开会' }),
    '明天开会',
    undefined,
  ],
  [
    'a voice with an empty transcript',
    message('voice', { MediaId: 'm-1', Recognition: ' ' }),
    '[voice]',
    [{ kind: 'voice', mediaId: 'm-1' }],
  ],
  [
    'a video',
    message('video', { MediaId: 'm-1', ThumbMediaId: 't-1' }),
    '[video]',
    [{ kind: 'video', mediaId: 'm-1' }],
  ],
  [
    'a file',
    message('file', { MediaId: 'm-1', FileName: '报表 1.xlsx' }),
    '[file 报表 1.xlsx]',
    [{ kind: 'file', mediaId: 'm-1', fileName: '报表 1.xlsx' }],
  ],
  [
    'a file that has a title',
    message('file', { MediaId: 'm-1', Title: 'a.pdf' }),
    '[file a.pdf]',
    [{ kind: 'file', mediaId: 'm-1', fileName: 'a.pdf' }],
  ],
  ['a file without a name', message('file', { MediaId: 'm-1' }), '[file]', [{ kind: 'file', mediaId: 'm-1' }]],
  [
    'a location',
    message('location', { Location_X: { raw: '23.1340' }, Location_Y: '113.358', Scale: 20, Label: '广州 塔' }),
    '[location] 广州 塔 (23.1340,113.358)',
    undefined,
  ],
  [
    'a location without a name',
    message('location', { Location_X: '23', Location_Y: '113', Label: '' }),
    '[location] (23,113)',
    undefined,
  ],
  [
    'a link',
    message('link', { Title: '标题', Description: 'd', Url: 'https://a/?b=1&c=2', PicUrl: 'http://p' }),
    '[link] 标题 https://a/?b=1&c=2',
    undefined,
  ],
  ['a link without a title', message('link', { Url: 'https://a' }), '[link] https://a', undefined],
]

for (const [what, fields, text, attachments] of contents) {
  test(`app callback: ${what} becomes text for the agent`, () => {
    const inbound = inboundOf(fields)
    expect(inbound).toMatchObject({ origin: 'app', msgid: '77', sender: '00123', text })
    expect(inbound.attachments).toEqual(attachments)
    expect(inbound.isMediaOnly).toBe(attachments === undefined ? undefined : true)
  })
}

const nothings: readonly [string, Fields, string][] = [
  ['an unknown kind of the platform', message('hologram', { FromUserName: 'sys' }), 'hologram'],
  ['an unknown kind without MsgId', common({ MsgType: 'hologram' }), 'hologram'],
  ['a text of spaces', textMessage(' \n '), 'text'],
  ['an empty text', textMessage(''), 'text'],
  ['a message of the platform', textMessage('x', { FromUserName: 'sys' }), 'text'],
  ['a message without a sender', textMessage('x', { FromUserName: '' }), 'text'],
  ['an invalid msgtype', message('a b', {}), 'invalid'],
  ['a payload without a msgtype', common({ MsgId: '1' }), 'invalid'],
  ['a message without MsgId', common({ MsgType: 'text', Content: 'x' }), 'invalid'],
  ['a MsgId of 129 characters', textMessage('x', { MsgId: 'm'.repeat(129) }), 'invalid'],
  ['a user of 129 characters', textMessage('x', { FromUserName: 'u'.repeat(129) }), 'invalid'],
  ['a user with a newline', textMessage('x', { FromUserName: 'a\nb' }), 'invalid'],
  ['a user with a NUL', textMessage('x', { FromUserName: 'a\0b' }), 'invalid'],
  ['a user with elements in it', textMessage('x', { FromUserName: { raw: 'a<b/>' } }), 'text'],
  ['a text without content', message('text', {}), 'invalid'],
  ['a content with elements in it', textMessage('', { Content: { raw: 'a<b>c</b>' } }), 'invalid'],
  ['a location without a place', message('location', { Location_X: '23', Label: 'x' }), 'invalid'],
  ['a link without an address', message('link', { Title: 'x' }), 'invalid'],
  ['an event without a name', common({ MsgType: 'event' }), 'invalid'],
  ['an event with an invalid name', event('a b\nc'), 'invalid'],
  ['an event whose name is too long', event('e'.repeat(65)), 'invalid'],
  ['a click without a user', event('template_card_event', { FromUserName: '' }), 'event:template_card_event'],
  ['a click of a user with a newline', event('template_card_event', { FromUserName: 'a\nb' }), 'invalid'],
  ['a visit of a user with a newline', event('enter_agent', { FromUserName: 'a\nb' }), 'invalid'],
]

for (const [what, fields, type] of nothings) {
  test(`app callback: ${what} is unhandled as ${type}`, () => {
    expect(decode(fields)).toEqual(unhandled(type))
  })
}

test.each(['hologram', 'sticker', 'forwarded_chat'])('app callback: the sender of a %s is known', msgtype => {
  expect(decode(message(msgtype, {}))).toMatchObject({
    kind: 'message',
    inbound: { origin: 'app', text: '', unknownKind: msgtype, sender: '00123' },
  })
})

test('app callback: invalid XML is unhandled as invalid', () => {
  const xml = xmlOf(textMessage('x'))
  const documents = ['', '{}', xml.replace('</xml>', ''), `<!DOCTYPE xml>${xml}`, xml.replaceAll('xml>', 'XML>')]
  for (const document of [...documents, '<__proto__><MsgType>text</MsgType></__proto__>', '<xml>'.repeat(100_000)])
    expect(decodeAppCallback(document, context)).toEqual({ callback: unhandled('invalid') })
})

test('app callback: CreateTime is in seconds; an invalid one is left out', () => {
  const createdAt = (value: string) => inboundOf(textMessage('x', { CreateTime: { raw: value } })).createdAt
  expect(createdAt('1780000000')).toBe(1_780_000_000_000)
  for (const none of ['', '0', '-1', '1.5', 'soon', '1780000000000']) expect(createdAt(none)).toBeUndefined()
})

test('app callback: 2,000 damaged bodies never throw', () => {
  const selected = xmlOf({ SelectedItem: { raw: xmlOf({ QuestionKey: 'q' }) } })
  const dice = seeded(20_261_123)
  const bodies = [
    xmlOf(textMessage('你好 😀 &amp; ]]>')),
    xmlOf(event('template_card_event', { EventKey: 'k', SelectedItems: { raw: selected } })),
    xmlOf(event('inactive_alert', { EffectTime: 1_780_600_000 })),
    xmlOf(message('location', { Location_X: '1', Location_Y: '2', Label: 'x' })),
  ]
  const pieces = [
    '<',
    '>',
    '&',
    ']]>',
    '<![CDATA[',
    '<!--',
    '<!DOCTYPE x>',
    '</xml>',
    '<__proto__>',
    '\0',
    '😀',
    '/',
    '<?',
  ]
  const kinds = new Map<string, number>()
  for (let round = 0; round < 2000; round++) {
    let body = bodies[round % bodies.length] ?? ''
    for (let damage = dice.below(3); damage >= 0; damage--) {
      const at = dice.below(body.length)
      const piece = pieces[dice.below(pieces.length)] ?? ''
      body = body.slice(0, at) + piece + body.slice(at + dice.below(12))
    }
    const { kind } = decodeAppCallback(body, context).callback
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  }
  expect([...kinds.keys()].toSorted()).toEqual(['activity', 'message', 'unhandled'])
})
