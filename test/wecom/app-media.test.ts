import { expect, test } from 'bun:test'
import { seeded } from '../crypto/seeded.ts'
import { openForwardProxy } from './forward-proxy.ts'
import { openMediaRig } from './media-rig.ts'
import { amr, html, json, pdf, png } from './media-samples.ts'
import { openRawWecom } from './raw-wecom.ts'

type Rig = Awaited<ReturnType<typeof openMediaRig>>
const failed = (problem: string) => ({ kind: 'failed', problem })
const mebibyte = 1_048_576
const path = '/cgi-bin/media/get'

const put = (rig: Rig, type: 'image' | 'voice' | 'video' | 'file', bytes: Uint8Array, name = 'a.bin') =>
  rig.tenant.media.put({ type, name, bytes })

test("app media: media are fetched with the app's token and keep their name", async () => {
  using rig = await openMediaRig()
  const image = await rig.fetch({ kind: 'image', mediaId: put(rig, 'image', png, '图 1.png') })
  expect(image).toMatchObject({ kind: 'kept', content: png, fileName: '图 1.png', mimeType: 'image/png' })
  const voice = await rig.fetch({ kind: 'voice', mediaId: put(rig, 'voice', amr, 'a.amr') })
  expect(voice).toMatchObject({ kind: 'kept', content: amr, fileName: 'a.amr', mimeType: 'audio/amr' })
  expect(rig.tenant.tokens.gets()).toBe(1)
})

test('app media: Speex has no signature, so what WeCom calls Speex is taken as that', async () => {
  using rig = await openMediaRig()
  const raw = Uint8Array.from({ length: 700 }, (_, at) => (at * 37) % 256)
  const voice = (bytes: Uint8Array) =>
    ({ kind: 'voice', format: 'speex', mediaId: put(rig, 'voice', bytes, 'a') }) as const
  expect(await rig.fetch(voice(raw))).toMatchObject({
    kind: 'kept',
    content: raw,
    fileName: 'voice.spx',
    mimeType: 'audio/x-speex',
  })
  expect(await rig.fetch(voice(amr))).toMatchObject({ kind: 'kept', mimeType: 'audio/amr' })
  expect(await rig.fetch(voice(png))).toMatchObject(failed('unreadable'))
  expect(await rig.fetch({ kind: 'voice', mediaId: put(rig, 'voice', raw, 'a') })).toMatchObject(failed('unreadable'))
})

test('app media: an unknown or three-day-old media_id is expired', async () => {
  using rig = await openMediaRig()
  const mediaId = put(rig, 'image', png)
  rig.passMs(3 * 86_400_000)
  expect(await rig.fetch({ kind: 'image', mediaId })).toMatchObject(failed('expired'))
  expect(await rig.fetch({ kind: 'image', mediaId: 'no' })).toMatchObject(failed('expired'))
  expect(rig.files()).toEqual([])
})

test('app media: a rejected token is renewed once', async () => {
  using rig = await openMediaRig()
  const mediaId = put(rig, 'image', png)
  expect(await rig.fetch({ kind: 'image', mediaId })).toMatchObject({ kind: 'kept' })
  for (const end of ['expire', 'revoke'] as const) {
    rig.tenant.tokens[end]()
    expect(await rig.fetch({ kind: 'image', mediaId })).toMatchObject({ kind: 'kept', content: png })
  }
  rig.tenant.api.failWith(path, 40_014, 2)
  expect(await rig.fetch({ kind: 'image', mediaId })).toMatchObject({ kind: 'later' })
  expect(rig.tenant.api.count(path)).toBe(1 + 2 + 2 + 2)
})

test('app media: operator and temporary errors are retried, others are final', async () => {
  using rig = await openMediaRig()
  const mediaId = put(rig, 'image', png)
  for (const errcode of [60_020, 50_003, 45_009, -1]) {
    rig.tenant.api.failWith(path, errcode)
    expect(await rig.fetch({ kind: 'image', mediaId })).toMatchObject({ kind: 'later' })
  }
  rig.tenant.api.failWith(path, 45_009)
  expect(await rig.fetch({ kind: 'image', mediaId })).toMatchObject({ retryAfterMs: 67_500 })
  rig.tenant.api.fail({ when: 'before', how: 502 }, path)
  expect(await rig.fetch({ kind: 'image', mediaId })).toMatchObject({ kind: 'later' })
  rig.tenant.api.failWith(path, 41_006)
  expect(await rig.fetch({ kind: 'image', mediaId })).toMatchObject(failed('unreachable'))
  expect(await rig.fetch({ kind: 'image', mediaId }, 'other')).toMatchObject(failed('unreachable'))
  expect(rig.files()).toEqual([])
})

