import { type Params, type RpcError, refuse } from '../frames.ts'
import { isObject } from '../../../domain/json.ts'

/** A file that came with a message. */
export interface Medium {
  readonly type: string
  readonly fileName: string
  readonly mimeType: string
  readonly bytes: number
  readonly sha256: string
}

/** What a user sent. */
export interface ChatSendParams {
  readonly message: string
  readonly media: readonly Medium[]
}

/** Of one picture. For other files the gateway has no limit that fits into a frame. */
export const imageLimitBytes = 6_291_456

/** The attachments of a `chat.send`; one bad one refuses them all. */
export function readAttachments(params: Params): readonly Medium[] | RpcError {
  const given = params['attachments']
  const media: Medium[] = []
  for (const one of (Array.isArray(given) ? given : []).filter(isObject)) {
    const medium = readAttachment(one)
    if ('ok' in medium) return medium
    media.push(medium)
  }
  return media
}

function readAttachment(given: Params): Medium | RpcError {
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

/** The gateway looks at the bytes, whatever a file is called. */
function isImage(mimeType: string, bytes: Buffer): boolean {
  const head = bytes.toString('latin1', 0, 4)
  return (
    mimeType.startsWith('image/') || ['\x89PNG', '\xff\xd8\xff', 'GIF8', 'BM'].some(magic => head.startsWith(magic))
  )
}
