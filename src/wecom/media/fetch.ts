import type { EnvelopeKey } from '../../crypto/envelope.ts'
import type { Attachment } from '../../domain/message.ts'
import type { Fetched, Platform } from '../../domain/ports.ts'
import { keepStream, type Spool } from '../../domain/spool.ts'
import { isCode } from '../../errors.ts'
import type { AppApi } from '../api/app.ts'
import { openAppMedia } from './app-media.ts'
import { openBotMedia } from './bot-media.ts'
import { fileNameOf } from './content-disposition.ts'
import type { HostRule } from '../../domain/hosts.ts'
import type { HttpDeps } from '../api/http.ts'
import { detect, headBytes, isOfKind, isRawSpeex, mimeTypeOf, nameOf } from './kinds.ts'
import { failed, type NotFetched, withFileName, type MediaStream } from './source.ts'
import { IdleTimeout, type IdleTimeoutDeps } from './idle-timeout.ts'

export interface MediaFetchDeps extends IdleTimeoutDeps {
  readonly http: HttpDeps & HostRule
  /** The keys of the Bots, by account: the current one first, then those it replaced. */
  readonly keys: ReadonlyMap<string, readonly EnvelopeKey[]>
  readonly maxMediaBytes: number
  readonly createFile: Spool['create']
  apiOf(account: string): AppApi | undefined
}

/** A link is valid for five minutes after the callback. A longer download could not be repeated. */
const totalTimeoutMs = 240_000

/** Creates `Platform.fetchMedia`. It rejects only when the spool cannot store a file. */
export function createMediaFetcher(deps: MediaFetchDeps): Platform['fetchMedia'] {
  return async (account, attachment, file) => {
    const idle = new IdleTimeout(deps, deps.http.timeoutMs, totalTimeoutMs)
    const fetch = (key?: EnvelopeKey) => fetchOnce(deps, { account, attachment, file, key, idle })
    const [newest, ...older] = attachment.url === undefined ? [] : (deps.keys.get(account) ?? [])
    try {
      let fetched = await fetch(newest)
      for (const key of older) if (isUnreadable(fetched)) fetched = await fetch(key)
      return fetched
    } finally {
      idle.end()
    }
  }
}

function isUnreadable(fetched: Fetched): boolean {
  return fetched.kind === 'failed' && fetched.problem === 'unreadable'
}

interface FetchRequest {
  readonly account: string
  readonly attachment: Attachment
  readonly file: string
  /** Undefined for media of an app, and when the account has no Bot. */
  readonly key: EnvelopeKey | undefined
  readonly idle: IdleTimeout
}

async function fetchOnce(deps: MediaFetchDeps, fetch: FetchRequest): Promise<Fetched> {
  let disposition: string | null = null
  try {
    const source = await openSource(deps, fetch)
    if (source.kind !== 'source') return source
    disposition = source.disposition
    return withFileName(await saveToSpool(deps, fetch.attachment, source, fetch.file), disposition)
  } catch (error) {
    if (isCode(error, 'overloaded')) return { kind: 'later', hint: error.message }
    if (isCode(error, 'network')) return { kind: 'later', hint: error.message }
    if (isCode(error, 'bad_cipher')) return withFileName(failed('unreadable', error.hint ?? error.message), disposition)
    throw error
  }
}

async function openSource(
  { http, apiOf, maxMediaBytes }: MediaFetchDeps,
  { account, attachment: { url, mediaId }, key, idle }: FetchRequest,
): Promise<MediaStream | NotFetched> {
  const limits = { limitBytes: maxMediaBytes, idle }
  if (url !== undefined) {
    if (key === undefined) return failed('unreadable', `account ${account} has no Bot`)
    return await openBotMedia(http, url, { key, ...limits })
  }
  const api = apiOf(account)
  if (api === undefined || mediaId === undefined) return failed('unreachable', `account ${account} has no app`)
  return await openAppMedia(http, api, { mediaId, ...limits })
}

/** Streams media into the spool. If they turn out to be too large, empty or of another kind, nothing is kept. */
async function saveToSpool(
  { createFile, maxMediaBytes }: MediaFetchDeps,
  { kind, fileName: givenName, format }: Attachment,
  { chunks, disposition }: MediaStream,
  file: string,
): Promise<Fetched> {
  const head: Uint8Array[] = []
  let seen = 0
  return await keepStream<Fetched>(await createFile(file), chunks, {
    limitBytes: maxMediaBytes,
    tooLarge: failed('too_large'),
    onPiece(piece) {
      if (seen < headBytes) head.push(piece)
      seen += piece.length
    },
    async judge(bytes) {
      if (bytes === 0) return failed('empty')
      const detected = await detect(Buffer.concat(head).subarray(0, headBytes))
      if (format === 'speex' && isRawSpeex(detected)) {
        return { kind: 'kept', bytes, mimeType: 'audio/x-speex', fileName: 'voice.spx' }
      }
      if (!isOfKind(kind, detected)) return failed('unreadable', `the bytes are not a valid ${kind}`)
      const fileName = nameOf(givenName ?? fileNameOf(disposition), kind, detected)
      return { kind: 'kept', bytes, mimeType: mimeTypeOf(fileName, detected), fileName }
    },
  })
}
