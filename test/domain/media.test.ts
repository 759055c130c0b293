import { expect, test } from 'bun:test'
import type { MediaKind } from '../../src/domain/delivery.ts'
import { judgeMedia, safeFileName } from '../../src/domain/media.ts'
import { seeded } from '../crypto/seeded.ts'

const mebibyte = 1_048_576

/** A real picture of one pixel. */
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
const jpeg = Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex')
const gif = Buffer.from('GIF89a\x01\x00\x01\x00\x00\x00\x00;', 'latin1')

function movie(brand: string): Uint8Array {
  return Buffer.from(`\0\0\0\x18ftyp${brand}\0\0\x02\0isommp42\0\0\0\x08mdat`, 'latin1')
}

/** A recording of `frames` frames of one type, each 20 ms. */
function amr(frames: number, type = 7, form: 'AMR' | 'AMR-WB' = 'AMR', bytesPerFrame = 32): Uint8Array {
  const frame = Buffer.alloc(bytesPerFrame, 0xff)
  frame[0] = (type << 3) | 4
  return Buffer.concat([Buffer.from(`#!${form}\n`), ...Array.from({ length: frames }, () => frame)])
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  const all = new Uint8Array(length)
  all.set(bytes)
  return all
}

const bytesByName = {
  png,
  jpeg,
  gif,
  text: Buffer.from('hello, 世界'),
  mp4: movie('isom'),
  'mp4 of an iPhone': movie('mp42'),
  quicktime: movie('qt  '),
  m4a: movie('M4A '),
  heic: movie('heic'),
  '3gp': movie('3gp4'),
  amr: amr(50),
  'amr of 60 s': amr(3_000),
  'amr of 60.02 s': amr(3_001),
  'amr of silence, 60 s': amr(3_000, 8, 'AMR', 6),
  'amr of silence, 60.02 s': amr(3_001, 8, 'AMR', 6),
  'amr of nothing received, 61 s': amr(3_050, 15, 'AMR', 1),
  'amr at its lowest rate, 60 s': amr(3_000, 0, 'AMR', 13),
  'amr at its lowest rate, 60.02 s': amr(3_001, 0, 'AMR', 13),
  'amr of an impossible type': amr(50, 12),
  'amr without sound': amr(0),
  'wide amr, 60 s': amr(3_000, 0, 'AMR-WB', 18),
  'wide amr, 60.02 s': amr(3_001, 0, 'AMR-WB', 18),
  'wide amr at its best, 30 s': amr(1_500, 8, 'AMR-WB', 61),
  'wide amr of an impossible type': amr(50, 10, 'AMR-WB'),
  'stereo amr': Buffer.from('#!AMR_MC1.0\n\0\0\0\x02'),
  'png of 10 MB': padded(png, 10 * mebibyte),
  'png of more than 10 MB': padded(png, 10 * mebibyte + 1),
  'mp4 of 10 MB': padded(movie('isom'), 10 * mebibyte),
  'mp4 of more than 10 MB': padded(movie('isom'), 10 * mebibyte + 1),
  'amr of more than 2 MB': amr(3_000, 15, 'AMR', 1_000),
  'file of 20 MB': padded(png, 20 * mebibyte),
} satisfies Record<string, Uint8Array>

const verdicts: readonly (readonly [keyof typeof bytesByName, MediaKind | undefined, MediaKind, RegExp?])[] = [
  ['png', undefined, 'image'],
  ['png', 'image', 'image'],
  ['png', 'file', 'file'],
  ['png', 'voice', 'file', /^sent as a file: voice must be AMR$/],
  ['png', 'video', 'file', /^sent as a file: video must be MP4$/],
  ['jpeg', undefined, 'image'],
  ['jpeg', 'image', 'image'],
  ['gif', undefined, 'file'],
  ['gif', 'image', 'file', /^sent as a file: image must be PNG or JPEG$/],
  ['text', undefined, 'file'],
  ['text', 'image', 'file', /PNG or JPEG/],
  ['mp4', undefined, 'video'],
  ['mp4', 'video', 'video'],
  ['mp4', 'image', 'file', /PNG or JPEG/],
  ['mp4 of an iPhone', undefined, 'video'],
  ['quicktime', undefined, 'file'],
  ['quicktime', 'video', 'file', /must be MP4/],
  ['m4a', undefined, 'file'],
  ['heic', 'image', 'file', /PNG or JPEG/],
  ['3gp', 'video', 'file', /must be MP4/],
  ['amr', undefined, 'voice'],
  ['amr', 'voice', 'voice'],
  ['amr', 'file', 'file'],
  ['amr of 60 s', 'voice', 'voice'],
  ['amr of 60.02 s', 'voice', 'file', /^sent as a file: voice must not be longer than 60 s$/],
  ['amr of 60.02 s', undefined, 'file', /longer than 60 s/],
  ['amr of silence, 60 s', 'voice', 'voice'],
  ['amr of silence, 60.02 s', 'voice', 'file', /longer than 60 s/],
  ['amr of nothing received, 61 s', 'voice', 'file', /longer than 60 s/],
  ['amr at its lowest rate, 60 s', 'voice', 'voice'],
  ['amr at its lowest rate, 60.02 s', 'voice', 'file', /longer than 60 s/],
  ['amr of an impossible type', 'voice', 'file', /damaged/],
  ['amr without sound', 'voice', 'file', /damaged/],
  ['wide amr, 60 s', 'voice', 'voice'],
  ['wide amr, 60.02 s', 'voice', 'file', /longer than 60 s/],
  ['wide amr at its best, 30 s', undefined, 'voice'],
  ['wide amr of an impossible type', 'voice', 'file', /damaged/],
  ['stereo amr', 'voice', 'file', /must be AMR/],
  ['png of 10 MB', undefined, 'image'],
  ['png of more than 10 MB', undefined, 'file', /^sent as a file: image must not be larger than 10 MB$/],
  ['mp4 of 10 MB', 'video', 'video'],
  ['mp4 of more than 10 MB', 'video', 'file', /video must not be larger than 10 MB/],
  ['amr of more than 2 MB', 'voice', 'file', /voice must not be larger than 2 MB/],
  ['file of 20 MB', 'file', 'file'],
]

