import type { MediaKind } from './delivery.ts'
import { limits } from './limits.ts'

/** What bytes can be sent as, with the reason when that is less than was wanted; or why they cannot be sent. */
export type MediaVerdict = { readonly media: MediaKind; readonly reason?: string } | { readonly refused: string }

const mebibyte = 1_048_576

/**
 * Which kind of media bytes are, by what they contain. `wanted` is what the sender called them; what the platform would
 * not take as that goes as a file, and the reason says why.
 */
export function judgeMedia(bytes: Uint8Array, wanted?: MediaKind): MediaVerdict {
  const { least, file } = limits.mediaBytes
  if (bytes.length < least) return { refused: `it has ${bytes.length} bytes, the platform takes ${least} or more` }
  if (bytes.length > file)
    return { refused: `it is larger than ${file / mebibyte} MB, the most that the platform takes` }
  const media = wanted ?? detect(bytes) ?? 'file'
  if (media === 'file') return { media }
  const reason = objection(bytes, media)
  return reason === undefined ? { media } : { media: 'file', reason: `sent as a file: ${reason}` }
}

const formats = { image: 'PNG or JPEG', voice: 'AMR', video: 'MP4' } as const

type Playable = keyof typeof formats

/** Why the platform would not take bytes as this kind. */
function objection(bytes: Uint8Array, media: Playable): string | undefined {
  if (detect(bytes) !== media) return `${media} must be ${formats[media]}`
  const most = limits.mediaBytes[media]
  if (bytes.length > most) return `${media} must not be larger than ${most / mebibyte} MB`
  if (media !== 'voice') return undefined
  const ms = amrDuration(bytes)
  if (ms === undefined) return 'voice must be AMR, and this is damaged'
  return ms > limits.voiceMs ? `voice must not be longer than ${limits.voiceMs / 1_000} s` : undefined
}

/** PNG or JPEG, the pictures that WeCom accepts. */
export function isPicture(bytes: Uint8Array): boolean {
  return begins(bytes, '\x89PNG\r\n\x1a\n') || begins(bytes, '\xff\xd8\xff')
}

function detect(bytes: Uint8Array): Playable | undefined {
  if (isPicture(bytes)) return 'image'
  if (amrForm(bytes)) return 'voice'
  return begins(bytes.subarray(4), 'ftyp') && mp4Brands.test(latin(bytes.subarray(8, 12))) ? 'video' : undefined
}

/** Major brands of MP4 with a picture; others (QuickTime, M4A, HEIC, 3GP) have the same box and are not MP4. */
const mp4Brands = /^(?:iso[m2-9]|mp4[12]|avc1|M4V |MSNV|dash)$/

function begins(bytes: Uint8Array, magic: string): boolean {
  return latin(bytes.subarray(0, magic.length)) === magic
}

function latin(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

/** Bytes of a frame with its first byte, by frame type; 0 for types that do not occur (RFC 4867, 5.3). */
interface AmrForm {
  readonly header: string
  readonly sizes: readonly number[]
}

const amrForms: readonly AmrForm[] = [
  { header: '#!AMR\n', sizes: [13, 14, 16, 18, 20, 21, 27, 32, 6, 7, 6, 6, 0, 0, 0, 1] },
  { header: '#!AMR-WB\n', sizes: [18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1] },
]
const amrFrameMs = 20

function amrForm(bytes: Uint8Array): AmrForm | undefined {
  return amrForms.find(form => begins(bytes, form.header))
}

/** How long a voice message plays; undefined without frames or when they make no sense. One that is cut off counts. */
function amrDuration(bytes: Uint8Array): number | undefined {
  const form = amrForm(bytes)
  if (form === undefined) return undefined
  let frames = 0
  for (let at = form.header.length; at < bytes.length; frames++) {
    const size = form.sizes[((bytes[at] ?? 0) >> 3) & 15]
    if (size === undefined || size === 0) return undefined
    at += size
  }
  return frames === 0 ? undefined : frames * amrFrameMs
}

const nameBytes = 200
const extensionBytes = 20

/** A file name to show to a user: no path, nothing invisible that changes how it reads, 1 to 200 bytes. */
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
