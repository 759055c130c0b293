import type { Outcome } from '../../domain/delivery.ts'
import { WecomdError } from '../../errors.ts'
import type { AppApi } from '../api/app.ts'
import { type Body, openBody } from '../api/http-body.ts'
import { type ApiReply, type HttpDeps, parseAnswer, readText, type NoReply } from '../api/http.ts'
import { failed, type NotFetched, named, ofOutcome, type MediaStream } from './source.ts'
import type { IdleTimeout } from './idle-timeout.ts'

const rangeBytes = 10 * 1_048_576
const noSuchMedia = 40_007
const onlyInRanges = 830_002

type Get = (range?: string) => Promise<Body | Outcome>

/** Media that a user sent to an app, by media/get (page 90254); in ranges where WeCom wants them. */
export async function openAppMedia(
  line: HttpDeps,
  api: AppApi,
  { mediaId, limitBytes, patience }: { mediaId: string; limitBytes: number; patience: IdleTimeout },
): Promise<MediaStream | NotFetched> {
  const get: Get = range => api.open('media/get', { media_id: mediaId }, url => open(line, url, patience, range))
  const whole = await get()
  const isInRanges = 'outcome' in whole && whole.errcode === onlyInRanges
  const body = isInRanges ? await get(rangeFrom(0)) : whole
  if ('outcome' in body) return body.errcode === noSuchMedia ? failed('expired') : ofOutcome(body)
  const total = totalOf(body) ?? body.bytes ?? 0
  const disposition = body.headers.get('content-disposition')
  if (total > limitBytes) return named(failed('too_large'), disposition)
  const pieces = isInRanges ? inRanges(get, body) : body.pieces
  return { kind: 'source', disposition, pieces }
}

/** A refusal is text at HTTP 200. Only what comes with a name is media whatever its type is. */
async function open(
  line: HttpDeps,
  url: string,
  patience: IdleTimeout,
  range?: string,
): Promise<Body | ApiReply | NoReply> {
  const body = await openBody(line, url, patience, range)
  if (body.kind !== 'body' || body.headers.has('content-disposition')) return body
  if (!/^(?:application\/json|text\/|$)/i.test(body.headers.get('content-type') ?? '')) return body
  const answer = parseAnswer(await readText(body.pieces).catch(() => ''))
  return answer === undefined || answer.errcode === 0 ? { kind: 'status', status: 200 } : answer
}

function rangeFrom(first: number): string {
  return `bytes=${first}-${first + rangeBytes - 1}`
}

function totalOf({ headers }: Body): number | undefined {
  const [, total] = /^bytes \d+-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? []
  return total === undefined ? undefined : Number(total)
}

async function* inRanges(get: Get, first: Body): AsyncGenerator<Uint8Array> {
  yield* first.pieces
  const total = totalOf(first) ?? 0
  for (let from = rangeBytes; from < total; from += rangeBytes) {
    const next = await get(rangeFrom(from))
    const isNext = !('outcome' in next) && next.headers.get('content-range')?.startsWith(`bytes ${from}-`) === true
    if (!isNext) throw new WecomdError('network', 'WeCom gives no further range of the media')
    yield* next.pieces
  }
}
