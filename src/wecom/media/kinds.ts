import { type FileTypeResult, fileTypeFromBuffer } from 'file-type'
import { safeFileName } from '../../domain/media.ts'
import type { Attachment } from '../../domain/message.ts'

/** Of what bytes are, this much of their beginning is looked at. */
export const headBytes = 65_536

/**
 * What bytes are by how they begin, `isText` when nothing in them is binary. Users send any format, so that a library names
 * it. `domain/media.ts` judges the few formats that WeCom accepts, for which it must be stricter, and stays pure.
 */
export interface Detected {
  readonly type?: FileTypeResult
  readonly isText: boolean
}

export async function detect(head: Uint8Array): Promise<Detected> {
  const type = await fileTypeFromBuffer(head).catch(() => undefined) // damaged: of no type
  return { isText: type === undefined && !hasControls(head), ...(type !== undefined && { type }) }
}

function hasControls(bytes: Uint8Array): boolean {
  return bytes.some(byte => byte < 9 || (byte > 13 && byte < 32 && byte !== 27))
}

/** Whether bytes are what the sender's client called them; a file may be anything. */
export function isOfKind(kind: Attachment['kind'], { type }: Detected): boolean {
  const mime = type?.mime ?? ''
  switch (kind) {
    case 'image':
      return mime.startsWith('image/')
    case 'voice':
      return mime.startsWith('audio/')
    case 'video':
      return mime.startsWith('video/')
    case 'file':
      return true
    default:
      return kind satisfies never
  }
}

/** Types whose beginning no ciphertext has by chance. */
const unmistakable: ReadonlySet<string> = new Set(
  'png apng jpg gif webp heic mp4 mov amr pdf zip docx xlsx pptx cfb rar 7z'.split(' '),
)

/** True for media that were not encrypted, by how they begin. */
export function isUnmistakable({ type }: Detected): boolean {
  return type !== undefined && unmistakable.has(type.ext)
}

/** True for the page of a server that has something to say instead of media: XML, HTML or JSON. No ciphertext is text. */
export function isPage(head: Uint8Array): boolean {
  const words = Buffer.from(head.subarray(0, 256))
  return /^\s*[<{[]/.test(words.toString().replace('\ufeff', '')) && !hasControls(words)
}

/** The name to show: the sender's, made safe and with an ending that programs know it by; without one, after its kind. */
export function nameOf(name: string | undefined, kind: Attachment['kind'], { type }: Detected): string {
  const ending = type?.ext
  if (name === undefined) return `${kind}.${ending ?? 'bin'}`
  const safe = safeFileName(name)
  return ending === undefined || endingOf(safe) !== '' ? safe : safeFileName(`${safe}.${ending}`)
}

/** In lower case; a number after a dot is none. */
function endingOf(name: string): string {
  return /[^.]\.(\d*[a-z][\da-z]{0,9})$/i.exec(name)?.[1]?.toLowerCase() ?? ''
}

const ofTexts: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  htm: 'text/html',
  html: 'text/html',
  json: 'application/json',
  md: 'text/markdown',
  xml: 'application/xml',
  yaml: 'application/yaml',
  yml: 'application/yaml',
}

const office = 'application/vnd.openxmlformats-officedocument'
/** By what is around them they are all zip, or Microsoft's older container. */
const ofContainers: Readonly<Record<string, string>> = {
  doc: 'application/msword',
  docx: `${office}.wordprocessingml.document`,
  ppt: 'application/vnd.ms-powerpoint',
  pptx: `${office}.presentationml.presentation`,
  xls: 'application/vnd.ms-excel',
  xlsx: `${office}.spreadsheetml.sheet`,
}

/** The media type: by the bytes, and by the name only where bytes do not tell. */
export function mimeTypeOf(name: string, { type, isText }: Detected): string {
  const ending = endingOf(name)
  if (type?.ext === 'zip' || type?.ext === 'cfb') return ofContainers[ending] ?? type.mime
  if (type !== undefined) return type.mime
  return isText ? (ofTexts[ending] ?? 'text/plain') : 'application/octet-stream'
}
