import { type Params, type RpcError, refuse } from '../frames.ts'
import { isObject } from '../../../domain/json.ts'

/** A file attached to a message. */
export interface ChatFile {
  readonly type: string
  readonly fileName: string
  readonly mimeType: string
  readonly bytes: number
  readonly sha256: string
}

/** The content of a `chat.send`. */
export interface ChatSendParams {
  readonly message: string
  readonly media: readonly ChatFile[]
}

/** Size limit of a picture. For other files, the frame size is the only limit. */
export const imageLimitBytes = 6_291_456

/** Reads the attachments of a `chat.send`. One invalid attachment rejects the whole message. */
export function readAttachments(params: Params): readonly ChatFile[] | RpcError {
  const given = params['attachments']
  const media: ChatFile[] = []
  for (const one of (Array.isArray(given) ? given : []).filter(isObject)) {
    const medium = readAttachment(one)
    if ('ok' in medium) return medium
    media.push(medium)
  }
  return media
}

function readAttachment(given: Params): ChatFile | RpcError {
  const type = stringOf(given['type'], 'file')
  const name = stringOf(given['fileName'], type)
  const mime = stringOf(given['mimeType'], 'application/octet-stream')
  const base64 = stringOf(given['content'], '')
  if (base64 === '') return refuseOne('UnsupportedAttachmentError', name, 'empty payload')
  if (!isBase64(base64)) return refuseOne('Error', name, 'invalid base64 content')
  const bytes = Buffer.from(base64, 'base64')
  if (isImage(mime, bytes) && bytes.length > imageLimitBytes) {
    return refuseOne('Error', name, `image exceeds size limit (${bytes.length} > ${imageLimitBytes} bytes)`)
  }
  const sha256 = new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
  return { type, fileName: name, mimeType: mime, bytes: bytes.length, sha256 }
}

function stringOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise
}

function refuseOne(error: string, name: string, what: string): RpcError {
  return refuse('INVALID_REQUEST', `${error}: attachment ${name}: ${what}`)
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
}

/** Like OpenClaw, detects pictures by their bytes, whatever the MIME type is. */
function isImage(mimeType: string, bytes: Buffer): boolean {
  const head = bytes.toString('latin1', 0, 4)
  return (
    mimeType.startsWith('image/') || ['\x89PNG', '\xff\xd8\xff', 'GIF8', 'BM'].some(magic => head.startsWith(magic))
  )
}
