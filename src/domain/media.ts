import type { MediaKind } from './delivery.ts'
import { limits } from './limits.ts'

/** How bytes can be sent, with a reason if not as `wanted`; or why they can't be sent at all. */
export type MediaVerdict = { readonly media: MediaKind; readonly reason?: string } | { readonly refused: string }

const mebibyte = 1_048_576

/**
 * Decides as which kind of media `bytes` are sent, by their content. Without `wanted` the kind is detected. Bytes that
 * WeCom would not accept as `wanted` are sent as a file, which WeCom accepts in any format (90253).
 */
export function judgeMedia(bytes: Uint8Array, wanted?: MediaKind): MediaVerdict {
  const { least, file } = limits.mediaBytes
  if (bytes.length < least) return { refused: `it has ${bytes.length} bytes; WeCom accepts ${least} or more` }
  if (bytes.length > file)
    return { refused: `it is larger than ${file / mebibyte} MB, the largest file that WeCom accepts` }
  const media = wanted ?? detect(bytes) ?? 'file'
  if (media === 'file') return { media }
  const reason = mismatch(bytes, media)
  return reason === undefined ? { media } : { media: 'file', reason: `sent as a file: ${reason}` }
}

const formats = { image: 'PNG or JPEG', voice: 'AMR', video: 'MP4' } as const

type PlayableKind = keyof typeof formats

/** Why WeCom would not accept the bytes as this kind; undefined if it would. */
function mismatch(bytes: Uint8Array, media: PlayableKind): string | undefined {
  if (detect(bytes) !== media) return `${media} must be ${formats[media]}`
  const maxBytes = limits.mediaBytes[media]
  if (bytes.length > maxBytes) return `${media} must not be larger than ${maxBytes / mebibyte} MB`
  if (media !== 'voice') return undefined
  const ms = amrDuration(bytes)
  if (ms === undefined) return 'the AMR data is damaged'
  return ms > limits.voiceMs ? `voice must not be longer than ${limits.voiceMs / 1_000} s` : undefined
}

/** True for PNG and JPEG, the picture formats that WeCom accepts. */
export function isPicture(bytes: Uint8Array): boolean {
  return startsWith(bytes, '\x89PNG\r\n\x1a\n') || startsWith(bytes, '\xff\xd8\xff')
}

function detect(bytes: Uint8Array): PlayableKind | undefined {
  if (isPicture(bytes)) return 'image'
  if (amrFormatOf(bytes)) return 'voice'
  return startsWith(bytes.subarray(4), 'ftyp') && mp4Brands.test(toLatin1(bytes.subarray(8, 12))) ? 'video' : undefined
}

/** Major brands of MP4 video. QuickTime, M4A, HEIC and 3GP have the same `ftyp` box but are not MP4 video. */
const mp4Brands = /^(?:iso[m2-9]|mp4[12]|avc1|M4V |MSNV|dash)$/

function startsWith(bytes: Uint8Array, magic: string): boolean {
  return toLatin1(bytes.subarray(0, magic.length)) === magic
}

function toLatin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

/** `sizes`: bytes of a frame including its header byte, by frame type; 0 for types that don't occur (RFC 4867, 5.3). */
interface AmrFormat {
  readonly header: string
  readonly sizes: readonly number[]
}

const amrFormats: readonly AmrFormat[] = [
  { header: '#!AMR\n', sizes: [13, 14, 16, 18, 20, 21, 27, 32, 6, 7, 6, 6, 0, 0, 0, 1] },
  { header: '#!AMR-WB\n', sizes: [18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1] },
]
const amrFrameMs = 20

function amrFormatOf(bytes: Uint8Array): AmrFormat | undefined {
  return amrFormats.find(({ header }) => startsWith(bytes, header))
}

/** Playing time in ms; undefined if there are no frames or one is invalid. A truncated last frame counts as whole. */
function amrDuration(bytes: Uint8Array): number | undefined {
  const format = amrFormatOf(bytes)
  if (format === undefined) return undefined
  let frames = 0
  for (let at = format.header.length; at < bytes.length; frames++) {
    const size = format.sizes[((bytes[at] ?? 0) >> 3) & 15]
    if (size === undefined || size === 0) return undefined
    at += size
  }
  return frames === 0 ? undefined : frames * amrFrameMs
}

const nameBytes = 200
const extensionBytes = 20

/**
 * Makes a file name safe to show: 1 to 200 bytes, no path, and none of the invisible characters that change how a name
 * reads (such as a right-to-left override that disguises an extension). Returns `file` if nothing is left.
 */
export function safeFileName(name: string): string {
  const last = name.toWellFormed().split(/[/\\]/).at(-1) ?? ''
  const clean = last.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, '').trim()
  if (/^\.*$/.test(clean)) return 'file'
  const dot = clean.lastIndexOf('.')
  const extension = dot > 0 && utf8Length(clean.slice(dot)) <= extensionBytes ? clean.slice(dot) : ''
  const stem = clean.slice(0, clean.length - extension.length)
  return cutTo(stem, nameBytes - utf8Length(extension)).trimEnd() + extension
}

function cutTo(text: string, limitBytes: number): string {
  let kept = ''
  let bytes = 0
  for (const character of text) {
    bytes += utf8Length(character)
    if (bytes > limitBytes) break
    kept += character
  }
  return kept
}

function utf8Length(text: string): number {
  return Buffer.byteLength(text)
}
