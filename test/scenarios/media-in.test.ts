import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { amr, csv, html, mp4, pdf, png } from '../wecom/media-samples.ts'
import { startAppDaemon, stopGateway, untilTexts } from './app-daemon.ts'
import { type TestDaemon, type TestDaemonOptions, untilAdmin } from './daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon(startAppDaemon)

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const asks = () => daemon.gateway.asks()
const spooled = () => readdirSync(join(daemon.folder, 'state/spool'))

/** A daemon whose agent answers "got it", and where a message of nothing but media is asked at once. */
async function open(options: TestDaemonOptions = {}): Promise<TestDaemon> {
  await daemon.open({
    bot: { joinWindowMs: 0 },
    gateway: { script: () => [{ kind: 'say', text: 'got it' }] },
    ...options,
  })
  return daemon
}

const send = (msgtype: string, bytes: Uint8Array, medium = {}, more = {}) =>
  daemon.tenant.say({
    userid: 'zhangsan',
    msgtype,
    payload: { url: daemon.tenant.botMedia(bytes, medium) },
    ...more,
  }).finished

describe('media to the Bot', () => {
  test('media: a picture, a file and a video reach the agent byte for byte, with their names', async () => {
    await open()
    const sent = [
      ['image', png, {}, { type: 'image', fileName: 'image.png', mimeType: 'image/png' }],
      ['file', csv, { fileName: '数据 表.csv' }, { type: 'file', fileName: '数据 表.csv', mimeType: 'text/csv' }],
      ['video', mp4, {}, { type: 'file', fileName: 'video.mp4', mimeType: 'video/mp4' }],
    ] as const
    for (const [msgtype, bytes, medium] of sent) {
      const bubble = await send(msgtype, bytes, medium)
      expect(bubble.text).toBe('got it')
    }
    expect(asks().map(ask => ask.text)).toEqual(['[image]', '[file]', '[video]'])
    expect(asks().map(ask => ask.attachments)).toEqual(
      sent.map(([, bytes, , as]) => [{ ...as, bytes: bytes.length, sha256: sha256(bytes) }]),
    )
    expect(daemon.tenant.violations()).toEqual([])
  })

  test('media: a picture beside /new is asked about in the new session, and one beside another command keeps nobody waiting', async () => {
    await open({ bot: { joinWindowMs: 0, dm: { policy: 'open' } } })
    await untilAdmin(daemon)
    const withPicture = (text: string) =>
      daemon.tenant.say({
        userid: 'zhangsan',
        msgtype: 'mixed',
        payload: {
          msg_item: [
            { msgtype: 'text', text: { content: text } },
            { msgtype: 'image', image: { url: daemon.tenant.botMedia(png) } },
          ],
        },
      }).finished
    expect((await withPicture('/new 看图')).text).toBe('✅ 已开始新的会话。\n\ngot it')
    expect(asks().at(-1)).toMatchObject({ text: '看图\n[image]', attachments: [{ sha256: sha256(png) }] })
    expect((await withPicture('/model x')).text).toContain('Model set to x')
    expect((await withPicture('after')).text).toBe('got it')
  })

  test('media: text and pictures of one message keep their order, and so does what it quotes', async () => {
    await open()
    const url = (bytes: Uint8Array) => ({ url: daemon.tenant.botMedia(bytes) })
    const second = Buffer.concat([png, Buffer.from('second')])
    const bubble = daemon.tenant.say({
      userid: 'zhangsan',
      msgtype: 'mixed',
      payload: {
        msg_item: [
          { msgtype: 'text', text: { content: 'compare' } },
          { msgtype: 'image', image: url(png) },
          { msgtype: 'image', image: url(second) },
        ],
      },
      quote: { msgtype: 'file', file: { url: daemon.tenant.botMedia(pdf, { fileName: '合同.pdf' }) } },
    })
    await bubble.finished
    expect(asks()).toMatchObject([
      {
        text: '> [quoted file 合同.pdf]\ncompare\n[image]\n[image]',
        attachments: [{ sha256: sha256(pdf) }, { sha256: sha256(png) }, { sha256: sha256(second) }],
      },
    ])
  })

  test('media: a picture and the text that follows within the window are one question, answered in the newer bubble', async () => {
    await open({ bot: { joinWindowMs: 3_000 } })
    const first = daemon.tenant.say({
      userid: 'zhangsan',
      msgtype: 'image',
      payload: { url: daemon.tenant.botMedia(png) },
    })
    await until('the first frame', () => first.frames.length > 0)
    const second = await daemon.tenant.say({ userid: 'zhangsan', text: 'what is this?' }).finished
    expect(second.text).toBe('got it')
    expect((await first.finished).text).toContain('一起回答')
    expect(asks()).toMatchObject([
      { text: '[image]\n\nwhat is this?', attachments: [{ fileName: 'image.png', sha256: sha256(png) }] },
    ])
  })

  test('media: what cannot be read is said to the user and to the agent, and never given as bytes', async () => {
    await open({ channel: { media: { maxBytes: 10_000 } } })
    for (const [fault, reason] of [
      ['truncated', '内容无法读取'],
      ['wrong_key', '内容无法读取'],
      ['expired', '链接已失效'],
      ['html', '内容无法读取'],
      ['empty', '文件是空的'],
    ] as const) {
      const bubble = await send('image', png, { fault })
      expect(bubble.text).toMatch(new RegExp(`^（「image」没能交给智能体：.*${reason}.*）\\n\\ngot it$`))
    }
    expect((await send('file', Buffer.alloc(10_001, 65), { fileName: 'big.txt' })).text).toContain('文件太大')
    expect((await send('file', csv, { fileName: '坏.csv', fault: 'truncated' })).text).toContain(
      '「坏.csv」没能交给智能体',
    )
    expect((await send('image', html)).text).toContain('内容无法读取')
    expect(asks().map(ask => ask.attachments.length)).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
    expect(asks()[0]?.text).toBe('[image]\n[image: could not be fetched]')
    const bubble = await send('image', png, { fault: 'truncated' })
    const trace = JSON.stringify(await daemon.api(`/api/trace/${bubble.callback.msgid}`))
    expect(trace).toContain('"route":"media","outcome":"refused","errmsg":"unreadable"')
    await until('nothing to lie in the spool', () => spooled().length === 0)
  })

  test('media: a link to a host that is not allowed is not followed', async () => {
    await open()
    let visits = 0
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(String(++visits)) })
    const bubble = daemon.tenant.say({
      userid: 'zhangsan',
      msgtype: 'image',
      payload: { url: `http://127.0.0.1:${server.port}/a.png` },
    })
    expect((await bubble.finished).text).toContain('下载地址不在允许范围内')
    expect(visits).toBe(0)
    await server.stop(true)
  })

  test('media: what was fetched before a restart is asked after it, and fetched once', async () => {
    await open()
    await stopGateway(daemon)
    const bubble = daemon.tenant.say({
      userid: 'zhangsan',
      msgtype: 'file',
      payload: { url: daemon.tenant.botMedia(csv, { fileName: 'a.csv' }) },
    })
    await until('the file to be kept', () => spooled().some(name => !name.endsWith('.part')))
    await daemon.restart()
    daemon.gateway.start()
    expect((await bubble.finished).text).toBe('got it')
    expect(asks()).toMatchObject([{ attachments: [{ fileName: 'a.csv', sha256: sha256(csv) }] }])
    expect(daemon.tenant.api.requests.filter(({ path }) => path === '/media')).toHaveLength(1)
  })

  test('media: neither links nor names of files are in the log', async () => {
    await open()
    await send('file', csv, { fileName: 'geheim.csv' })
    await send('file', csv, { fileName: 'geheim.csv', fault: 'expired' })
    await send('file', csv, { fileName: 'geheim.csv', fault: 'truncated' })
    const log = daemon.log.join('\n')
    expect(log).toContain('media of a user could not be fetched')
    for (const secret of ['geheim', '/media?', 'q-signature']) expect(log).not.toContain(secret)
  })
})

