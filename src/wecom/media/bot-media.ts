import type { EnvelopeKey } from '../../crypto/envelope.ts'
import { createMediaOpener } from '../../crypto/media.ts'
import { type HostRule, isAllowed } from '../../domain/hosts.ts'
import { openBody } from '../api/http-body.ts'
import type { HttpDeps } from '../api/http.ts'
import { detect, headBytes, looksLikePage, isSurelyMedia } from './kinds.ts'
import { failed, type NotFetched, withFileName, notFetchedByNoReply, peek, type MediaStream } from './source.ts'
import type { IdleTimeout } from './idle-timeout.ts'

/** The most bytes that encryption adds. */
const maxPaddingBytes = 32

/**
 * Opens media from a link that the Bot received (page 100719). The bytes are encrypted with the Bot's key, without any
 * framing. Bytes with the signature of a media format were never encrypted and are returned unchanged.
 */
export async function openBotMedia(
  http: HttpDeps & HostRule,
  url: string,
  { key, limitBytes, idle }: { key: EnvelopeKey; limitBytes: number; idle: IdleTimeout },
): Promise<MediaStream | NotFetched> {
  if (!isAllowed(url, http)) return failed('bad_host', hostHint(url))
  const body = await openBody(http, url, idle)
  if (body.kind !== 'body') return notFetchedByNoReply(body)
  const disposition = body.headers.get('content-disposition')
  if ((body.bytes ?? 0) > limitBytes + maxPaddingBytes) return withFileName(failed('too_large'), disposition)
  const { head, whole } = await peek(body.chunks, headBytes)
  if (head.length === 0) return failed('empty')
  if (looksLikePage(head)) return failed('unreadable', 'the link returned a web page instead of media')
  const isPlain = isSurelyMedia(await detect(head))
  return { kind: 'source', disposition, chunks: isPlain ? whole : decrypt(whole, key) }
}

function hostHint(url: string): string {
  const host = URL.canParse(url) ? new URL(url).hostname : ''
  return host === ''
    ? 'the link is not a valid URL'
    : `if ${host} is yours, add it to channels.wecom.network.mediaHosts`
}

async function* decrypt(chunks: AsyncIterable<Uint8Array>, key: EnvelopeKey): AsyncGenerator<Uint8Array> {
  const opener = createMediaOpener(key)
  for await (const chunk of chunks) yield* opener.update(chunk)
  yield opener.finish()
}
