import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import type { MediaMessage, Outcome } from '../../src/domain/delivery.ts'
import { WecomdError } from '../../src/errors.ts'
import { encodeUpload } from '../../src/wecom/media/upload.ts'
import { bytesOf, openRig, robotKey, toBob } from './api-rig.ts'
import { openRawWecom, type RawWecom } from './raw-wecom.ts'

let wecom: RawWecom
const opened: RawWecom[] = []
afterAll(() => opened.forEach(one => one.close()))
beforeEach(async () => {
  wecom = await openRawWecom()
  opened.push(wecom)
  wecom.on('media/upload', () => ({
    errcode: 0,
    errmsg: '',
    type: 'file',
    media_id: 'MEDIA',
    created_at: '1380000000',
  }))
  wecom.on('webhook/upload_media', () => ({ errcode: 0, errmsg: 'ok', media_id: 'ROBOT-MEDIA' }))
})

const content = Buffer.from([0x25, 0x50, 0x44, 0x46, 0, 255, 13, 10, 13, 10, 45, 45])
const file: MediaMessage = {
  kind: 'media',
  media: 'file',
  fileName: '季度报告 (终稿).pdf',
  bytes: content.length,
  source: { kind: 'spool', file: 'x' },
}
const boundary = `wecomd-${'ab'.repeat(16)}`
const openMedia = async () => bytesOf(content, 5)
const toRobot = { kind: 'webhook', name: 'ops' } as const

