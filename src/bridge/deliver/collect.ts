import { createHash } from 'node:crypto'
import type { FileFetched } from '../../domain/agent.ts'
import type { JobBody } from '../../domain/job.ts'
import { limits } from '../../domain/limits.ts'
import { judgeMedia } from '../../domain/media.ts'
import type { Picture } from '../../domain/message.ts'
import type { MediaBytes } from '../../domain/spool.ts'
import type { Turn } from '../../domain/turn.ts'
import { messageOf } from '../../errors.ts'
import { type Collected, picturesOf } from '../../core/streaming/files.ts'
import type { BridgeContext } from '../context.ts'

export type Postponed = Extract<FileFetched, { kind: 'later' }>

/** Brings a file of an answer into the spool, and says what WeCom can take it as. */
export async function collectFile(
  { agent, spool }: BridgeContext,
  { sessionKey, artifact, file }: Extract<JobBody, { kind: 'collect' }>,
): Promise<Collected | Postponed> {
  const fetched = await agent.collect(sessionKey, artifact, file)
  if (fetched.kind !== 'kept') return fetched
  const verdict = judgeMedia(await readAll(await spool.open({ kind: 'spool', file })))
  if ('refused' in verdict) {
    return { kind: 'failed', problem: fetched.bytes < limits.mediaBytes.least ? 'too_small' : 'too_large' }
  }
  return { ...fetched, media: verdict.media }
}

/** Of files that the platform takes: at most 20 MB. */
async function readAll(source: MediaBytes): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(source.open()))
}

/** The pictures that the closed bubble of a turn shows. */
export async function loadPictures({ spool, log }: BridgeContext, turn: Turn): Promise<readonly Picture[]> {
  const loaded = picturesOf(turn).map(async (file): Promise<readonly Picture[]> => {
    try {
      const bytes = await readAll(await spool.open({ kind: 'spool', file }))
      return [{ base64: bytes.toString('base64'), md5: createHash('md5').update(bytes).digest('hex') }]
    } catch (error) {
      log.error('a picture of an answer is gone', { turn: turn.id, error: messageOf(error) })
      return []
    }
  })
  return (await Promise.all(loaded)).flat()
}
