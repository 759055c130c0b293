import type { EnvelopeKey } from '../../crypto/envelope.ts'
import { createMediaOpener } from '../../crypto/media.ts'
import { type HostRule, isAllowed } from '../api/hosts.ts'
import { openBody } from '../api/http-body.ts'
import type { HttpDeps } from '../api/http.ts'
import { detect, headBytes, isPage, isUnmistakable } from './kinds.ts'
import { failed, type NotFetched, named, ofNoReply, peek, type MediaStream } from './source.ts'
import type { IdleTimeout } from './idle-timeout.ts'

/** The most that encryption adds. */
const paddingBytes = 32

/**
 * Media behind a link of the Bot (page 100719): encrypted with its key, without anything around the bytes. What arrives
 * with a beginning that only media have was not encrypted, and stays as it is.
 */
export async function openBotMedia(
  line: HttpDeps & HostRule,
  url: string,
  { key, limitBytes, patience }: { key: EnvelopeKey; limitBytes: number; patience: IdleTimeout },
): Promise<MediaStream | NotFetched> {
  if (!isAllowed(url, line)) return failed('bad_host', hostHint(url))
  const body = await openBody(line, url, patience)
  if (body.kind !== 'body') return ofNoReply(body)
  const disposition = body.headers.get('content-disposition')
  if ((body.bytes ?? 0) > limitBytes + paddingBytes) return named(failed('too_large'), disposition)
  const { head, whole } = await peek(body.pieces, headBytes)
  if (head.length === 0) return failed('empty')
  if (isPage(head)) return failed('unreadable', 'the link leads to a page, not to media')
  const isPlain = isUnmistakable(await detect(head))
  return { kind: 'source', disposition, pieces: isPlain ? whole : opened(whole, key) }
}

function hostHint(url: string): string {
  const host = URL.canParse(url) ? new URL(url).hostname : ''
  return host === '' ? 'the link is none' : `if ${host} is yours, add it to channels.wecom.network.mediaHosts`
}

async function* opened(pieces: AsyncIterable<Uint8Array>, key: EnvelopeKey): AsyncGenerator<Uint8Array> {
  const opener = createMediaOpener(key)
  for await (const piece of pieces) yield* opener.update(piece)
  yield opener.finish()
}
