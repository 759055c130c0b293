import { createHash } from 'node:crypto'
import type { Agent, FileFetched } from '../../domain/agent.ts'
import { limits } from '../../domain/limits.ts'
import { keepStream, type Spool } from '../../domain/spool.ts'
import { isCode, WecomdError } from '../../errors.ts'
import type { Clock, Fetch, Log, Timers } from '../../world.ts'
import type { Connection } from '../link/socket.ts'
import { type Json, numberAt, objectAt, stringAt } from '../link/frames.ts'
import { GatewayRefusal } from '../link/rpc.ts'

const mostBytes = limits.mediaBytes.file
const patienceMs = 30_000
/** A download may take a second longer for each of these. */
const slowestBytesPerSecond = 128 * 1024

export interface DownloadDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly fetch: Fetch
  readonly createFile: Spool['create']
}

type NotKept = Exclude<FileFetched, { kind: 'kept' }>

const later: NotKept = { kind: 'later' }
const gone: NotKept = { kind: 'failed', problem: 'gone' }
const tooLarge: NotKept = { kind: 'failed', problem: 'too_large' }

/** Where the bytes are for the next minutes: a path with a ticket. */
interface ArtifactPath {
  readonly kind: 'place'
  readonly path: string
  readonly bytes?: number
}

/** Fetches files of answers from the gateway. Rejects only when the spool cannot keep one. */
export function createCollector(connection: Connection, world: DownloadDeps): Agent['collect'] {
  return async (sessionKey, id, file) => {
    const place = await locate(connection, { sessionKey, artifactId: id }, world.log)
    return place.kind === 'place' ? await download(connection, world, place, file) : place
  }
}

async function locate(connection: Connection, params: Json, log: Log): Promise<ArtifactPath | NotKept> {
  try {
    const answer = await connection.request('artifacts.download', params)
    const path = stringAt(answer, 'url')
    const bytes = numberAt(objectAt(answer, 'artifact'), 'sizeBytes')
    if (bytes !== undefined && bytes > mostBytes) return tooLarge
    // Anything but a path would take the ticket to another host.
    if (path?.startsWith('/') === true) return { kind: 'place', path, ...(bytes !== undefined && { bytes }) }
    log.warn('the gateway names no path for a file of an answer')
    return gone
  } catch (error) {
    if (isCode(error, 'gateway_down') || isCode(error, 'gateway_timeout')) return later
    if (!(error instanceof GatewayRefusal)) throw error
    if (error.retryAfterMs !== undefined) return { kind: 'later', retryAfterMs: error.retryAfterMs }
    if (error.gatewayCode === 'UNAVAILABLE') return later
    log.warn('the gateway does not hand over a file of an answer', { code: error.gatewayCode })
    return gone
  }
}

async function download(
  connection: Connection,
  { clock, timers, log, fetch, createFile }: DownloadDeps,
  { path, bytes = mostBytes }: ArtifactPath,
  file: string,
): Promise<FileFetched> {
  const { origin, ca } = connection.http
  const controller = new AbortController()
  const limitMs = patienceMs + (bytes / slowestBytesPerSecond) * 1_000
  const cancel = timers.at(clock.now() + limitMs, () => controller.abort())
  try {
    const response = await fetch(`${origin}${path}`, {
      redirect: 'manual',
      // What is encoded on the way would arrive with another length than it is announced with.
      headers: { 'accept-encoding': 'identity' },
      signal: controller.signal,
      ...(ca !== undefined && { tls: { ca } }),
    })
    const { status } = response
    if (status === 200) return await keep(response, createFile, file)
    log.warn('a file of an answer was not handed over', { status })
    return status === 404 || status === 410 ? gone : later
  } catch (error) {
    if (error instanceof WecomdError) throw error
    return later // the connection failed, or broke
  } finally {
    cancel()
    controller.abort() // what was not read is not wanted
  }
}

async function keep(response: Response, createFile: Spool['create'], file: string): Promise<FileFetched> {
  const announced = response.headers.get('content-length')
  if (Number(announced ?? 0) > mostBytes) return tooLarge
  const hash = createHash('sha256')
  return await keepStream<FileFetched>(await createFile(file), response.body ?? [], {
    limitBytes: mostBytes,
    tooLarge,
    onPiece: piece => void hash.update(piece),
    judge(bytes) {
      if (announced !== null && bytes !== Number(announced)) return later
      return { kind: 'kept', bytes, digest: hash.digest('hex') }
    },
  })
}
