import type { Outcome } from '../../domain/delivery.ts'
import type { Upload } from '../../domain/ports.ts'
import type { MediaBytes, Spool } from '../../domain/spool.ts'
import { isCode } from '../../errors.ts'
import type { Random } from '../../world.ts'
import type { ApiReply, Payload } from '../api/http.ts'
import { refused } from '../api/outcome.ts'

/**
 * Encodes a file for an upload (page 90253). The name is raw UTF-8, because the platform ignores `filename*`. The length
 * is known before the first byte, because the platform rejects chunked encoding. The file is streamed, never buffered.
 */
export function encodeUpload(fileName: string, file: MediaBytes, random: Pick<Random, 'bytes'>): Payload {
  const boundary = `wecomd-${Buffer.from(random.bytes(16)).toString('hex')}`
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="media"; filename="${safeInQuotes(fileName)}"; ` +
      `filelength=${file.bytes}\r\nContent-Type: application/octet-stream\r\n\r\n`,
  )
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  const body = {
    bytes: head.length + file.bytes + tail.length,
    async *open() {
      yield head
      yield* file.open()
      yield tail
    },
  }
  return { type: `multipart/form-data; boundary=${boundary}`, body }
}

/** Replaces characters that would end the quotes or the line with `_`. */
function safeInQuotes(fileName: string): string {
  return fileName.replace(/["\\\p{Cc}]/gu, '_')
}

/** Decodes the media_id of an upload. */
export function decodeUpload({ fields }: ApiReply): Upload {
  const { media_id: mediaId } = fields
  if (typeof mediaId === 'string' && mediaId !== '') return { mediaId }
  return { outcome: 'retry', errmsg: 'the upload returned no media_id' }
}

/** Opens the file of a media message. Returns an outcome when the file is gone or unreadable. */
export async function openMedia(
  open: Spool['open'],
  source: Parameters<Spool['open']>[0],
): Promise<MediaBytes | Outcome> {
  try {
    return await open(source)
  } catch (error) {
    if (isCode(error, 'not_found')) return refused('the file no longer exists')
    return { outcome: 'retry', errmsg: 'cannot read the file', hint: 'check that the state folder is readable' }
  }
}