describe('media to the app', () => {
  test('media: a picture, a voice message, a video and a file are fetched by their media_id', async () => {
    await open()
    const { media } = daemon.tenant
    const sent = [
      ['image', media.put({ type: 'image', name: 'a.png', bytes: png }), png],
      ['voice', media.put({ type: 'voice', name: 'a.amr', bytes: amr }), amr],
      ['video', media.put({ type: 'video', name: 'a.mp4', bytes: mp4 }), mp4],
      ['file', media.put({ type: 'file', name: '报告.pdf', bytes: pdf }), pdf],
    ] as const
    for (const [index, [msgtype, MediaId]] of sent.entries()) {
      await daemon.tenant.sayToApp({ userid: 'zhangsan', text: '', msgtype, fields: { MediaId } }).done
      await untilTexts(daemon, 'zhangsan', index + 1)
    }
    expect(asks().map(ask => ask.text)).toEqual(['[image]', '[voice]', '[video]', '[file]'])
    expect(asks().map(ask => ask.attachments[0]?.sha256)).toEqual(sent.map(([, , bytes]) => sha256(bytes)))
    expect(asks().map(ask => ask.attachments[0]?.type)).toEqual(['image', 'audio', 'file', 'file'])
    expect(asks()[3]?.attachments[0]?.fileName).toBe('报告.pdf')
    expect(daemon.tenant.violations()).toEqual([])
  })

  test('media: a media_id that the platform does not know is said before the answer', async () => {
    await open()
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: '', msgtype: 'image', fields: { MediaId: 'nope' } }).done
    const [answer] = await untilTexts(daemon, 'zhangsan', 1)
    expect(answer).toMatch(/^（「image」没能交给智能体：.*）\n\ngot it$/)
  })
})