test('app media: ranges are used only when WeCom requires them', async () => {
  using rig = await openMediaRig()
  const bytes = Buffer.concat([pdf, seeded(3).bytes(20 * mebibyte + 5)])
  const fetched = await rig.fetch({ kind: 'file', mediaId: put(rig, 'file', bytes, '大.pdf') })
  expect(fetched).toMatchObject({ kind: 'kept', bytes: bytes.length, fileName: '大.pdf', mimeType: 'application/pdf' })
  expect(Buffer.compare(fetched.kind === 'kept' ? (fetched.content ?? pdf) : pdf, bytes)).toBe(0)
  const ranges = rig.tenant.api.requests.filter(one => one.path === path).map(one => one.headers['range'])
  const ten = 10 * mebibyte
  expect(ranges).toEqual([
    undefined,
    `bytes=0-${ten - 1}`,
    `bytes=${ten}-${2 * ten - 1}`,
    `bytes=${2 * ten}-${3 * ten - 1}`,
  ])
})

test('app media: a failed range makes the whole fetch retry', async () => {
  using rig = await openMediaRig()
  const mediaId = put(rig, 'file', Buffer.alloc(20 * mebibyte + 5, 1))
  rig.tenant.on(event => {
    if (event.kind === 'api' && event.request.headers['range'] === 'bytes=0-10485759') {
      rig.tenant.api.failWith(path, -1)
    }
  })
  expect(await rig.fetch({ kind: 'file', mediaId })).toMatchObject({ kind: 'later' })
  expect(rig.files()).toEqual([])
})

test('app media: media.maxBytes applies to whole and ranged downloads', async () => {
  using rig = await openMediaRig({ maxMediaBytes: 1_000 })
  for (const [length, expected] of [
    [1_000, { kind: 'kept' }],
    [1_001, failed('too_large')],
    [20 * mebibyte + 1, failed('too_large')],
  ] as const) {
    expect(await rig.fetch({ kind: 'file', mediaId: put(rig, 'file', Buffer.alloc(length, 1)) })).toMatchObject(
      expected,
    )
  }
  expect(rig.files()).toHaveLength(1)
})

test('app media: a fake image is not kept; no bytes means empty', async () => {
  using rig = await openMediaRig()
  for (const bytes of [html, json, pdf, amr]) {
    expect(await rig.fetch({ kind: 'image', mediaId: put(rig, 'image', bytes) })).toMatchObject(failed('unreadable'))
  }
  const nothing = put(rig, 'file', Buffer.of())
  expect(await rig.fetch({ kind: 'file', mediaId: nothing })).toMatchObject(failed('empty'))
  expect(rig.files()).toEqual([])
})

test('app media: a JSON file is a file, not a refusal', async () => {
  using rig = await openMediaRig()
  const mediaId = put(rig, 'file', json, 'a.json')
  expect(await rig.fetch({ kind: 'file', mediaId })).toMatchObject({ kind: 'kept', mimeType: 'application/json' })
})

test('app media: JSON without a file name is an answer, if odd, retried', async () => {
  const wecom = await openRawWecom()
  const answers: object[] = [{ errcode: 40_007, errmsg: 'x' }, { errcode: 0 }, { welcome: 'sign in' }]
  wecom.on('media/get', () => answers.shift() ?? {})
  using rig = await openMediaRig({ network: { apiBaseUrl: wecom.origin, moreHosts: [], timeoutMs: 5_000 } })
  const fetch = async () => await rig.fetch({ kind: 'file', mediaId: 'M' })
  expect([await fetch(), await fetch(), await fetch()]).toMatchObject([
    failed('expired'),
    { kind: 'later' },
    { kind: 'later' },
  ])
  expect(rig.files()).toEqual([])
  wecom.close()
})

test('media: Bot links and app media are fetched through the proxy', async () => {
  using rig = await openMediaRig()
  const proxy = await openForwardProxy('user', 'p@ss')
  const network = { apiBaseUrl: rig.tenant.apiBaseUrl, moreHosts: [], timeoutMs: 5_000, proxy: proxy.url }
  using proxied = await openMediaRig({ network })
  rig.tenant.api.acceptOnly(port => proxy.opened(port))
  expect(await proxied.fetch({ kind: 'image', url: rig.tenant.botMedia(png) })).toMatchObject({ kind: 'kept' })
  expect(await proxied.fetch({ kind: 'image', mediaId: put(rig, 'image', png) })).toMatchObject({ kind: 'kept' })
  expect(proxy.passed.map(one => new URL(one.split(' ')[1] ?? '').pathname)).toEqual([
    '/media',
    '/cgi-bin/gettoken',
    path,
  ])
  proxy.close()
})
