import { expect, test } from 'bun:test'
import type { Attachment } from '../../src/domain/message.ts'
import { detect, isOfKind, looksLikePage, isSurelyMedia, mimeTypeOf, nameOf } from '../../src/wecom/media/kinds.ts'
import { seeded } from '../crypto/seeded.ts'
import { amr, csv, docx, gif, html, jpeg, json, mp4, pdf, png, xml, zip } from './media-samples.ts'

const docxType = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
const noise = Buffer.from(seeded(4).bytes(4_000))

type Kind = Attachment['kind']
const samples: readonly [string, Buffer, string, string, readonly Kind[]][] = [
  ['a PNG', png, '图.png', 'image/png', ['image', 'file']],
  ['a JPEG', jpeg, 'a.jpg', 'image/jpeg', ['image', 'file']],
  ['a GIF', gif, 'a.gif', 'image/gif', ['image', 'file']],
  ['an MP4', mp4, 'a.mp4', 'video/mp4', ['video', 'file']],
  ['an AMR', amr, 'a.amr', 'audio/amr', ['voice', 'file']],
  ['a PDF', pdf, 'a.pdf', 'application/pdf', ['file']],
  ['a PDF with another name', pdf, 'a.txt', 'application/pdf', ['file']],
  ['a docx', docx, '合同.docx', docxType, ['file']],
  ['a docx detected only as zip', zip({ a: 'b' }), '合同.docx', docxType, ['file']],
  ['a zip', zip({ a: 'b' }), 'a.zip', 'application/zip', ['file']],
  ['a csv', csv, '表.CSV', 'text/csv', ['file']],
  ['a csv in GBK', Buffer.from([0xd0, 0xd5, 0xc3, 0xfb, 0x2c, 0x31, 0x0a]), 'a.csv', 'text/csv', ['file']],
  ['a text', csv, 'notes', 'text/plain', ['file']],
  ['a json', json, 'a.json', 'application/json', ['file']],
  ['a web page', html, 'a.html', 'text/html', ['file']],
  ['an xml', xml, 'a.xml', 'application/xml', ['file']],
  ['noise named like a text', noise, 'a.csv', 'application/octet-stream', ['file']],
  ['one byte', Buffer.from('x'), 'a.txt', 'text/plain', ['file']],
]

for (const [what, bytes, name, mimeType, kinds] of samples) {
  test(`media kind: ${what} is ${mimeType.split('.').at(-1)}, valid as ${kinds.join(' and ')}`, async () => {
    const detected = await detect(bytes)
    expect(mimeTypeOf(name, detected)).toBe(mimeType)
    const all: readonly Kind[] = ['image', 'voice', 'video', 'file']
    expect(all.filter(kind => isOfKind(kind, detected))).toEqual([...kinds])
  })
}

test('media kind: an image is detected from its leading bytes alone', async () => {
  const large = Buffer.concat([png.subarray(0, 33), Buffer.from('0100000069434350', 'hex'), Buffer.alloc(65_000, 9)])
  expect((await detect(large)).type?.mime).toBe('image/png')
  expect((await detect(docx.subarray(0, 40))).type?.ext).toBe('zip')
})

test('media kind: only clear signatures count as unencrypted', async () => {
  for (const bytes of [png, jpeg, gif, mp4, amr, pdf, docx]) expect(isSurelyMedia(await detect(bytes))).toBe(true)
  const doubtful = [csv, xml, noise, Buffer.from('BM....'), Buffer.from('MZ....'), Buffer.from('fffb9064', 'hex')]
  for (const bytes of doubtful) expect(isSurelyMedia(await detect(bytes))).toBe(false)
})

test('media kind: server pages are detected, binary bytes are not pages', () => {
  for (const page of [html, xml, json, Buffer.from('\ufeff\n<Error/>'), Buffer.from('[]')])
    expect(looksLikePage(page)).toBe(true)
  for (const bytes of [png, csv, Buffer.concat([Buffer.from('<'), noise]), Buffer.from('{\0'), Buffer.of()])
    expect(looksLikePage(bytes)).toBe(false)
})

const names: readonly [string | undefined, Kind, Buffer, string][] = [
  [undefined, 'image', png, 'image.png'],
  [undefined, 'image', jpeg, 'image.jpg'],
  [undefined, 'video', mp4, 'video.mp4'],
  [undefined, 'voice', amr, 'voice.amr'],
  [undefined, 'file', csv, 'file.bin'],
  ['年度报告.pdf', 'file', pdf, '年度报告.pdf'],
  ['年度报告', 'file', pdf, '年度报告.pdf'],
  ['年度报告 v1.2', 'file', pdf, '年度报告 v1.2.pdf'],
  ['a.7z', 'file', pdf, 'a.7z'],
  ['a.PNG', 'image', jpeg, 'a.PNG'],
  ['notes', 'file', csv, 'notes'],
  ['../../etc/passwd', 'file', csv, 'passwd'],
  ['C:\\x\\报告.pdf', 'file', pdf, '报告.pdf'],
  ['a\u202egnp.exe', 'file', csv, 'agnp.exe'],
  ['..', 'file', pdf, 'file.pdf'],
  ['名'.repeat(300), 'file', pdf, `${'名'.repeat(65)}.pdf`],
]

for (const [name, kind, bytes, expected] of names) {
  test(`media kind: a ${kind} named ${JSON.stringify(name)?.slice(0, 30) ?? 'nothing'} is shown as ${expected.slice(0, 20)}`, async () => {
    expect(nameOf(name, kind, await detect(bytes))).toBe(expected)
  })
}

test('media kind: random bytes never throw and take no time', async () => {
  const random = seeded(99)
  const whole = [png, jpeg, gif, mp4, amr, pdf, docx, csv, xml]
  for (let round = 0; round < 300; round++) {
    const bytes = Buffer.from(whole[random.below(whole.length)] ?? png)
    for (let times = random.below(6); times >= 0; times--) bytes[random.below(bytes.length)] = random.below(256)
    expect(typeof (await detect(bytes.subarray(0, random.below(bytes.length + 1)))).isText).toBe('boolean')
  }
})
