import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import type { MediaMessage, Message } from '../../src/domain/delivery.ts'
import type { Fetch } from '../../src/world.ts'
import { bytesOf, checked, hello, openRig, robotKey } from './api-rig.ts'
import { openRawWecom, type RawWecom } from './raw-wecom.ts'

let wecom: RawWecom
const opened: RawWecom[] = []
afterAll(() => opened.forEach(one => one.close()))
beforeEach(async () => {
  wecom = await openRawWecom()
  opened.push(wecom)
})

const ops = { kind: 'webhook', name: 'ops' } as const
const send = (message: Message, more: Parameters<typeof openRig>[1] = {}) =>
  openRig(wecom.origin, more).platform.send('default', ops, message, checked)
const bodies = () => wecom.of('webhook/send').map(({ body }): unknown => JSON.parse(body.toString()))
const media = (more: Partial<MediaMessage>): MediaMessage => ({
  kind: 'media',
  media: 'file',
  fileName: 'a.bin',
  bytes: 9,
  source: { kind: 'spool', file: 'x' },
  ...more,
})

describe('messages', () => {
  test("robot: a text is sent with the robot's key, without a token", async () => {
    expect(await send(hello)).toMatchObject({ outcome: 'delivered', errcode: 0 })
    expect(wecom.asked.map(({ method, path, query }) => ({ method, path, query }))).toEqual([
      { method: 'POST', path: 'webhook/send', query: { key: robotKey } },
    ])
    expect(bodies()).toEqual([{ msgtype: 'text', text: { content: '你好 "hello"' } }])
  })

  test('robot: news are sent unchanged', async () => {
    await send({ kind: 'news', articles: [{ url: 'https://x.example/', title: 't' }] })
    expect(bodies()).toEqual([{ msgtype: 'news', news: { articles: [{ title: 't', url: 'https://x.example/' }] } }])
  })

  for (const card_type of ['text_notice', 'news_notice']) {
    test(`robot: a ${card_type} card is sent unchanged`, async () => {
      await send({ kind: 'card', card: { card_type, task_id: 'T' } })
      expect(bodies()).toEqual([{ msgtype: 'template_card', template_card: { card_type, task_id: 'T' } }])
    })
  }

  for (const card_type of ['button_interaction', 'vote_interaction', 'multiple_interaction', undefined]) {
    test(`robot: a ${card_type} card is refused without a request`, async () => {
      const errmsg = 'a group robot accepts only text_notice and news_notice cards'
      expect(await send({ kind: 'card', card: { card_type } })).toEqual({ outcome: 'refused', errmsg })
      expect(wecom.asked).toEqual([])
    })
  }
})

describe('mentions', () => {
  const texts: readonly [string, readonly string[] | undefined][] = [
    ['@all 开会', ['@all']],
    ['开会 @all', ['@all']],
    ['@ALL 开会', ['@all']],
    ['@All @all @aLL', ['@all']],
    ['请看，@ALL。', ['@all']],
    ['@bob，@Alice_1: look. (@carol.d)', ['bob', 'Alice_1', 'carol.d']],
    ['@bob.', ['bob']],
    ['done.@bob', ['bob']],
    ['@bob@corp.example please', ['bob@corp.example']],
    ['@bob @bob @all @all', ['bob', '@all']],
    ['\n@bob\n', ['bob']],
    ['@allison', ['allison']],
    ['mail bob@corp.example or x.y+z@corp.example', undefined],
    ['mail first_@x.example or a-@x.example', undefined],
    ['https://social.example/@bob', undefined],
    ['请@bob 看', ['bob']],
    ['请@bob看一下', ['bob']],
    ['@ @张三 @@bob', undefined],
    ['nobody', undefined],
  ]
  for (const [content, named] of texts) {
    test(`robot: ${JSON.stringify(content)} mentions ${named?.join(' and ') ?? 'no one'}`, async () => {
      await send({ kind: 'text', content })
      expect(bodies()).toEqual([{ msgtype: 'text', text: { content, ...(named && { mentioned_list: named }) } }])
    })
  }
})

describe('markdown version', () => {
  const v1 = ['# 标题\n**粗** [链接](https://x.example) `code`\n> 引用', '1.5 元', '-1 度', 'a*b*c', '! [x]', 'C|D', '']
  const v2 = [
    '- a',
    '1. a',
    '* a',
    '+ a',
    '  - a',
    '| a | b |\n|---|---|',
    'a | b\n--- | ---',
    '```\nx\n```',
    '~~~\nx',
    '---',
    '***',
    '![x](https://x.example/p.png)',
    '>> 引用',
  ]
  const colour = ['- <font color="info">a</font>', '- <@bob>']
  for (const [msgtype, all] of [
    ['markdown', [...v1, ...colour]],
    ['markdown_v2', v2],
  ] as const) {
    for (const content of all) {
      test(`robot: ${JSON.stringify(content)} is sent as ${msgtype}`, async () => {
        await send({ kind: 'markdown', content })
        expect(bodies()).toEqual([{ msgtype, [msgtype]: { content } }])
      })
    }
  }
})

