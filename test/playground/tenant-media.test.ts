import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { main, openTenant, other } from './tenant-rig.ts'

type Rig = Awaited<ReturnType<typeof openTenant>>

const png = Buffer.from('89504e470d0a1a0a', 'hex')
const jpeg = Buffer.from('ffd8ffe000104a46', 'hex')
const mp4 = Buffer.from('000000186674797069736f6d', 'hex')
const amr = (frames: number) => Buffer.concat([Buffer.from('#!AMR\n'), Buffer.alloc(13 * frames, 4 & 0x83)])
const padded = (head: Buffer, bytes: number) => Buffer.concat([head, Buffer.alloc(bytes - head.length, 0x7f)])

const named = (parameters: string) => `Content-Disposition: form-data; name="media"; ${parameters}`

function multipart(bytes: Buffer, disposition: string, boundary = '----b'): Buffer {
  const head = `--${boundary}\r\n${disposition}\r\nContent-Type: application/octet-stream\r\n\r\n`
  return Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)])
}

async function upload(rig: Rig, type: string, body: Buffer | ReadableStream, boundary = '----b') {
  const response = await fetch(rig.url(`media/upload?access_token=${await rig.accessToken()}&type=${type}`), {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body,
    keepalive: false,
  })
  expect(response.status).toBe(200)
  return (await response.json()) as { errcode: number; type?: string; media_id?: string; created_at?: string }
}

test('tenant-media: every app of a corp can download an upload', async () => {
  using rig = await openTenant()
  const bytes = Buffer.from('\r\n------b is inside\r\n--', 'latin1')
  const answer = await upload(
    rig,
    'file',
    multipart(bytes, named(`filename="年度报告 (1).pdf"; filelength=${bytes.length}`), 'b0undary'),
    'b0undary',
  )
  expect(answer).toMatchObject({ errcode: 0, type: 'file', created_at: expect.stringMatching(/^\d+$/) })
  const mediaId = answer.media_id ?? ''
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  expect(rig.tenant.media.find(mediaId)).toMatchObject({ name: '年度报告 (1).pdf', bytes, sha256 })
  expect(rig.tenant.media.uploads).toHaveLength(1)
  const token = await rig.accessToken(other)
  const got = await fetch(rig.url(`media/get?access_token=${token}&media_id=${mediaId}`), { keepalive: false })
  const disposition = Buffer.from(got.headers.get('content-disposition') ?? '', 'latin1').toString()
  expect(disposition).toBe('attachment; filename="年度报告 (1).pdf"')
  expect(Buffer.from(await got.arrayBuffer())).toEqual(bytes)
})

const mebibyte = 1_048_576
const file = (bytes: Buffer) => multipart(bytes, named('filename="a.bin"'))

const judged: [string, string, Buffer, number][] = [
  ['a PNG', 'image', file(png), 0],
  ['a JPEG', 'image', file(jpeg), 0],
  ['a GIF', 'image', file(Buffer.from('GIF89a..')), 40004],
  ['a picture of 10 MB', 'image', file(padded(png, 10 * mebibyte)), 0],
  ['a picture of over 10 MB', 'image', file(padded(png, 10 * mebibyte + 1)), 45001],
  ['60 seconds of AMR', 'voice', file(amr(3_000)), 0],
  ['over 60 seconds of AMR', 'voice', file(amr(3_001)), 45007],
  ['an MP3', 'voice', file(Buffer.from('ID3.....')), 40004],
  ['a voice of over 2 MB', 'voice', file(padded(amr(1), 2 * mebibyte + 1)), 45001],
  ['an MP4', 'video', file(mp4), 0],
  ['an AVI', 'video', file(Buffer.from('RIFF....AVI ')), 40004],
  ['a video of over 10 MB', 'video', file(padded(mp4, 10 * mebibyte + 1)), 45001],
  ['six bytes', 'file', file(Buffer.from('123456')), 0],
  ['five bytes', 'file', file(Buffer.from('12345')), 40006],
  ['no bytes', 'file', file(Buffer.of()), 44001],
  ['a file of over 20 MB', 'file', file(Buffer.alloc(20 * mebibyte + 1)), 45001],
  ['another type', 'gif', file(png), 40005],
  ['a part with filename* only', 'file', multipart(png, named("filename*=UTF-8''a.png")), 44001],
  ['a part with both names', 'file', multipart(png, named(`filename="a.png"; filename*=UTF-8''b.png`)), 0],
  ['a part with an empty name', 'file', multipart(png, named('filename=""')), 44001],
  [
    'a part that is not called media',
    'file',
    multipart(png, 'Content-Disposition: form-data; name="file"; filename="a"'),
    44001,
  ],
  ['another filelength', 'file', multipart(png, named('filename="a"; filelength=9')), 44001],
  ['another boundary', 'file', multipart(png, named('filename="a"'), 'other'), 44001],
  ['no end', 'file', file(png).subarray(0, -8), 44001],
  [
    'a name that is not UTF-8',
    'file',
    Buffer.from(file(png).toString('latin1').replace('a.bin', '\xff\xfe'), 'latin1'),
    44001,
  ],
]

