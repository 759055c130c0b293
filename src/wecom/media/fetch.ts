import type { EnvelopeKey } from '../../crypto/envelope.ts'
import type { Attachment } from '../../domain/message.ts'
import type { Fetched, Platform } from '../../domain/ports.ts'
import { keepStream, type Spool } from '../../domain/spool.ts'
import { isCode } from '../../errors.ts'
import type { AppApi } from '../api/app.ts'
import { openAppMedia } from './app-media.ts'
import { openBotMedia } from './bot-media.ts'
import { fileNameOf } from './content-disposition.ts'
import type { HostRule } from '../api/hosts.ts'
import type { HttpDeps } from '../api/http.ts'
import { detect, headBytes, isOfKind, mimeTypeOf, nameOf } from './kinds.ts'
import { failed, type NotFetched, named, type MediaStream } from './source.ts'
import { IdleTimeout, type IdleTimeoutDeps } from './idle-timeout.ts'

export interface MediaFetchDeps extends IdleTimeoutDeps {
  readonly line: HttpDeps & HostRule
  /** Of the Bots, by account; the newest first, then those that it replaced. */
  readonly keys: ReadonlyMap<string, readonly EnvelopeKey[]>
  readonly maxMediaBytes: number
  readonly createFile: Spool['create']
  apiOf(account: string): AppApi | undefined
}

/** A link of the Bot is valid for five minutes: whoever is not done by now would not be done then. */
const longestMs = 240_000

/** Rejects only when the spool cannot keep a file. */
export function createMediaFetcher(deps: MediaFetchDeps): Platform['fetchMedia'] {
  return async (account, attachment, file) => {
    const patience = new IdleTimeout(deps, deps.line.timeoutMs, longestMs)
    const fetch = (key?: EnvelopeKey) => fetchOnce(deps, { account, attachment, file, key, patience })
    const [newest, ...older] = attachment.url === undefined ? [] : (deps.keys.get(account) ?? [])
    try {
      let fetched = await fetch(newest)
      for (const key of older) if (isUnreadable(fetched)) fetched = await fetch(key)
      return fetched
    } finally {
      patience.end()
    }
  }
}

function isUnreadable(fetched: Fetched): boolean {
  return fetched.kind === 'failed' && fetched.problem === 'unreadable'
}

interface Fetch {
  readonly account: string
  readonly attachment: Attachment
  readonly file: string
  /** Absent where the account has no Bot, and for media of an app. */
  readonly key: EnvelopeKey | undefined
  readonly patience: IdleTimeout
}

async function fetchOnce(deps: MediaFetchDeps, fetch: Fetch): Promise<Fetched> {
  let disposition: string | null = null
  try {
    const source = await openSource(deps, fetch)
    if (source.kind !== 'source') return source
    disposition = source.disposition
    return named(await keep(deps, fetch.attachment, source, fetch.file), disposition)
  } catch (error) {
    if (isCode(error, 'overloaded')) return { kind: 'later', hint: error.message }
    if (isCode(error, 'network')) return { kind: 'later', hint: error.message }
    if (isCode(error, 'bad_cipher')) return named(failed('unreadable', error.hint ?? error.message), disposition)
    throw error
  }
}

async function openSource(
  { line, apiOf, maxMediaBytes }: MediaFetchDeps,
  { account, attachment: { url, mediaId }, key, patience }: Fetch,
): Promise<MediaStream | NotFetched> {
  const limits = { limitBytes: maxMediaBytes, patience }
  if (url !== undefined) {
    if (key === undefined) return failed('unreadable', `the account ${account} has no Bot`)
    return await openBotMedia(line, url, { key, ...limits })
  }
  const api = apiOf(account)
  if (api === undefined || mediaId === undefined) return failed('unreachable', `the account ${account} has no app`)
  return await openAppMedia(line, api, { mediaId, ...limits })
}

/** Writes media to the spool as they come; what turns out not to be what it should be leaves nothing there. */
async function keep(
  { createFile, maxMediaBytes }: MediaFetchDeps,
  { kind, fileName: told }: Attachment,
  { pieces, disposition }: MediaStream,
  file: string,
): Promise<Fetched> {
  const head: Uint8Array[] = []
  let seen = 0
  return await keepStream<Fetched>(await createFile(file), pieces, {
    limitBytes: maxMediaBytes,
    tooLarge: failed('too_large'),
    onPiece(piece) {
      if (seen < headBytes) head.push(piece)
      seen += piece.length
    },
    async judge(bytes) {
      if (bytes === 0) return failed('empty')
      const detected = await detect(Buffer.concat(head).subarray(0, headBytes))
      if (!isOfKind(kind, detected)) return failed('unreadable', `it is called ${kind}, but is none`)
      const fileName = nameOf(told ?? fileNameOf(disposition), kind, detected)
      return { kind: 'kept', bytes, mimeType: mimeTypeOf(fileName, detected), fileName }
    },
  })
}
