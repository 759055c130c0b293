import { createHash } from 'node:crypto'
import type { Agent, FileFetched } from '../../domain/agent.ts'
import { limits } from '../../domain/limits.ts'
import { keepStream, type Spool } from '../../domain/spool.ts'
import { isCode, WecomdError } from '../../errors.ts'
import type { Clock, Fetch, Log, Timers } from '../../world.ts'
import type { Connection } from '../link/socket.ts'
import { type Json, numberAt, objectAt, stringAt } from '../link/frames.ts'
import { GatewayRefusal } from '../link/rpc.ts'

const maxBytes = limits.mediaBytes.file
const baseTimeoutMs = 30_000
/** The slowest acceptable transfer. It extends the timeout with the size of the file. */
const minBytesPerSecond = 128 * 1024

export interface DownloadDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly fetch: Fetch
  readonly createFile: Spool['create']
}

type FetchFailure = Exclude<FileFetched, { kind: 'kept' }>

const retryLater: FetchFailure = { kind: 'later' }
const gone: FetchFailure = { kind: 'failed', problem: 'gone' }
const tooLarge: FetchFailure = { kind: 'failed', problem: 'too_large' }

/** A path on the gateway, with a ticket that is valid for five minutes. */
interface ArtifactPath {
  readonly kind: 'path'
  readonly path: string
  readonly bytes?: number
}

/** Creates `Agent.collect`, which downloads a file of an answer. Rejects only when the spool cannot be written. */
export function createFileDownload(connection: Connection, world: DownloadDeps): Agent['collect'] {
  return async (sessionKey, id, file) => {
    const located = await locate(connection, { sessionKey, artifactId: id }, world.log)
    return located.kind === 'path' ? await download(connection, world, located, file) : located
  }
}

async function locate(connection: Connection, params: Json, log: Log): Promise<ArtifactPath | FetchFailure> {
  try {
    const answer = await connection.request('artifacts.download', params)
    const path = stringAt(answer, 'url')
    const bytes = numberAt(objectAt(answer, 'artifact'), 'sizeBytes')
    if (bytes !== undefined && bytes > maxBytes) return tooLarge
    // Only a path: a full URL would send the ticket to another host.
    if (path?.startsWith('/') === true) return { kind: 'path', path, ...(bytes !== undefined && { bytes }) }
    log.warn('gateway returned no path for a file of an answer')
    return gone
  } catch (error) {
    if (isCode(error, 'gateway_down') || isCode(error, 'gateway_timeout')) return retryLater
    if (!(error instanceof GatewayRefusal)) throw error
    if (error.retryAfterMs !== undefined) return { kind: 'later', retryAfterMs: error.retryAfterMs }
    if (error.gatewayCode === 'UNAVAILABLE') return retryLater
    log.warn('gateway refused a file of an answer', { code: error.gatewayCode })
    return gone
  }
}

async function download(
  connection: Connection,
  { clock, timers, log, fetch, createFile }: DownloadDeps,
  { path, bytes = maxBytes }: ArtifactPath,
  file: string,
): Promise<FileFetched> {
  const { origin, ca } = connection.http
  const controller = new AbortController()
  const timeoutMs = baseTimeoutMs + (bytes / minBytesPerSecond) * 1_000
  const cancel = timers.at(clock.now() + timeoutMs, () => controller.abort())
  try {
    const response = await fetch(`${origin}${path}`, {
      redirect: 'manual',
      // A compressed body would not match the announced content-length.
      headers: { 'accept-encoding': 'identity' },
      signal: controller.signal,
      ...(ca !== undefined && { tls: { ca } }),
    })
    const { status } = response
    if (status === 200) return await saveBody(response, createFile, file)
    log.warn('download of a file of an answer failed', { status })
    return status === 404 || status === 410 ? gone : retryLater
  } catch (error) {
    if (error instanceof WecomdError) throw error
    return retryLater // the connection failed or broke off
  } finally {
    cancel()
    controller.abort() // releases the rest of the body
  }
}

async function saveBody(response: Response, createFile: Spool['create'], file: string): Promise<FileFetched> {
  const announced = response.headers.get('content-length')
  if (Number(announced ?? 0) > maxBytes) return tooLarge
  const hash = createHash('sha256')
  return await keepStream<FileFetched>(await createFile(file), response.body ?? [], {
    limitBytes: maxBytes,
    tooLarge,
    onPiece: piece => void hash.update(piece),
    judge(bytes) {
      if (announced !== null && bytes !== Number(announced)) return retryLater
      return { kind: 'kept', bytes, digest: hash.digest('hex') }
    },
  })
}
