import { type FileTypeResult, fileTypeFromBuffer } from 'file-type'
import { safeFileName } from '../../domain/media.ts'
import type { Attachment } from '../../domain/message.ts'

/** The number of leading bytes used to detect a type. */
export const headBytes = 65_536

/**
 * The type detected from the leading bytes. `isText`: no known type and no binary bytes. Users send any format, so a library
 * detects it. `domain/media.ts` checks the few formats that WeCom accepts: it is stricter, and stays pure.
 */
export interface Detected {
  readonly type?: FileTypeResult
  readonly isText: boolean
}

/** Detects the type of bytes from their beginning. Never rejects. */
export async function detect(head: Uint8Array): Promise<Detected> {
  const type = await fileTypeFromBuffer(head).catch(() => undefined) // damaged files have no type
  return { isText: type === undefined && !hasControls(head), ...(type !== undefined && { type }) }
}

function hasControls(bytes: Uint8Array): boolean {
  return bytes.some(byte => byte < 9 || (byte > 13 && byte < 32 && byte !== 27))
}

/** Whether the bytes match the kind named in the callback. A `file` may be anything. */
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

/** Raw Speex has no signature, so all that its bytes tell is that they are nothing else. */
export function isRawSpeex({ type, isText }: Detected): boolean {
  return type === undefined && !isText
}

/** Types with a signature long enough that ciphertext does not match it by chance. */
const sureTypes: ReadonlySet<string> = new Set(
  'png apng jpg gif webp heic mp4 mov amr pdf zip docx xlsx pptx cfb rar 7z'.split(' '),
)

/** True when the bytes are surely a media file, so they were never encrypted. */
export function isSurelyMedia({ type }: Detected): boolean {
  return type !== undefined && sureTypes.has(type.ext)
}

/** True for XML, HTML or JSON: a server's error page instead of media. Ciphertext never consists of text. */
export function looksLikePage(head: Uint8Array): boolean {
  const words = Buffer.from(head.subarray(0, 256))
  return /^\s*[<{[]/.test(words.toString().replace('\ufeff', '')) && !hasControls(words)
}

/** The file name to show: the sender's, made safe, with an extension. Without a name, the kind and the extension. */
export function nameOf(name: string | undefined, kind: Attachment['kind'], { type }: Detected): string {
  return name === undefined ? `${kind}.${type?.ext ?? 'bin'}` : withExtension(safeFileName(name), type?.ext)
}

function withExtension(name: string, extension: string | undefined): string {
  return extension === undefined || extensionOf(name) !== '' ? name : safeFileName(`${name}.${extension}`)
}

/**
 * The name of a file that we send. Without an extension it gets the one of its bytes: a phone can't open it otherwise.
 * Never rejects.
 */
export async function nameToSend(name: string, bytes: () => AsyncIterable<Uint8Array>): Promise<string> {
  if (extensionOf(name) !== '') return name
  const { type, isText } = await detect(await readHead(bytes).catch(() => new Uint8Array())) // the upload reports it
  return withExtension(name, type?.ext ?? (isText ? 'txt' : undefined))
}

async function readHead(bytes: () => AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of bytes()) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= headBytes) break
  }
  return Buffer.concat(chunks).subarray(0, headBytes)
}

/** The extension in lower case. A number after a dot, as in `v1.2`, is not an extension. */
function extensionOf(name: string): string {
  return /[^.]\.(\d*[a-z][\da-z]{0,9})$/i.exec(name)?.[1]?.toLowerCase() ?? ''
}

const textMimeTypes: Readonly<Record<string, string>> = {
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
/** Office formats, which the bytes often show only as zip or as Microsoft's older container (cfb). */
const containerMimeTypes: Readonly<Record<string, string>> = {
  doc: 'application/msword',
  docx: `${office}.wordprocessingml.document`,
  ppt: 'application/vnd.ms-powerpoint',
  pptx: `${office}.presentationml.presentation`,
  xls: 'application/vnd.ms-excel',
  xlsx: `${office}.spreadsheetml.sheet`,
}

/** The MIME type, detected from the bytes. The name decides only between types with the same signature. */
export function mimeTypeOf(name: string, { type, isText }: Detected): string {
  const extension = extensionOf(name)
  if (type?.ext === 'zip' || type?.ext === 'cfb') return containerMimeTypes[extension] ?? type.mime
  if (type !== undefined) return type.mime
  return isText ? (textMimeTypes[extension] ?? 'text/plain') : 'application/octet-stream'
}
