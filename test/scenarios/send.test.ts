import { beforeAll, describe, expect, test } from 'bun:test'
import { appOf } from './daemon.ts'
import { accept, cards, countSends, readBy, refusal, sendAndWait } from './sending.ts'
import { shareDaemon } from './use-daemon.ts'

const daemon = shareDaemon()
const members = ['ZhangSan', 'lisi', 'wangwu', '007zhang', 'guest', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

beforeAll(async () => {
  await daemon.open({
    agent: { allowAppChat: true },
    tenant: {
      members,
      unlicensed: ['guest'],
      parties: { '1': ['ZhangSan', 'lisi'], '2': ['wangwu'] },
      tags: [
        { tagid: 7, tagname: '值班', members: ['wangwu'] },
        { tagid: 8, tagname: '老板', members: ['lisi'] },
      ],
    },
    config: { outbound: { allowBroadcast: true } },
  })
})

const send = (body: object) => sendAndWait(daemon, body)
const seen = (userid: string) => daemon.tenant.ledger.seen({ userid })

describe('what can be said', () => {
  test('send: a text and a markdown arrive as they are', async () => {
    expect(await send({ to: 'user:a', text: '**你好** 👋\n<b>&' })).toMatchObject({ state: 'delivered', kind: 'text' })
    expect(await send({ to: 'user:a', markdown: '**你好** <font color="info">绿</font>' })).toMatchObject({
      state: 'delivered',
      kind: 'markdown',
    })
    expect(seen('a')).toMatchObject([
      { kind: 'app-text', text: '**你好** 👋\n<b>&', agentId: appOf.agentId },
      { kind: 'app-markdown', text: '**你好** <font color="info">绿</font>' },
    ])
  })

  test('send: halves of characters become the sign for what cannot be shown', async () => {
    await send({ to: 'user:h', text: 'a\ud83dz' })
    await send({ to: 'user:h', news: [{ title: '\udc00n', url: 'https://wecomd.example/' }] })
    expect(seen('h').map(entry => entry.text)).toEqual([
      'a\ufffdz',
      JSON.stringify([{ title: '\ufffdn', url: 'https://wecomd.example/' }]),
    ])
  })

  for (const [type, card] of Object.entries(cards)) {
    test(`send: a card of type ${type} arrives as it is`, async () => {
      expect(await send({ to: 'user:b', card })).toMatchObject({ state: 'delivered', kind: 'card' })
      const last = seen('b').at(-1)
      expect([last?.kind, JSON.parse(last?.text ?? '')]).toEqual(['app-card', card])
    })
  }

  test('send: news of several articles arrive in order', async () => {
    const news = [
      { title: '一', url: 'https://wecomd.example/1', description: 'd', picurl: 'https://wecomd.example/1.png' },
      { title: '二', url: 'https://wecomd.example/2' },
    ]
    expect(await send({ to: 'user:c', news })).toMatchObject({ state: 'delivered', kind: 'news' })
    expect([seen('c')[0]?.kind, JSON.parse(seen('c')[0]?.text ?? '')]).toEqual(['app-news', news])
  })

  test('send: a long text arrives in numbered parts of at most 2,048 bytes, in order and without a loss', async () => {
    const text = Array.from({ length: 120 }, (_, n) => `第 ${n} 行，不多不少`).join('\n')
    expect(await send({ to: 'user:d', text })).toMatchObject({ state: 'delivered', parts: 2 })
    const parts = readBy(daemon, 'd')
    expect(parts.map(part => part.slice(0, 6))).toEqual(['(1/2)\n', '(2/2)\n'])
    expect(parts.map(part => part.slice(6)).join('')).toBe(text)
    expect(parts.filter(part => Buffer.byteLength(part) > 2_048)).toEqual([])
  })

  test('send: a text of more than eight parts is a line and a file with all of it', async () => {
    const text = '字'.repeat(20_000)
    expect(await send({ to: 'user:e', text })).toMatchObject({ state: 'delivered', parts: 2 })
    expect(seen('e').map(entry => entry.kind)).toEqual(['app-text', 'app-media'])
    expect(seen('e')[1]?.media).toMatchObject({ type: 'file', bytes: 60_000 })
    expect(daemon.tenant.media.uploads.at(-1)?.bytes.toString()).toBe(text)
  })
})

describe('to whom', () => {
  const targets: readonly [to: string, text: string, receivers: readonly string[]][] = [
    ['user:zhangsan|LISI', '两个人', ['ZhangSan', 'lisi']],
    ['wecom:lisi@default', '一个人', ['lisi']],
    ['user:007zhang', '数字开头', ['007zhang']],
    ['party:1|2', '两个部门', ['ZhangSan', 'lisi', 'wangwu']],
    ['tag:8', '标签号', ['lisi']],
    ['tag:值班', '标签名', ['wangwu']],
    ['@all', '所有人', members.filter(member => member !== 'guest')],
  ]
  for (const [to, text, receivers] of targets) {
    test(`send: ${to} reaches whom it names and nobody else`, async () => {
      await send({ to, text })
      expect(members.filter(member => readBy(daemon, member).includes(text))).toEqual([...receivers])
    })
  }

  test('send: a tag that does not exist is refused with a hint', async () => {
    const report = await send({ to: 'tag:没有', text: 'x' })
    expect(report).toMatchObject({ state: 'refused', dead: true })
    expect(report.attempts[0]?.hint).toContain('tag:<number>')
  })

  test('send: a group that the app created gets text, markdown, news and files', async () => {
    daemon.tenant.groups.add({ chatid: 'wrOURS', agentId: appOf.agentId, members: ['a', 'b'] })
    const media = { fileName: '表.csv', base64: Buffer.from('a,b\n1,2\n').toString('base64') }
    const news = [{ title: 't', url: 'https://wecomd.example/' }]
    for (const content of [{ text: '群里' }, { markdown: '# 群' }, { news }, { media }]) {
      expect(await send({ to: 'group:wrOURS', ...content })).toMatchObject({ state: 'delivered', to: 'group:wrOURS' })
    }
    const kinds = daemon.tenant.ledger.seen({ chatid: 'wrOURS' }).map((entry): string => entry.kind)
    expect(kinds).toEqual(['text', 'markdown', 'news', 'media'].map(kind => `group-${kind}`))
    expect(await refusal(daemon, { to: 'group:wrOURS', card: cards.text_notice })).toMatchObject({
      status: 400,
      code: 'bad_message',
    })
  })

  test('send: a group that the app did not create is refused by WeCom, and the hint says what goes', async () => {
    daemon.tenant.groups.add({ chatid: 'wrFOREIGN', agentId: 1_000_009, members: ['a', 'b'] })
    const report = await send({ to: 'group:wrFOREIGN', text: 'x' })
    expect(report).toMatchObject({ state: 'refused', dead: true, attempts: [{ route: 'appchat', errcode: 86_008 }] })
    expect(report.attempts[0]?.hint).toContain('group robot')
  })
})

describe('what becomes of it', () => {
  test('send: a delivery is told whole and without what was said', async () => {
    const id = await accept(daemon, { to: 'user:f', text: 'geheim', idempotencyKey: 'key-f' })
    await daemon.delivered(id)
    const report = await daemon.api(`/api/deliveries/${id}`)
    const [entry] = seen('f').filter(one => one.text === 'geheim')
    expect(report).toEqual({
      id,
      to: 'user:f',
      account: 'default',
      kind: 'text',
      parts: 1,
      state: 'delivered',
      dead: false,
      createdAt: expect.any(Number),
      finishedAt: expect.any(Number),
      attempts: [
        { at: expect.any(Number), route: 'app', part: 1, outcome: 'delivered', errcode: 0, errmsg: expect.any(String) },
      ],
      recipients: { invaliduser: [], invalidparty: [], invalidtag: [], unlicenseduser: [] },
      msgid: entry?.msgid,
    })
    expect(await daemon.api('/api/deliveries/key-f')).toEqual(report)
  })

  test('send: whom WeCom did not reach is in the report, and the others have it', async () => {
    const report = await send({ to: 'user:G|Nobody|guest', text: '部分' })
    expect(report).toMatchObject({
      state: 'partial',
      dead: false,
      recipients: { invaliduser: ['nobody'], unlicenseduser: ['guest'], invalidparty: [], invalidtag: [] },
    })
    expect(readBy(daemon, 'g')).toContain('部分')
    expect(await send({ to: 'party:1|99', text: '部门' })).toMatchObject({
      state: 'partial',
      recipients: { invalidparty: ['99'] },
    })
    expect(await send({ to: 'tag:7|99', text: '标签' })).toMatchObject({
      state: 'partial',
      recipients: { invalidtag: ['99'] },
    })
  })

  test('send: a message that reaches nobody is refused, with what to check', async () => {
    const report = await send({ to: 'user:nobody', text: 'x' })
    expect(report).toMatchObject({ state: 'refused', dead: true, attempts: [{ outcome: 'refused', errcode: 81_013 }] })
    expect(report.attempts[0]?.hint).toContain('visible range')
    expect(report.recipients.invaliduser).toEqual(['nobody'])
    expect(await send({ to: 'user:Guest', text: 'x' })).toMatchObject({
      state: 'refused',
      dead: true,
      recipients: { unlicenseduser: ['guest'] },
    })
  })

  test('send: trace tells the way of a delivery by its id and by its key, the same', async () => {
    const id = await accept(daemon, { to: 'user:h', text: 'geheim', idempotencyKey: 'order/4711' })
    await daemon.delivered(id)
    const told = await daemon.api(`/api/trace/${id}`)
    expect(told).toMatchObject({
      id,
      account: 'default',
      to: 'user:h',
      state: 'delivered',
      events: [
        { kind: 'accepted' },
        { kind: 'attempt', route: 'app', outcome: 'delivered', errcode: 0 },
        { kind: 'delivery', state: 'delivered', dead: false },
      ],
    })
    expect(await daemon.api(`/api/trace/${encodeURIComponent('order/4711')}`)).toEqual(told)
    expect(JSON.stringify(told)).not.toContain('geheim')
  })

  test('send: several messages to one target arrive in the order in which they were accepted', async () => {
    const texts = Array.from({ length: 12 }, (_, n) => `第 ${n} 条`)
    const ids: string[] = []
    for (const text of texts) ids.push(await accept(daemon, { to: 'user:wangwu', text }))
    await Promise.all(ids.map(id => daemon.delivered(id)))
    expect(readBy(daemon, 'wangwu').filter(text => /^第 \d+ 条$/.test(text))).toEqual(texts)
  })

  test('send: equal short texts to one member all arrive', async () => {
    const ids = await Promise.all(Array.from({ length: 3 }, () => accept(daemon, { to: 'user:f', text: '完成' })))
    for (const id of ids) expect(await daemon.delivered(id)).toMatchObject({ state: 'delivered' })
    expect(readBy(daemon, 'f').filter(text => text === '完成')).toHaveLength(3)
  })
})

describe('an idempotencyKey', () => {
  const body = { to: 'user:c', text: '只一次', idempotencyKey: 'k1' }

  test('send: the same key is one message with one id, at once, again and after a restart', async () => {
    const before = countSends(daemon)
    const ids = await Promise.all(Array.from({ length: 20 }, () => accept(daemon, body)))
    expect(new Set(ids).size).toBe(1)
    await daemon.delivered(ids[0] ?? '')
    expect(await accept(daemon, body)).toBe(ids[0] ?? '')
    await daemon.restart()
    expect(await accept(daemon, body)).toBe(ids[0] ?? '')
    await send({ to: 'user:c', text: '之后' })
    expect(countSends(daemon) - before).toBe(2)
    expect(readBy(daemon, 'c').filter(text => text === '只一次')).toHaveLength(1)
  })

  test('send: the same key with another text, kind, target or account is a conflict', async () => {
    for (const other of [{ text: '另一个' }, { to: 'user:d' }, { text: undefined, markdown: '只一次' }]) {
      expect(await refusal(daemon, { ...body, ...other })).toMatchObject({
        status: 409,
        code: 'conflict',
        hint: expect.stringContaining('key'),
      })
    }
    expect(readBy(daemon, 'd')).not.toContain('只一次')
  })
})

test('send: the platform had nothing to complain about, and the log names no user and no text', () => {
  expect(daemon.tenant.violations()).toEqual([])
  expect(daemon.tenant.dropped).toEqual([])
  const log = daemon.log.join('\n')
  for (const secret of ['007zhang', 'ZhangSan', '完成', 'geheim', appOf.corpSecret, 'admin-token"', 'access_token']) {
    expect(log).not.toContain(secret)
  }
})
