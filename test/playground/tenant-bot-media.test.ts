import { expect, test } from 'bun:test'
import { decryptMedia } from './media-peer.ts'
import { openTenant } from './tenant-rig.ts'

const bytes = Buffer.from('a picture of 29 bytes, surely')

const get = async (url: string) => await fetch(url, { keepalive: false })
const read = async (response: Response) => Buffer.from(await response.arrayBuffer())

test('tenant-bot-media: a link serves encrypted bytes and a raw UTF-8 name', async () => {
  using rig = await openTenant()
  const response = await get(rig.tenant.botMedia(bytes, { fileName: '年.png' }))
  const name = Buffer.from(response.headers.get('content-disposition') ?? '', 'latin1').toString()
  expect([response.status, name]).toEqual([200, 'attachment; filename="年.png"'])
  const sealed = await read(response)
  expect(sealed).toHaveLength(32)
  expect(decryptMedia(sealed)).toEqual(bytes)
  expect(decryptMedia(await read(await get(rig.tenant.botMedia(Buffer.alloc(32, 7)))))).toEqual(Buffer.alloc(32, 7))
})

test('tenant-bot-media: a link expires after five minutes', async () => {
  using rig = await openTenant()
  const url = rig.tenant.botMedia(bytes)
  rig.passMs(299_000)
  expect((await get(url)).status).toBe(200)
  rig.passMs(1_000)
  const late = await get(url)
  expect([late.status, await late.text()]).toEqual([403, expect.stringContaining('<Code>AccessDenied</Code>')])
  expect((await get(`${rig.tenant.apiBaseUrl}/media?id=x`)).status).toBe(404)
})

test('tenant-bot-media: each fault can be observed', async () => {
  using rig = await openTenant()
  const faulty = async (fault: NonNullable<Parameters<typeof rig.tenant.botMedia>[1]>['fault']) =>
    await get(rig.tenant.botMedia(bytes, fault === undefined ? {} : { fault }))
  expect(await read(await faulty('not_encrypted'))).toEqual(bytes)
  expect(await read(await faulty('empty'))).toHaveLength(0)
  expect(await read(await faulty('truncated'))).toHaveLength(17)
  expect(() => decryptMedia(Buffer.of())).toThrow()
  const wrong = await read(await faulty('wrong_key'))
  expect(() => decryptMedia(wrong)).toThrow()
  expect((await faulty('expired')).status).toBe(403)
  expect((await faulty('html')).headers.get('content-type')).toBe('text/html')
  expect(decryptMedia(await read(await faulty('slow')))).toEqual(bytes)
  expect(await read(await faulty('reset')).catch(() => 'cut')).toBe('cut')
  const oversize = await faulty('oversize')
  expect(Number(oversize.headers.get('content-length'))).toBeGreaterThan(10 ** 10)
  await oversize.body?.cancel()
  const stalled = (await faulty('hang')).body?.getReader()
  expect((await stalled?.read())?.value).toHaveLength(16)
  await stalled?.cancel()
})
