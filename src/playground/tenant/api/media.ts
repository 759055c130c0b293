import { createHash } from 'node:crypto'
import { dayMs } from '../../../domain/duration.ts'
import type { Clock, Random } from '../../../world.ts'
import { type TenantAnswer, accept, isVerdict, refuse } from '../answer.ts'
import type { TenantApiCall, TenantApi } from './api.ts'
import type { TenantApp } from './corp.ts'
import type { SeenMedia } from '../ledger.ts'
import type { AppTokens } from './tokens.ts'
import { type MediaType, readUpload, type UploadedFile } from './upload.ts'

/** An uploaded file, which WeCom keeps for three days. `owner` is the corp, or the key of a robot. */
export interface StoredMedia extends UploadedFile {
  readonly mediaId: string
  readonly owner: string
  readonly sha256: string
  readonly expiresAt: number
}

const lifeMs = 3 * dayMs
const rangeBytes = 20 * 1_048_576
const everyType: readonly MediaType[] = ['image', 'voice', 'video', 'file']

/** media/upload and media/get, with the stored files. All apps of a corp share them. */
export class MediaShelf {
  /** The accepted uploads, in order. */
  readonly uploads: StoredMedia[] = []
  private readonly stored = new Map<string, StoredMedia>()

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly corpId: string,
  ) {}

  serve(api: TenantApi, tokens: AppTokens): void {
    api.route(
      'POST',
      '/cgi-bin/media/upload',
      tokens.guard((call, app) => this.upload(call, everyType, app.corpId)),
    )
    api.route(
      'GET',
      '/cgi-bin/media/get',
      tokens.guard((call, app) => this.get(call, app)),
    )
  }

  /** Stores a file as if a member had sent it, and returns its media_id. */
  put(file: { type: MediaType; name: string; bytes: Uint8Array; corpId?: string }): string {
    const { type, name, bytes, corpId = this.corpId } = file
    return this.keep({ type, name, bytes: Buffer.from(bytes) }, corpId).mediaId
  }

  /** Finds a file, also an expired one. */
  find(mediaId: string): StoredMedia | undefined {
    return this.stored.get(mediaId)
  }

  /** Finds a file that this owner may use and that has not expired. */
  open(mediaId: unknown, owner: string): StoredMedia | undefined {
    const media = this.stored.get(String(mediaId))
    return media && media.owner === owner && this.clock.now() < media.expiresAt ? media : undefined
  }

  upload(call: TenantApiCall, types: readonly MediaType[], owner: string): TenantAnswer {
    const file = readUpload(call, types)
    if (isVerdict(file)) return file
    const media = this.keep(file, owner)
    this.uploads.push(media)
    const created_at = String(Math.floor(this.clock.now() / 1_000))
    return accept({ type: file.type, media_id: media.mediaId, created_at })
  }

  private keep(file: UploadedFile, owner: string): StoredMedia {
    const mediaId = `3${Buffer.from(this.random.bytes(32)).toString('base64url')}`
    const sha256 = createHash('sha256').update(file.bytes).digest('hex')
    const media = { ...file, mediaId, owner, sha256, expiresAt: this.clock.now() + lifeMs }
    this.stored.set(mediaId, media)
    return media
  }

  private get({ query, headers }: TenantApiCall, app: TenantApp): TenantAnswer {
    const mediaId = query.get('media_id')
    if (!mediaId) return refuse(41_006, 'media_id missing')
    const media = this.open(mediaId, app.corpId)
    if (!media) return refuse(40_007, 'invalid media_id')
    const { bytes, name } = media
    const head = {
      'content-type': 'application/octet-stream',
      // WeCom sends raw UTF-8; node:http expects one character per byte.
      'content-disposition': `attachment; filename="${Buffer.from(name).toString('latin1')}"`,
      'accept-ranges': 'bytes',
    }
    const range = headers['range']
    if (range === undefined) {
      return bytes.length > rangeBytes ? tooLarge : { status: 200, headers: head, bytes }
    }
    const { first, last } = readRange(range, bytes.length)
    if (first > last)
      return { status: 416, headers: { 'content-range': `bytes */${bytes.length}` }, bytes: Buffer.of() }
    if (last - first >= rangeBytes) return tooLarge
    const contentRange = { 'content-range': `bytes ${first}-${last}/${bytes.length}` }
    return { status: 206, headers: { ...head, ...contentRange }, bytes: bytes.subarray(first, last + 1) }
  }
}

const tooLarge = refuse(830_002, 'media too large')

/** First and last byte of `bytes=a-b` or `bytes=a-`. An invalid or empty range has first > last. */
function readRange(range: string, length: number): { first: number; last: number } {
  const [, from = '', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? []
  if (from === '') return { first: 1, last: 0 }
  return { first: Number(from), last: Math.min(to === '' ? length - 1 : Number(to), length - 1) }
}

/** A file as a receiver sees it. */
export function seenMedia({ type, name, bytes, sha256 }: StoredMedia): SeenMedia {
  return { type, name, bytes: bytes.length, sha256 }
}
