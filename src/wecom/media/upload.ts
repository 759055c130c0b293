import type { Outcome } from '../../domain/delivery.ts'
import type { Upload } from '../../domain/ports.ts'
import type { MediaBytes, Spool } from '../../domain/spool.ts'
import { isCode } from '../../errors.ts'
import type { Random } from '../../world.ts'
import type { ApiReply, Payload } from '../api/http.ts'
import { refused } from '../api/outcome.ts'

/**
 * A file as the platform's upload takes it (page 90253): the name as it is in UTF-8, since it knows no `filename*`, and a
 * length before the first byte, since it knows no chunks. Nothing is held in memory.
 */
export function encodeUpload(fileName: string, file: MediaBytes, random: Pick<Random, 'bytes'>): Payload {
  const boundary = `wecomd-${Buffer.from(random.bytes(16)).toString('hex')}`
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="media"; filename="${quotable(fileName)}"; ` +
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

/** What would end the quotes or the line becomes `_`. */
function quotable(fileName: string): string {
  return fileName.replace(/["\\\p{Cc}]/gu, '_')
}

/** The id in the answer to an upload. */
export function decodeUpload({ fields }: ApiReply): Upload {
  const { media_id: mediaId } = fields
  if (typeof mediaId === 'string' && mediaId !== '') return { mediaId }
  return { outcome: 'retry', errmsg: 'an answer to an upload without a media_id' }
}

/** The bytes of a media message, or why it cannot be sent. */
export async function openMedia(
  open: Spool['open'],
  source: Parameters<Spool['open']>[0],
): Promise<MediaBytes | Outcome> {
  try {
    return await open(source)
  } catch (error) {
    if (isCode(error, 'not_found')) return refused('the file is gone')
    return { outcome: 'retry', errmsg: 'the file cannot be read', hint: 'is the state folder readable?' }
  }
}
