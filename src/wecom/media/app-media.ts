import type { Outcome } from '../../domain/delivery.ts'
import { WecomdError } from '../../errors.ts'
import type { AppApi } from '../api/app.ts'
import { type Body, openBody } from '../api/http-body.ts'
import { type ApiReply, type HttpDeps, parseReply, readText, type NoReply } from '../api/http.ts'
import { failed, type NotFetched, withFileName, notFetchedBy, type MediaStream } from './source.ts'
import type { IdleTimeout } from './idle-timeout.ts'

const rangeBytes = 10 * 1_048_576
const noSuchMedia = 40_007
const rangeRequired = 830_002

type Get = (range?: string) => Promise<Body | Outcome>

/** Opens media that a user sent to an app, with media/get (page 90254). Uses ranges if WeCom requires them. */
export async function openAppMedia(
  http: HttpDeps,
  api: AppApi,
  { mediaId, limitBytes, idle }: { mediaId: string; limitBytes: number; idle: IdleTimeout },
): Promise<MediaStream | NotFetched> {
  const get: Get = range => api.open('media/get', { media_id: mediaId }, url => open(http, url, idle, range))
  const whole = await get()
  const needsRanges = 'outcome' in whole && whole.errcode === rangeRequired
  const body = needsRanges ? await get(rangeFrom(0)) : whole
  if ('outcome' in body) return body.errcode === noSuchMedia ? failed('expired') : notFetchedBy(body)
  const total = totalOf(body) ?? body.bytes ?? 0
  const disposition = body.headers.get('content-disposition')
  if (total > limitBytes) return withFileName(failed('too_large'), disposition)
  const chunks = needsRanges ? readRanges(get, body) : body.chunks
  return { kind: 'source', disposition, chunks }
}

/** A refusal is JSON with HTTP 200. A body with a file name is always media, even if it is JSON. */
async function open(
  http: HttpDeps,
  url: string,
  idle: IdleTimeout,
  range?: string,
): Promise<Body | ApiReply | NoReply> {
  const body = await openBody(http, url, idle, range)
  if (body.kind !== 'body' || body.headers.has('content-disposition')) return body
  if (!/^(?:application\/json|text\/|$)/i.test(body.headers.get('content-type') ?? '')) return body
  const answer = parseReply(await readText(body.chunks).catch(() => ''))
  return answer === undefined || answer.errcode === 0 ? { kind: 'status', status: 200 } : answer
}

function rangeFrom(first: number): string {
  return `bytes=${first}-${first + rangeBytes - 1}`
}

function totalOf({ headers }: Body): number | undefined {
  const [, total] = /^bytes \d+-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? []
  return total === undefined ? undefined : Number(total)
}

async function* readRanges(get: Get, first: Body): AsyncGenerator<Uint8Array> {
  yield* first.chunks
  const total = totalOf(first) ?? 0
  for (let from = rangeBytes; from < total; from += rangeBytes) {
    const next = await get(rangeFrom(from))
    const isNext = !('outcome' in next) && next.headers.get('content-range')?.startsWith(`bytes ${from}-`) === true
    if (!isNext) throw new WecomdError('network', 'WeCom did not return the next range of the media')
    yield* next.chunks
  }
}
