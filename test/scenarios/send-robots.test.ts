import { beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { accept, cards, refusal, sendAndWait, waitForTry } from './sending.ts'
import { SettableClock } from './settable-clock.ts'
import { shareDaemon } from './use-daemon.ts'

const daemon = shareDaemon()
const clock = new SettableClock()
const names = ['ops', 'news', 'media', 'busy', 'cut', 'twin']
const path = '/cgi-bin/webhook/send'

beforeAll(async () => {
  const keys = Object.fromEntries(names.map(name => [name, `key-of-${name}`]))
  await daemon.open({
    clock,
    tenant: { robots: [...names, 'whole'].map(name => ({ name, key: `key-of-${name}` })) },
    channel: {
      webhooks: {
        ...keys,
        whole: 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=key-of-whole',
        gone: 'key-of-nobody',
        far: 'https://elsewhere.example/cgi-bin/webhook/send?key=k',
      },
    },
  })
})

const send = (name: string, body: object) => sendAndWait(daemon, { to: `webhook:${name}`, ...body })
const shown = (name: string) => daemon.tenant.ledger.seen({ chatid: name })
const lastBody = (): unknown => JSON.parse(daemon.tenant.api.requests.at(-1)?.body.toString() ?? '')
const media = (fileName: string, bytes: Buffer) => ({ media: { fileName, base64: bytes.toString('base64') } })

describe('what a group robot says', () => {
  test('robot: a text names whom it mentions, and an account without an app can send it', async () => {
    const report = await send('ops', { text: '@zhangsan 请看 @all，邮件 a@b.example' })
    expect(report).toMatchObject({ state: 'delivered', to: 'webhook:ops', account: 'default', kind: 'text' })
    expect(lastBody()).toEqual({
      msgtype: 'text',
      text: { content: '@zhangsan 请看 @all，邮件 a@b.example', mentioned_list: ['zhangsan', '@all'] },
    })
    expect(shown('ops')).toMatchObject([{ kind: 'robot-text' }])
  })

  test('robot: markdown goes as the kind that shows it', async () => {
    await send('ops', { markdown: '**好** <font color="info">绿</font> <@zhangsan>' })
    expect(lastBody()).toMatchObject({ msgtype: 'markdown' })
    await send('ops', { markdown: '| a | b |\n|---|---|\n| 1 | 2 |' })
    expect(lastBody()).toMatchObject({ msgtype: 'markdown_v2' })
    expect(
      shown('ops')
        .slice(-2)
        .map(entry => entry.kind),
    ).toEqual(['robot-markdown', 'robot-markdown'])
  })

  test('robot: a long text is split, and none of it is lost', async () => {
    const text = Array.from({ length: 120 }, (_, n) => `第 ${n} 行，不多不少`).join('\n')
    expect(await send('ops', { text })).toMatchObject({ state: 'delivered', parts: 2 })
    const parts = shown('ops')
      .slice(-2)
      .map(entry => entry.text)
    expect(parts.map(part => part.slice(6)).join('')).toBe(text)
    expect(parts.filter(part => Buffer.byteLength(part) > 2_048)).toEqual([])
  })

  test('robot: cards for reading and news arrive, cards for clicking are refused at once', async () => {
    const articles = [{ title: '一', url: 'https://wecomd.example/1' }]
    for (const card of [cards.text_notice, cards.news_notice]) {
      await send('news', { card })
      expect(JSON.parse(shown('news').at(-1)?.text ?? '')).toEqual(card)
    }
    await send('news', { news: articles })
    expect(JSON.parse(shown('news').at(-1)?.text ?? '')).toEqual(articles)
    expect(await refusal(daemon, { to: 'webhook:news', card: cards.vote_interaction })).toMatchObject({
      status: 400,
      code: 'bad_message',
      message: 'card_type must be one of text_notice, news_notice',
    })
  })

  test('robot: a picture travels inside the message, a big one and other files are uploaded by the same robot', async () => {
    const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(50_000, 7)])
    const big = Buffer.concat([png, Buffer.alloc(2 * 1_048_576)])
    const voice = Buffer.concat([Buffer.from('#!AMR\n'), ...Array(50).fill(Buffer.alloc(13, 4))])
    const video = Buffer.concat([Buffer.from('\0\0\0\x18ftypisom', 'latin1'), Buffer.alloc(5_000, 7)])
    const all: readonly [fileName: string, bytes: Buffer, type: string, uploads: number][] = [
      ['图.png', png, 'image', 0],
      ['大图.png', big, 'file', 1],
      ['语音.amr', voice, 'voice', 1],
      ['录像.mp4', video, 'file', 1],
      ['报告.pdf', Buffer.from('%PDF-1.7 报告'), 'file', 1],
    ]
    for (const [name, bytes, type, uploads] of all) {
      const before = daemon.tenant.api.count('/cgi-bin/webhook/upload_media')
      expect(await send('media', media(name, bytes))).toMatchObject({ state: 'delivered' })
      expect(daemon.tenant.api.count('/cgi-bin/webhook/upload_media') - before).toBe(uploads)
      expect(shown('media').at(-1)?.media).toEqual({
        type,
        name: type === 'image' ? '' : name,
        bytes: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
      })
    }
  })

  test('robot: its whole URL is as good as its key', async () => {
    expect(await send('whole', { text: 'x' })).toMatchObject({ state: 'delivered' })
    expect(shown('whole')).toHaveLength(1)
  })
})