describe('media', () => {
  const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(100, 1)])
  const jpg = Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.alloc(100, 2)])

  for (const [kind, bytes] of [
    ['PNG', png],
    ['JPG', jpg],
  ] as const) {
    test(`robot: a ${kind} is embedded in the message with its MD5`, async () => {
      await send(media({ media: 'image', bytes: bytes.length }), { openMedia: async () => bytesOf(bytes, 10) })
      const md5 = createHash('md5').update(bytes).digest('hex')
      expect(bodies()).toEqual([{ msgtype: 'image', image: { base64: bytes.toString('base64'), md5 } }])
      expect(wecom.of('webhook/upload_media')).toEqual([])
    })
  }

  const asFiles: readonly [string, Buffer][] = [
    ['an image above 2 MiB', Buffer.concat([png, Buffer.alloc(2 * 1_048_576)])],
    ['an image of another format', Buffer.from('GIF89a')],
  ]
  for (const [what, bytes] of asFiles) {
    test(`robot: ${what} is uploaded and sent as a file`, async () => {
      wecom.on('webhook/upload_media', () => ({ errcode: 0, media_id: 'U' }))
      await send(media({ media: 'image', bytes: bytes.length }), { openMedia: async () => bytesOf(bytes) })
      expect(wecom.of('webhook/upload_media').map(({ query }) => query)).toEqual([{ key: robotKey, type: 'file' }])
      expect(bodies()).toEqual([{ msgtype: 'file', file: { media_id: 'U' } }])
    })
  }

  for (const [kind, msgtype] of [
    ['voice', 'voice'],
    ['file', 'file'],
    ['video', 'file'],
  ] as const) {
    test(`robot: an uploaded ${kind} is sent as ${msgtype}`, async () => {
      await send(media({ media: kind, mediaId: 'M' }))
      expect(bodies()).toEqual([{ msgtype, [msgtype]: { media_id: 'M' } }])
    })
  }

  test('robot: an unreadable image is retried', async () => {
    const openMedia = () => Promise.reject(new Error('EACCES'))
    expect(await send(media({ media: 'image' }), { openMedia })).toMatchObject({ outcome: 'retry' })
    expect(wecom.asked).toEqual([])
  })

  test('robot: after a failed upload nothing is sent', async () => {
    wecom.on('webhook/upload_media', () => 'reset')
    expect((await send(media({}))).outcome).toBe('retry')
    expect(bodies()).toEqual([])
  })
})

describe('answers', () => {
  test('robot: a deleted robot is refused with a hint', async () => {
    wecom.on('webhook/send', () => ({ errcode: 93000, errmsg: 'invalid webhook url' }))
    expect(await send(hello)).toEqual({
      outcome: 'refused',
      errcode: 93000,
      errmsg: 'invalid webhook url',
      hint: 'the group robot was deleted or its key is wrong: create a new one and put its key into webhooks',
    })
  })

  test('robot: too many messages wait for a minute', async () => {
    wecom.on('webhook/send', () => ({ errcode: 45009, errmsg: 'api freq out of limit' }))
    expect(await send(hello)).toMatchObject({ outcome: 'retry', retryAfterMs: 67_500 })
  })

  for (const how of ['hang', 'reset', 502] as const) {
    test(`robot: ${how} leaves the outcome unknown without a resend`, async () => {
      wecom.on('webhook/send', () => how)
      const network = { apiBaseUrl: wecom.origin, moreHosts: [], timeoutMs: 80 }
      expect((await send(hello, { network })).outcome).toBe('unknown')
      expect(wecom.of('webhook/send')).toHaveLength(1)
    })
  }
})

describe('addresses', () => {
  /** The URL a robot with this address posts to, or the reason why it does not. */
  async function goesTo(address: string, more: { apiBaseUrl?: string; moreHosts?: readonly string[] } = {}) {
    const called: string[] = []
    const fetch: Fetch = async url => {
      called.push(url)
      return Response.json({ errcode: 0, errmsg: 'ok' })
    }
    const network = { apiBaseUrl: 'https://qyapi.weixin.qq.com', moreHosts: [], timeoutMs: 1_000, ...more }
    const { platform } = openRig('', { fetch, webhooks: { ops: address }, network })
    const { outcome, errmsg } = await platform.send('default', ops, hello, checked)
    return outcome === 'delivered' ? called.join() : errmsg
  }
  const path = '/cgi-bin/webhook/send?key=K-1'
  const official = `https://qyapi.weixin.qq.com${path}`
  const refused = 'webhook ops must be a key, or a URL with ?key= on an allowed host'

  const addresses: readonly [address: string, goes: string, more?: Parameters<typeof goesTo>[1]][] = [
    ['K-1', official],
    [official, official],
    [`${official}&debug=1`, official],
    ['K-1', `https://proxy.example/wecom${path}`, { apiBaseUrl: 'https://proxy.example/wecom/' }],
    [official, `http://10.0.0.5:8080${path}`, { apiBaseUrl: 'http://10.0.0.5:8080' }],
    [`https://mine.example${path}`, `https://mine.example${path}`, { moreHosts: ['mine.example'] }],
    [`https://mine.example${path}`, refused],
    [`http://qyapi.weixin.qq.com${path}`, refused],
    ['https://qyapi.weixin.qq.com/cgi-bin/webhook/send', refused],
    ['/cgi-bin/webhook/send?key=K-1', refused],
  ]
  for (const [address, goes, more] of addresses) {
    const besides = more === undefined ? '' : ` with ${JSON.stringify(more)}`
    test(`robot: ${address}${besides} leads to ${goes}`, async () => {
      expect(await goesTo(address, more)).toBe(goes)
    })
  }

  for (const name of ['sales', 'constructor']) {
    test(`robot: the unknown name ${name} is refused`, async () => {
      const { platform } = openRig(wecom.origin)
      expect(await platform.send('default', { kind: 'webhook', name }, hello, checked)).toEqual({
        outcome: 'refused',
        errmsg: `no group robot is named ${name}`,
        hint: 'add it to channels.wecom.webhooks',
      })
    })
  }
})
