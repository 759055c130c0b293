import { describe, expect, test } from 'bun:test'
import type { Message } from '../../src/domain/delivery.ts'
import { encodeAppMessage, encodeGroupMessage, type Receivers } from '../../src/wecom/api/app-message.ts'

const bob: Receivers = { kind: 'user', ids: ['bob'] }
const media = {
  kind: 'media',
  fileName: '报告.pdf',
  bytes: 9,
  source: { kind: 'spool', file: 'f' },
  mediaId: 'M',
} as const
const card = { card_type: 'text_notice', main_title: { title: 'A' } }
const articles = [{ title: 't', url: 'https://x.example/', description: 'd', picurl: 'https://x.example/p.png' }]

const messages: readonly [what: string, message: Message, msgtype: string, content: object][] = [
  ['a text', { kind: 'text', content: '你好\n<a href="x">"' }, 'text', { text: { content: '你好\n<a href="x">"' } }],
  ['markdown', { kind: 'markdown', content: '# 你好' }, 'markdown', { markdown: { content: '# 你好' } }],
  ['a picture', { ...media, media: 'image' }, 'image', { image: { media_id: 'M' } }],
  ['a voice', { ...media, media: 'voice' }, 'voice', { voice: { media_id: 'M' } }],
  ['a file', { ...media, media: 'file' }, 'file', { file: { media_id: 'M' } }],
  ['a video', { ...media, media: 'video' }, 'video', { video: { media_id: 'M', title: '报告.pdf' } }],
  [
    'news',
    { kind: 'news', articles },
    'news',
    {
      news: {
        articles: [{ title: 't', description: 'd', url: 'https://x.example/', picurl: 'https://x.example/p.png' }],
      },
    },
  ],
  [
    'news without a picture',
    { kind: 'news', articles: [{ url: 'https://x.example/', title: 't' }] },
    'news',
    { news: { articles: [{ title: 't', url: 'https://x.example/' }] } },
  ],
]

describe('app messages', () => {
  const all: typeof messages = [
    ...messages,
    ['a card', { kind: 'card', card }, 'template_card', { template_card: card }],
  ]
  for (const [what, message, msgtype, content] of all) {
    test(`app-message: ${what} in the platform's format`, () => {
      expect(encodeAppMessage(1000002, bob, message, false)).toBe(
        JSON.stringify({
          touser: 'bob',
          msgtype,
          agentid: 1000002,
          ...content,
          enable_duplicate_check: 1,
          duplicate_check_interval: 120,
        }),
      )
    })
  }

  const receivers: readonly [Receivers, object][] = [
    [{ kind: 'user', ids: ['bob', 'Alice'] }, { touser: 'bob|Alice' }],
    [{ kind: 'user', ids: ['@all'] }, { touser: '@all' }],
    [{ kind: 'party', ids: ['1', '22'] }, { toparty: '1|22' }],
    [{ kind: 'tag', ids: ['7'] }, { totag: '7' }],
  ]
  for (const [to, wire] of receivers) {
    test(`app-message: ${to.kind} ${to.ids.join(' and ')} is ${JSON.stringify(wire)}`, () => {
      const body: object = JSON.parse(encodeAppMessage(1, to, { kind: 'text', content: 'x' }, false))
      expect(body).toMatchObject(wire)
      expect(Object.keys(body).filter(key => key.startsWith('to'))).toHaveLength(1)
    })
  }

  test('app-message: unchecked turns the duplicate check off', () => {
    const body: object = JSON.parse(encodeAppMessage(1, bob, { kind: 'text', content: 'x' }, true))
    expect(body).toMatchObject({ enable_duplicate_check: 0, duplicate_check_interval: 120 })
  })

  test('app-message: a video title is cut at a character boundary', () => {
    const video: Message = { ...media, media: 'video', fileName: '视'.repeat(50) }
    expect(encodeAppMessage(1, bob, video, false)).toContain(`"title":"${'视'.repeat(42)}"`)
  })

  test('app-message: media without an upload throw', () => {
    const { mediaId: _, ...raw } = media
    expect(() => encodeAppMessage(1, bob, { ...raw, media: 'file' }, false)).toThrow('must be uploaded')
  })
})

describe('group messages', () => {
  for (const [what, message, msgtype, content] of messages) {
    test(`app-message: ${what} for a group, without receivers`, () => {
      expect(encodeGroupMessage('wrGROUP', message)).toBe(JSON.stringify({ chatid: 'wrGROUP', msgtype, ...content }))
    })
  }

  test('app-message: a card cannot be encoded for a group', () => {
    expect(encodeGroupMessage('wrGROUP', { kind: 'card', card })).toBeUndefined()
  })
})
