import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { openTenant, text } from './tenant-rig.ts'

const path = 'webhook/send?key=robot-key'
const png = Buffer.from('89504e470d0a1a0a', 'hex')
const md5 = (raw: Buffer) => createHash('md5').update(raw).digest('hex')
const image = (raw: Buffer, sum = md5(raw)) => ({
  msgtype: 'image',
  image: { base64: raw.toString('base64'), md5: sum },
})
const markdown = (msgtype: string, bytes: number) => ({ msgtype, [msgtype]: { content: 'a'.repeat(bytes) } })
const action = { card_action: { type: 1, url: 'https://example.com' } }
const card = (type: string, more: object = {}) => ({
  msgtype: 'template_card',
  template_card: { card_type: type, main_title: { title: 'a' }, ...action, ...more },
})

test('tenant-robots: a message is shown in the group of the robot', async () => {
  using rig = await openTenant()
  expect(await rig.post(path, text('磁盘满了'))).toEqual({ errcode: 0, errmsg: 'ok' })
  expect(rig.tenant.ledger.seen({ chatid: 'alerts' })).toMatchObject([{ kind: 'robot-text', text: '磁盘满了' }])
})

const judged: [string, object | string, number][] = [
  ['2,048 bytes of text', text('a'.repeat(2_048)), 0],
  ['2,049 bytes of text', text('a'.repeat(2_049)), 40058],
  ['an empty text', text(''), 44004],
  ['4,096 bytes of markdown', markdown('markdown', 4_096), 0],
  ['4,097 bytes of markdown', markdown('markdown', 4_097), 40058],
  ['4,096 bytes of markdown_v2', markdown('markdown_v2', 4_096), 0],
  ['4,097 bytes of markdown_v2', markdown('markdown_v2', 4_097), 40058],
  ['a picture', image(png), 0],
  ['a picture with a wrong md5', image(png, 'x'), 301019],
  ['a picture of over 2 MB', image(Buffer.concat([png, Buffer.alloc(2 * 1_048_576)])), 40009],
  ['a GIF', image(Buffer.from('GIF89a..')), 40004],
  ['no picture', { msgtype: 'image', image: {} }, 44001],
  ['news', { msgtype: 'news', news: { articles: [{ title: 'a', url: 'https://a' }] } }, 0],
  ['no articles', { msgtype: 'news', news: { articles: [] } }, 45008],
  ['a text_notice', card('text_notice'), 0],
  ['a news_notice', card('news_notice', { card_image: { url: 'https://a' } }), 0],
  ['a card with buttons', card('button_interaction', { task_id: 't', button_list: [{ text: 'a', key: 'a' }] }), 40058],
  ['a video', { msgtype: 'video', video: {} }, 40008],
  ['an unknown file', { msgtype: 'file', file: { media_id: 'nope' } }, 40007],
  ['no JSON', 'hello', 47001],
]

for (const [name, body, errcode] of judged) {
  test(`tenant-robots: ${name} is ${errcode === 0 ? 'accepted' : errcode}`, async () => {
    using rig = await openTenant()
    expect((await rig.post(path, body)).errcode).toBe(errcode)
    expect(rig.tenant.ledger.entries).toHaveLength(errcode === 0 ? 1 : 0)
  })
}

test('tenant-robots: an unknown key is 93000', async () => {
  using rig = await openTenant()
  expect((await rig.post('webhook/send?key=nope', text('hi'))).errcode).toBe(93000)
  expect((await rig.post('webhook/upload_media?key=nope&type=file', '')).errcode).toBe(93000)
})

test('tenant-robots: the 21st message of a minute is 45009', async () => {
  using rig = await openTenant()
  for (let count = 0; count < 20; count++) expect((await rig.post(path, text(`m${count}`))).errcode).toBe(0)
  expect((await rig.post(path, text('m20'))).errcode).toBe(45009)
  rig.passMs(60_000)
  expect((await rig.post(path, text('m20'))).errcode).toBe(0)
  expect(rig.tenant.ledger.seen({ chatid: 'alerts' })).toHaveLength(21)
})

test('tenant-robots: an uploaded file belongs to its robot', async () => {
  using rig = await openTenant({
    robots: [
      { name: 'alerts', key: 'robot-key' },
      { name: 'news', key: 'second-key' },
    ],
  })
  const upload = async (type: string) => {
    const form = new FormData()
    form.set('media', new File([png], 'log.bin'))
    const url = rig.url(`webhook/upload_media?key=robot-key&type=${type}`)
    return (await (await fetch(url, { method: 'POST', body: form, keepalive: false })).json()) as Record<
      string,
      unknown
    >
  }
  expect(await upload('image')).toMatchObject({ errcode: 40005 })
  expect(await upload('voice')).toMatchObject({ errcode: 40004 })
  const answer = await upload('file')
  expect(answer).toMatchObject({ errcode: 0, type: 'file' })
  const message = { msgtype: 'file', file: { media_id: answer['media_id'] } }
  expect((await rig.post('webhook/send?key=second-key', message)).errcode).toBe(40007)
  expect((await rig.send({ touser: 'lisi', ...message })).errcode).toBe(40007)
  expect((await rig.post(path, message)).errcode).toBe(0)
  expect(rig.tenant.ledger.entries).toMatchObject([
    { kind: 'robot-media', chatid: 'alerts', media: { name: 'log.bin' } },
  ])
})