describe('what becomes of it', () => {
  test('robot: a robot that is gone is refused with what to do', async () => {
    const report = await send('gone', { text: 'x' })
    expect(report).toMatchObject({ state: 'refused', dead: true, attempts: [{ route: 'webhook', errcode: 93_000 }] })
    expect(report.attempts[0]?.hint).toContain('webhooks')
  })

  test('robot: a URL of another host is not called', async () => {
    const report = await send('far', { text: 'x' })
    expect(report).toMatchObject({ state: 'refused', dead: true })
    expect(report.attempts[0]?.errmsg).toContain('on an allowed host')
  })

  test('robot: a message whose fate is unknown is never repeated, and trace tells it', async () => {
    for (const when of ['after', 'before'] as const) {
      const before = daemon.tenant.api.count(path)
      daemon.tenant.api.fail({ when, how: 'reset' }, path)
      const report = await send('cut', { text: `cut ${when}` })
      expect(report).toMatchObject({ state: 'unknown', dead: true, attempts: [{ outcome: 'unknown', givenUp: true }] })
      expect(daemon.tenant.api.count(path) - before).toBe(1)
      expect(await daemon.api(`/api/trace/${report.id}`)).toMatchObject({ state: 'unknown', to: 'webhook:cut' })
    }
    expect(shown('cut').map(entry => entry.text)).toEqual(['cut after'])
    expect(await daemon.api('/api/status')).toMatchObject({ dead: 4 })
  })

  test('robot: what follows a message whose fate is unknown is sent all the same', async () => {
    expect(await send('cut', { text: 'next' })).toMatchObject({ state: 'delivered' })
  })

  test('robot: two equal texts both arrive', async () => {
    const ids = [1, 2].map(() => accept(daemon, { to: 'webhook:twin', text: '完成' }))
    for (const id of await Promise.all(ids)) expect(await daemon.delivered(id)).toMatchObject({ state: 'delivered' })
    expect(shown('twin').map(entry => entry.text)).toEqual(['完成', '完成'])
  })

  test('robot: the twenty-first message of a minute is held and not refused by WeCom, a minute later it arrives', async () => {
    const before = daemon.tenant.api.count(path)
    const texts = Array.from({ length: 22 }, (_, n) => `第 ${n} 条`)
    const ids: string[] = []
    for (const text of texts) ids.push(await accept(daemon, { to: 'webhook:busy', text }))
    expect(await daemon.delivered(ids[20] ?? '', 'held')).toMatchObject({ state: 'held', attempts: [] })
    expect(daemon.tenant.api.count(path) - before).toBe(20)
    expect(await daemon.api('/api/status')).toMatchObject({ outbox: { queued: 1, held: 1 } })
    clock.step(65_000)
    expect(await send('ops', { text: 'wake up' })).toMatchObject({ state: 'delivered' }) // another robot did not wait
    await daemon.delivered(ids[21] ?? '')
    expect(shown('busy').map(entry => entry.text)).toEqual(texts)
    const refused = daemon.tenant.api.requests.filter(request => request.errcode === 45_009)
    expect(refused).toEqual([])
  })

  test('robot: WeCom that wants to be left alone is left alone for a minute', async () => {
    daemon.tenant.api.failWith(path, 45_009)
    const before = daemon.tenant.api.count(path)
    const id = await accept(daemon, { to: 'webhook:twin', text: 'later' })
    const { attempts, dueAt = 0 } = await waitForTry(daemon, id)
    expect(attempts).toMatchObject([{ outcome: 'retry', errcode: 45_009 }])
    expect(dueAt - (attempts[0]?.at ?? 0)).toBeGreaterThanOrEqual(60_000)
    clock.step(50_000)
    await send('ops', { text: 'others go' })
    expect(daemon.tenant.api.count(path) - before).toBe(2)
    clock.step(40_000)
    await send('ops', { text: 'wake up' })
    expect(await daemon.delivered(id)).toMatchObject({ state: 'delivered' })
  })
})

test('robot: no key is in the log', () => {
  expect(daemon.log.join('\n')).not.toContain('key-of-')
  expect(daemon.tenant.violations()).toEqual([])
})