/** The expected body of an upload, byte for byte. */
const multipart = (name: string) =>
  Buffer.concat([
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="media"; filename="${name}"; filelength=12\r\n` +
        'Content-Type: application/octet-stream\r\n\r\n',
    ),
    content,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ])

describe('names without an extension', () => {
  const png = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex')
  const cases: readonly [string, Buffer, string][] = [
    ['report', content, 'report.pdf'],
    ['v1.2', content, 'v1.2.pdf'],
    ['图', png, '图.png'],
    ['notes', Buffer.from('第一行\nline two'), 'notes.txt'],
    ['blob', Buffer.from([0, 1, 2, 3, 4, 5, 6, 7]), 'blob'],
    ['季度.csv', content, '季度.csv'],
  ]
  for (const [fileName, bytes, sent] of cases) {
    test(`media-upload: ${fileName} is sent as ${sent}, to users and by a robot`, async () => {
      const { platform } = openRig(wecom.origin, { openMedia: async () => bytesOf(bytes, 3) })
      await platform.upload('default', toBob, { ...file, fileName, bytes: bytes.length })
      await platform.upload('default', toRobot, { ...file, fileName, bytes: bytes.length })
      const names = wecom.asked.flatMap(({ body }) => /filename="([^"]*)"/.exec(body.toString())?.[1] ?? [])
      expect(names).toEqual([sent, sent])
    })
  }
})

describe('encoding', () => {
  test('media-upload: one part with the real name and a content-length', async () => {
    const { platform } = openRig(wecom.origin, { openMedia })
    expect(await platform.upload('default', toBob, file)).toEqual({ mediaId: 'MEDIA' })
    const [one] = wecom.of('media/upload')
    const wanted = multipart('季度报告 (终稿).pdf')
    expect(one?.body.equals(wanted)).toBe(true)
    expect(one).toMatchObject({ method: 'POST', query: { access_token: 'T1', type: 'file' } })
    const headers = new Map(one?.headers)
    expect(headers.get('content-type')).toBe(`multipart/form-data; boundary=${boundary}`)
    expect(headers.get('content-length')).toBe(String(wanted.length))
    expect(headers.has('transfer-encoding')).toBe(false)
  })

  test('media-upload: a group robot gets the same body with its key', async () => {
    const { platform } = openRig(wecom.origin, { openMedia })
    expect(await platform.upload('default', toRobot, file)).toEqual({ mediaId: 'ROBOT-MEDIA' })
    const [one] = wecom.of('webhook/upload_media')
    expect(one?.body.equals(multipart('季度报告 (终稿).pdf'))).toBe(true)
    expect(one?.query).toEqual({ key: robotKey, type: 'file' })
    expect(wecom.of('gettoken')).toEqual([])
  })

  const names = [
    ['a"b.pdf', 'a_b.pdf'],
    ['a\r\nX-Evil: 1\r\n\r\n.pdf', 'a__X-Evil: 1____.pdf'],
    ['a\\', 'a_'],
    ['tab\tnull\0del\x7fnel\x85', 'tab_null_del_nel_'],
    ['😀 é.pdf', '😀 é.pdf'],
  ] as const
  for (const [name, written] of names) {
    test(`media-upload: the name ${JSON.stringify(name)} becomes ${written}`, async () => {
      const { body } = encodeUpload(name, bytesOf(content), { bytes: count => new Uint8Array(count).fill(0xab) })
      if (typeof body === 'string') throw new Error('an upload is bytes')
      const bytes = Buffer.concat(await Array.fromAsync(body.open()))
      expect(bytes.equals(multipart(written))).toBe(true)
      expect(bytes).toHaveLength(body.bytes)
    })
  }

  test('media-upload: 20 MiB are streamed, and again after a token refresh', async () => {
    const large = Buffer.alloc(20 * 1_048_576, 'wecomd ')
    let opens = 0
    const rig = openRig(wecom.origin, {
      openMedia: async () => {
        opens += 1
        return bytesOf(large)
      },
    })
    wecom.on('media/upload', ({ query }) =>
      query['access_token'] === 'T1' ? { errcode: 42001, errmsg: 'expired' } : { errcode: 0, media_id: 'L' },
    )
    expect(await rig.platform.upload('default', toBob, { ...file, bytes: large.length })).toEqual({ mediaId: 'L' })
    const bodies = wecom.of('media/upload').map(({ body }) => body)
    expect(bodies.map(body => body.includes(large))).toEqual([true, true])
    expect(opens).toBe(1)
  })
})

describe('failures', () => {
  const upload = (more: Parameters<typeof openRig>[1] = {}, to: typeof toBob | typeof toRobot = toBob) =>
    openRig(wecom.origin, { openMedia, ...more }).platform.upload('default', to, file)
  const network = () => ({ apiBaseUrl: wecom.origin, moreHosts: [], timeoutMs: 80 })
  const both = [
    ['media/upload', toBob],
    ['webhook/upload_media', toRobot],
  ] as const

  for (const [path, to] of both) {
    for (const how of ['hang', 'reset', 500, 404] as const) {
      test(`media-upload: ${path} ending with ${how} is retried`, async () => {
        wecom.on(path, () => how)
        expect(await upload({ network: network() }, to)).toMatchObject({ outcome: 'retry' })
      })
    }

    test(`media-upload: a refused ${path} keeps WeCom's errmsg`, async () => {
      wecom.on(path, () => ({ errcode: 45001, errmsg: 'media size out of limit' }))
      expect(await upload({}, to)).toMatchObject({ outcome: 'refused', errcode: 45001 })
    })

    test(`media-upload: ${path} without a media_id is retried`, async () => {
      wecom.on(path, () => ({ errcode: 0, errmsg: 'ok' }))
      expect(await upload({}, to)).toMatchObject({ outcome: 'retry' })
    })

    test(`media-upload: ${path} refuses a missing file, retries an unreadable one`, async () => {
      const gone = async () => await Promise.reject(new WecomdError('not_found', 'no file'))
      const locked = async () => await Promise.reject(new Error('EACCES /secret/place'))
      expect(await upload({ openMedia: gone }, to)).toEqual({ outcome: 'refused', errmsg: 'the file no longer exists' })
      expect(await upload({ openMedia: locked }, to)).toMatchObject({
        outcome: 'retry',
        errmsg: 'cannot read the file',
      })
    })
  }

  test('media-upload: HTTP 413 is final', async () => {
    wecom.on('media/upload', () => 413)
    expect(await upload()).toMatchObject({ outcome: 'refused', errmsg: 'HTTP 413 without an errcode' })
  })

  test('media-upload: a read error in mid upload is retried', async () => {
    const broken = async () => ({
      bytes: content.length,
      async *open() {
        yield content.subarray(0, 3)
        throw new Error('EIO')
      },
    })
    expect(await upload({ openMedia: broken })).toMatchObject({ outcome: 'retry' })
    expect(wecom.of('media/upload')).toEqual([])
  })

  test('media-upload: a file whose length changed is not uploaded', async () => {
    const other = async () => ({ bytes: content.length, open: bytesOf(Buffer.alloc(content.length + 9)).open })
    const outcome: Partial<Outcome> = { outcome: 'retry', errmsg: 'ERR_HTTP_CONTENT_LENGTH_MISMATCH' }
    expect(await upload({ openMedia: other })).toMatchObject(outcome)
  })
})