test.each(verdicts.map(([name, wanted, media, reason]) => [name, wanted, media, reason] as const))(
  'media: %s as %s is sent as %s',
  (name, wanted, media, reason) => {
    const verdict = judgeMedia(bytesByName[name], wanted)
    if (!('media' in verdict)) throw new Error(verdict.refused)
    expect(verdict.media).toBe(media)
    if (reason === undefined) expect(verdict).toEqual({ media })
    else expect(verdict.reason ?? '').toMatch(reason)
  },
)

test('media: too small and too large files are refused with the reason', () => {
  expect(judgeMedia(Buffer.from('12345'))).toEqual({ refused: 'it has 5 bytes; WeCom accepts 6 or more' })
  expect(judgeMedia(Buffer.from('123456'))).toEqual({ media: 'file' })
  expect(judgeMedia(new Uint8Array(20 * mebibyte + 1), 'file')).toEqual({
    refused: 'it is larger than 20 MB, the largest file that WeCom accepts',
  })
})

test.each(['isom', 'iso2', 'iso6', 'mp41', 'mp42', 'avc1', 'M4V ', 'MSNV', 'dash'])(
  'media: MP4 of brand %s is video',
  brand => {
    expect(judgeMedia(movie(brand))).toEqual({ media: 'video' })
  },
)

test('media: truncated bytes always get a verdict', () => {
  for (const bytes of [png, jpeg, movie('isom'), amr(3), amr(3, 0, 'AMR-WB', 18)])
    for (let length = 0; length <= bytes.length; length++)
      expect(Object.keys(judgeMedia(bytes.subarray(0, length), 'image'))).not.toEqual([])
})

test.each([
  ['report.pdf', 'report.pdf'],
  ['季度报告 (终稿).docx', '季度报告 (终稿).docx'],
  ['/etc/passwd', 'passwd'],
  ['C:\\Users\\a\\b.txt', 'b.txt'],
  ['../../x.sh', 'x.sh'],
  ['a/b/', 'file'],
  ['..', 'file'],
  ['...', 'file'],
  ['', 'file'],
  ['  \t', 'file'],
  ['\u0000\u0007', 'file'],
  ['.env', '.env'],
  ['a\r\nContent-Type: x.txt', 'aContent-Type: x.txt'],
  ['a\u007f\u0085\u2028b.txt', 'ab.txt'],
  ['photo\u202egnp.exe', 'photognp.exe'],
  ['\ud800a.txt', '\ufffda.txt'],
  ['👨‍👩‍👧.png', '👨‍👩‍👧.png'],
  [' a.txt ', 'a.txt'],
])('media: %j is shown as %j', (name, shown) => {
  expect(safeFileName(name)).toBe(shown)
})

test('media: a long name keeps its extension and is cut between characters', () => {
  expect(safeFileName(`${'a'.repeat(300)}.tar.gz`)).toBe(`${'a'.repeat(197)}.gz`)
  expect(safeFileName(`${'测'.repeat(100)}.pdf`)).toBe(`${'测'.repeat(65)}.pdf`)
  expect(safeFileName('😀'.repeat(100))).toBe('😀'.repeat(50))
  expect(safeFileName(`a.${'b'.repeat(300)}`)).toBe(`a.${'b'.repeat(198)}`)
  expect(safeFileName(`${'a'.repeat(199)} b`)).toBe('a'.repeat(199))
})

test('media: a name that is safe does not change', () => {
  const random = seeded(7)
  for (let i = 0; i < 2_000; i++) {
    const name = random.text(random.below(300)).replaceAll('x', '.')
    const safe = safeFileName(name)
    expect(safeFileName(safe)).toBe(safe)
    expect(Buffer.byteLength(safe)).toBeLessThanOrEqual(200)
    expect(safe).toMatch(/^[^\p{Cc}/\\]+$/u)
  }
})