for (const [name, type, body, errcode] of judged) {
  test(`tenant-media: ${name} as ${type}: ${errcode}`, async () => {
    using rig = await openTenant()
    expect((await upload(rig, type, body)).errcode).toBe(errcode)
    expect(rig.tenant.media.uploads).toHaveLength(errcode === 0 ? 1 : 0)
  })
}

test('tenant-media: a chunked upload is 44001', async () => {
  using rig = await openTenant()
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(file(png))
      controller.close()
    },
  })
  expect((await upload(rig, 'file', stream)).errcode).toBe(44001)
  const request = rig.tenant.api.requests.at(-1)
  expect(request?.headers['transfer-encoding']).toBe('chunked')
})

test('tenant-media: an invalid media_id is a JSON error with HTTP 200', async () => {
  using rig = await openTenant()
  const path = `media/get?access_token=${await rig.accessToken()}`
  expect((await rig.get(path)).errcode).toBe(41006)
  expect((await rig.get(`${path}&media_id=nope`)).errcode).toBe(40007)
  const mediaId = rig.tenant.media.put({ type: 'voice', name: 'a.amr', bytes: amr(1) })
  rig.passMs(3 * 86_400_000)
  const answer = await rig.get(`media/get?access_token=${await rig.accessToken(main)}&media_id=${mediaId}`)
  expect(answer.errcode).toBe(40007)
})

test('tenant-media: files over 20 MB need a range', async () => {
  using rig = await openTenant()
  const bytes = padded(Buffer.from('0123456789'), 20 * mebibyte + 100)
  const mediaId = rig.tenant.media.put({ type: 'file', name: 'a', bytes })
  const path = rig.url(`media/get?access_token=${await rig.accessToken()}&media_id=${mediaId}`)
  const get = async (range?: string) =>
    await fetch(path, { keepalive: false, headers: range === undefined ? {} : { range } })
  expect(await (await get()).json()).toMatchObject({ errcode: 830002 })
  expect(await (await get('bytes=0-')).json()).toMatchObject({ errcode: 830002 })
  const part = await get('bytes=2-5')
  expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
    206,
    `bytes 2-5/${bytes.length}`,
    '2345',
  ])
  const most = await get(`bytes=0-${20 * mebibyte - 1}`)
  expect((await most.arrayBuffer()).byteLength).toBe(20 * mebibyte)
  const rest = await get(`bytes=${20 * mebibyte}-${bytes.length + 5}`)
  expect(rest.headers.get('content-range')).toBe(`bytes ${20 * mebibyte}-${bytes.length - 1}/${bytes.length}`)
  expect((await rest.arrayBuffer()).byteLength).toBe(100)
  expect((await get(`bytes=${bytes.length}-`)).status).toBe(416)
})
