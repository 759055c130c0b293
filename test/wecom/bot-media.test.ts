import { describe, expect, test } from 'bun:test'
import type { Attachment } from '../../src/domain/message.ts'
import { seeded } from '../crypto/seeded.ts'
import { FakeClock } from '../fake-clock.ts'
import { encodingAESKey } from '../playground/callback-server.ts'
import { openMediaRig } from './media-rig.ts'
import { amr, csv, docx, html, jpeg, json, mp4, pdf, png, xml } from './media-samples.ts'

const failed = (problem: string) => ({ kind: 'failed', problem })

describe('kept', () => {
  const kinds: readonly [Attachment['kind'], Buffer, string | undefined, string, string][] = [
    ['image', png, undefined, 'image.png', 'image/png'],
    ['image', jpeg, '照片.jpg', '照片.jpg', 'image/jpeg'],
    ['video', mp4, undefined, 'video.mp4', 'video/mp4'],
    ['voice', amr, undefined, 'voice.amr', 'audio/amr'],
    ['file', pdf, '年度报告 (1).pdf', '年度报告 (1).pdf', 'application/pdf'],
    ['file', docx, '合同.docx', '合同.docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
    ['file', csv, '../../表.csv', '表.csv', 'text/csv'],
    ['file', json, 'a.json', 'a.json', 'application/json'],
    ['file', html, 'a.html', 'a.html', 'text/html'],
  ]
  for (const [kind, bytes, sent, fileName, mimeType] of kinds) {
    test(`bot media: a ${kind} named ${sent ?? 'nothing'} is kept as ${fileName}`, async () => {
      using rig = await openMediaRig()
      const url = rig.tenant.botMedia(bytes, sent === undefined ? {} : { fileName: sent })
      const kept = { kind: 'kept', bytes: bytes.length, content: bytes, fileName, mimeType } as const
      expect(await rig.fetch({ kind, url })).toEqual(kept)
      expect(rig.files()).toHaveLength(1)
    })
  }

  test('bot media: every length around the padding survives slow chunks', async () => {
    using rig = await openMediaRig()
    const random = seeded(5)
    for (const length of [1, 15, 16, 17, 31, 32, 33, 63, 64, 65_535, 65_536, 65_537, 300_000]) {
      const bytes = Buffer.from(random.bytes(length))
      const fault = length > 1_000 ? ({ fault: 'slow' } as const) : {}
      const fetched = await rig.fetch({ kind: 'file', url: rig.tenant.botMedia(bytes, fault) })
      expect(fetched).toMatchObject({ kind: 'kept', bytes: length })
      expect(Buffer.compare(fetched.kind === 'kept' ? (fetched.content ?? csv) : csv, bytes)).toBe(0)
    }
  })

  test('bot media: unencrypted bytes are kept if they are surely media', async () => {
    using rig = await openMediaRig()
    const plain = (bytes: Buffer) => rig.tenant.botMedia(bytes, { fault: 'not_encrypted' })
    expect(await rig.fetch({ kind: 'image', url: plain(png) })).toMatchObject({ kind: 'kept', content: png })
    expect(await rig.fetch({ kind: 'file', url: plain(docx) })).toMatchObject({ kind: 'kept', content: docx })
    expect(await rig.fetch({ kind: 'file', url: plain(csv) })).toMatchObject(failed('unreadable'))
    expect(await rig.fetch({ kind: 'file', url: plain(xml) })).toMatchObject(failed('unreadable'))
  })

  test("bot media: the callback's file name wins over the storage's", async () => {
    using rig = await openMediaRig()
    const url = rig.tenant.botMedia(pdf, { fileName: 'x.pdf' })
    expect(await rig.fetch({ kind: 'file', url, fileName: '真名.pdf' })).toMatchObject({ fileName: '真名.pdf' })
  })
})

describe('failed', () => {
  const faults = [
    ['wrong_key', failed('unreadable')],
    ['truncated', failed('unreadable')],
    ['html', failed('unreadable')],
    ['expired', failed('expired')],
    ['empty', failed('empty')],
    ['oversize', failed('too_large')],
    ['reset', { kind: 'later' }],
  ] as const
  for (const [fault, expected] of faults) {
    test(`bot media: ${fault} keeps nothing and is ${'problem' in expected ? expected.problem : expected.kind}`, async () => {
      using rig = await openMediaRig()
      const url = rig.tenant.botMedia(Buffer.alloc(200_000, 'x'), { fault })
      expect(await rig.fetch({ kind: 'file', url })).toMatchObject(expected)
      expect(rig.files()).toEqual([])
    })
  }

  test('bot media: the hint for a wrong key names the setting', async () => {
    using rig = await openMediaRig()
    const url = rig.tenant.botMedia(csv, { fault: 'wrong_key' })
    expect(await rig.fetch({ kind: 'file', url })).toMatchObject({ hint: expect.stringContaining('EncodingAESKey') })
  })

  test('bot media: bytes of another kind are not kept', async () => {
    using rig = await openMediaRig()
    for (const bytes of [html, xml, json, csv, pdf]) {
      for (const kind of ['image', 'voice', 'video'] as const) {
        expect(await rig.fetch({ kind, url: rig.tenant.botMedia(bytes) })).toMatchObject(failed('unreadable'))
      }
    }
    expect(await rig.fetch({ kind: 'voice', url: rig.tenant.botMedia(png) })).toMatchObject(failed('unreadable'))
    expect(rig.files()).toEqual([])
  })

  test('bot media: an encrypted empty file is empty', async () => {
    using rig = await openMediaRig()
    expect(await rig.fetch({ kind: 'file', url: rig.tenant.botMedia(Buffer.of()) })).toMatchObject(failed('empty'))
    expect(rig.files()).toEqual([])
  })

  test('bot media: a link expires after five minutes; an unknown one is expired', async () => {
    using rig = await openMediaRig()
    const url = rig.tenant.botMedia(png)
    rig.passMs(300_000)
    expect(await rig.fetch({ kind: 'image', url })).toMatchObject(failed('expired'))
    expect(await rig.fetch({ kind: 'image', url: `${rig.tenant.apiBaseUrl}/media?id=no` })).toMatchObject(
      failed('expired'),
    )
  })

  test('bot media: media.maxBytes limits the decrypted bytes', async () => {
    const limit = 100_000
    using rig = await openMediaRig({ maxMediaBytes: limit })
    for (const fault of [{}, { fault: 'slow' }] as const) {
      const most = rig.tenant.botMedia(Buffer.alloc(limit, 1), fault)
      expect(await rig.fetch({ kind: 'file', url: most })).toMatchObject({ kind: 'kept', bytes: limit })
      const more = rig.tenant.botMedia(Buffer.alloc(limit + 1, 1), fault)
      expect(await rig.fetch({ kind: 'file', url: more })).toMatchObject(failed('too_large'))
    }
    expect(rig.files()).toHaveLength(2)
  })

  test('bot media: server errors are retried, a refusal is final', async () => {
    using rig = await openMediaRig()
    const url = rig.tenant.botMedia(png)
    for (const how of [500, 503, 429] as const) {
      rig.tenant.api.fail({ when: 'before', how }, url)
      expect(await rig.fetch({ kind: 'image', url })).toMatchObject({ kind: 'later' })
    }
    for (const how of [400, 401, 302] as const) {
      rig.tenant.api.fail({ when: 'before', how }, url)
      expect(await rig.fetch({ kind: 'image', url })).toMatchObject(failed('unreachable'))
    }
    expect(await rig.fetch({ kind: 'image', url })).toMatchObject({ kind: 'kept' })
    rig.tenant.close()
    expect(await rig.fetch({ kind: 'image', url })).toMatchObject({ kind: 'later', hint: expect.any(String) })
  })

  test('bot media: links to other hosts or schemes are not fetched', async () => {
    using rig = await openMediaRig()
    const { host } = new URL(rig.tenant.apiBaseUrl)
    const strange = [
      `https://${host}/media`,
      'http://x.myqcloud.com/',
      'https://evil.example/',
      'file:///etc/passwd',
      '',
    ]
    for (const url of strange) expect(await rig.fetch({ kind: 'image', url })).toMatchObject(failed('bad_host'))
    const output = JSON.stringify(await rig.fetch({ kind: 'image', url: 'https://cos.corp.example/a?sign=S' }))
    expect(output).toContain('cos.corp.example')
    expect(output).not.toContain('sign')
  })

  test('bot media: no Bot or no link is a failed fetch', async () => {
    using rig = await openMediaRig()
    const url = rig.tenant.botMedia(png)
    expect(await rig.fetch({ kind: 'image', url }, 'other')).toMatchObject(failed('unreadable'))
    expect(await rig.fetch({ kind: 'image' })).toMatchObject(failed('unreachable'))
  })

  test('bot media: a failing spool rejects instead of failing the media', async () => {
    const full = Promise.reject(new Error('disk full'))
    full.catch(() => {})
    using rig = await openMediaRig({ createFile: () => full })
    const url = rig.tenant.botMedia(png)
    expect(await rig.fetch({ kind: 'image', url }).catch(error => error)).toMatchObject({ message: 'disk full' })
  })
})

describe('timeouts', () => {
  /** A platform whose time passes only when the test advances it. */
  async function openPatientRig() {
    const clock = new FakeClock(0)
    const rig = await openMediaRig({ clock, timers: { at: (when, ring) => clock.alarm(when, ring) } })
    return { rig, clock }
  }

  test('bot media: a stalled download ends exactly after timeoutMs', async () => {
    const { rig: made, clock } = await openPatientRig()
    using rig = made
    const silent = rig.tenant.botMedia(png)
    rig.tenant.api.fail({ when: 'before', how: 'hang' }, silent)
    const stalled = rig.tenant.botMedia(Buffer.alloc(200_000, 1), { fault: 'hang' })
    for (const url of [silent, stalled]) {
      let isOver = false
      const asked = rig.tenant.api.requests.length
      const fetching = rig.fetch({ kind: 'file', url }).finally(() => (isOver = true))
      while (rig.tenant.api.requests.length === asked) await new Promise(resolve => setImmediate(resolve))
      await clock.advanceTo(clock.now() + 4_999)
      expect(isOver).toBe(false)
      await clock.advanceTo(clock.now() + 5_002)
      expect(await fetching).toMatchObject({ kind: 'later' })
    }
    expect(rig.files()).toEqual([])
    expect(clock.nextAlarmAt()).toBeUndefined()
  })
})

test('bot media: links and media never appear in logs or hints', async () => {
  using rig = await openMediaRig()
  const output: unknown[] = []
  for (const fault of ['truncated', 'expired', 'reset', 'html'] as const) {
    const fetched = await rig.fetch({ kind: 'file', url: rig.tenant.botMedia(csv, { fault, fileName: '机密.csv' }) })
    output.push('hint' in fetched && fetched.hint) // the name is for the user alone
  }
  expect(JSON.stringify([output, rig.lines])).not.toMatch(/q-signature|机密|张三/)
})

test('bot media: an invalid key is refused at the start', async () => {
  const opening = openMediaRig({ botKeys: new Map([['default', ['short']]]) })
  expect(await opening.catch(error => error)).toMatchObject({ code: 'bad_key' })
})

test('bot media: a replaced key still decrypts its media', async () => {
  const newKey = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C'
  using rig = await openMediaRig({ botKeys: new Map([['default', [newKey, encodingAESKey]]]) })
  const fetched = await rig.fetch({ kind: 'file', url: rig.tenant.botMedia(csv, { fileName: 'a.csv' }) })
  expect(fetched).toMatchObject({ kind: 'kept', fileName: 'a.csv', content: csv })
  expect(rig.files()).toHaveLength(1)
})
