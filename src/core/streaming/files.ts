import type { AgentFile } from '../../domain/agent.ts'
import type { Delivery, MediaKind } from '../../domain/delivery.ts'
import type { Job } from '../../domain/job.ts'
import { limits } from '../../domain/limits.ts'
import { type FileProblem, hasBubble, type Turn, type TurnFile } from '../../domain/turn.ts'
import type { Translate } from '../notices/notices.ts'
import { planMedia, planNotice } from '../fallback/plan.ts'
import { queuedJob } from '../fallback/queued.ts'
import { formatSpoolName } from './spool-name.ts'

/** How long a bubble is held open for what becomes of files. */
const bubbleWaitsMs = 60_000
/** How long it is held open until it is known whether there are any. */
const lookMs = 2_000

/** What became of fetching a file of an answer. */
export type Collected =
  | { readonly kind: 'kept'; readonly bytes: number; readonly digest: string; readonly media: MediaKind }
  | { readonly kind: 'failed'; readonly problem: FileProblem }

/** What became of the direct message with a file. */
export type FileOutcome = 'arrived' | 'not_sent' | 'unsure'

interface Step {
  readonly turn: Turn
  readonly add: readonly (Delivery | Job)[]
}

/** The bubble is held open until it is known whether files came with the answer. */
export function lookForFiles(turn: Turn, now: number): Step {
  const filesUntil = Math.min(now + lookMs, Math.max(now, turn.handoverAt))
  return { turn: { ...turn, isLooking: true, ...(hasOpenBubble(turn) && { filesUntil }) }, add: [] }
}

/** It is known which files came with an answer; undefined when that was known already. */
export function filesFound(
  turn: Turn,
  found: readonly AgentFile[],
  now: number,
  translate: Translate,
): Step | undefined {
  if (turn.isLooking === undefined) return undefined
  const { isLooking: _, filesUntil: __, ...rest } = turn
  const { turn: next, add } = planFiles(rest, found, now)
  if (hasOpenBubble(turn)) return { turn: waitsForFiles(next) ? next : { ...next, readyAt: now }, add }
  const loss = lostFilesNotice(next, translate)
  return { turn: next, add: loss === '' ? add : [...add, ...planNotice(next, loss, now, `${turn.id}:loss`)] }
}

/** The files of an answer, each to be fetched where there may be a way for it. */
export function planFiles(turn: Turn, found: readonly AgentFile[], now: number): Step {
  if (found.length === 0) return { turn, add: [] }
  const files = found.map((one, index) => fresh(turn, one, index))
  const isWaiting = hasOpenBubble(turn) && files.some(isUndecided)
  const filesUntil = Math.min(now + bubbleWaitsMs, Math.max(now, turn.handoverAt))
  const add = found.flatMap((one, index) => {
    const file = files[index]
    return one.id === undefined || file?.state !== 'pending' ? [] : [collectJob(turn, one.id, file, index, now)]
  })
  return { turn: { ...turn, files, ...(isWaiting && { filesUntil }) }, add }
}

function fresh(turn: Turn, { id, fileName, mimeType }: AgentFile, index: number): TurnFile {
  const file: TurnFile = { fileName, state: 'pending', file: formatSpoolName('answer', turn.streamId, index) }
  if (id === undefined) return failed(file, 'withheld')
  const mayBeShown = hasOpenBubble(turn) && /^image\/(?:png|jpe?g)$/i.test(mimeType)
  return turn.dm === undefined && !mayBeShown ? failed(file, 'no_way') : file
}

function failed(file: TurnFile, problem: FileProblem): TurnFile {
  return { ...file, state: 'failed', problem }
}

function hasOpenBubble(turn: Turn): boolean {
  return hasBubble(turn) && turn.closedWith === undefined
}

function isUndecided({ state }: TurnFile): boolean {
  return state === 'pending' || state === 'direct'
}

/** The run is over and the bubble is held open until it is known what becomes of files. */
export function waitsForFiles({ state, files, filesUntil, isLooking }: Turn): boolean {
  return state === 'closing' && filesUntil !== undefined && (isLooking === true || files?.some(isUndecided) === true)
}

/** A file has come from the agent, or cannot be had; undefined when that is known already. */
export function fileCollected(
  turn: Turn,
  name: string,
  collected: Collected,
  now: number,
  translate: Translate,
): Step | undefined {
  const index = turn.files?.findIndex(({ file }) => file === name) ?? -1
  const known = turn.files?.[index]
  if (known?.state !== 'pending') return undefined
  const file = collected.kind === 'failed' ? failed(known, collected.problem) : place(turn, known, collected)
  const next = withFile(turn, index, file, now)
  if (file.state === 'direct') return { turn: next, add: [fileDelivery(next, index, now)] }
  // A bubble says it itself.
  if (file.state !== 'failed' || hasOpenBubble(turn)) return { turn: next, add: [] }
  return { turn: next, add: planNotice(turn, sentenceOf(file, translate), now, fileId(turn, index)) }
}

/** Where a file goes: into the bubble while that is open and has room, else to the user's direct messages. */
function place(turn: Turn, file: TurnFile, { bytes, digest, media }: Extract<Collected, { kind: 'kept' }>): TurnFile {
  const kept: TurnFile = { ...file, bytes, digest, media }
  if (turn.files?.some(other => other.digest === digest)) return { ...kept, state: 'duplicate' }
  if (hasOpenBubble(turn) && fitsFrame(turn, kept)) return { ...kept, state: 'inline' }
  return turn.dm === undefined ? failed(kept, 'no_way') : { ...kept, state: 'direct' }
}

function fitsFrame({ files = [] }: Turn, { media, bytes = 0 }: TurnFile): boolean {
  const { most, bytes: bytesEach, bytesTogether } = limits.framePictures
  const shown = files.filter(({ state }) => state === 'inline')
  const together = shown.reduce((sum, one) => sum + (one.bytes ?? 0), bytes)
  return media === 'image' && shown.length < most && bytes <= bytesEach && together <= bytesTogether
}

/** The direct message with a file has arrived or will not; undefined when that is known already. */
export function fileSettled(turn: Turn, name: string, fate: FileOutcome, now: number): Turn | undefined {
  const index = turn.files?.findIndex(({ file }) => file === name) ?? -1
  const known = turn.files?.[index]
  if (known?.state !== 'direct') return undefined
  return withFile(turn, index, fate === 'arrived' ? { ...known, state: 'sent' } : failed(known, fate), now)
}

function withFile(turn: Turn, index: number, file: TurnFile, now: number): Turn {
  const next: Turn = { ...turn, files: (turn.files ?? []).map((one, at) => (at === index ? file : one)) }
  return waitsForFiles(turn) && !waitsForFiles(next) ? { ...next, readyAt: now } : next
}

/** The bubble waits no longer; what has not come from the agent by then can go by direct message only. */
export function stopWaiting(turn: Turn, now: number): Turn {
  const { filesUntil: _, ...rest } = turn
  const files = turn.files?.map(file =>
    file.state === 'pending' && turn.dm === undefined ? failed(file, 'gone') : file,
  )
  return { ...rest, ...(files && { files }), readyAt: now }
}

/** The pictures of a bubble that nobody fetched go by direct message, with all else. */
export function unshowPictures(turn: Turn, now: number): Step {
  const { files = [], dm } = turn
  const next: Turn = {
    ...turn,
    files: files.map(file => {
      if (file.state !== 'inline') return file
      return dm === undefined ? failed(file, 'no_way') : { ...file, state: 'direct' as const }
    }),
  }
  const add = files.flatMap(({ state }, index) =>
    state === 'inline' && dm !== undefined ? [fileDelivery(next, index, now)] : [],
  )
  return { turn: files.length === 0 ? turn : next, add }
}

/** The pictures that a closed bubble shows, by their names in the spool, in order. */
export function picturesOf({ files = [], closedWith }: Turn): readonly string[] {
  return closedWith === undefined ? [] : files.filter(({ state }) => state === 'inline').map(({ file }) => file)
}

/** What a bubble says of its files, or undefined when there is nothing to say. */
export function noticeOfFiles({ files = [], answer }: Turn, translate: Translate): string | undefined {
  const lines = files
    .filter(({ state }) => state !== 'inline' && state !== 'duplicate')
    .map(file => sentenceOf(file, translate))
  if (lines.length > 0) return lines.join('\n')
  const pictures = files.filter(({ state }) => state === 'inline').map(({ fileName }) => fileName)
  return answer.trim() === '' && pictures.length > 0 ? translate({ key: 'pictures', names: pictures }) : undefined
}

/** What cannot come at all, for where no bubble says it. */
export function lostFilesNotice({ files = [] }: Turn, translate: Translate): string {
  return files
    .filter(({ state }) => state === 'failed')
    .map(file => sentenceOf(file, translate))
    .join('\n')
}

function sentenceOf({ fileName: name, state, problem }: TurnFile, translate: Translate): string {
  if (state === 'sent') return translate({ key: 'file_sent', name })
  return problem === undefined
    ? translate({ key: 'file_follows', name })
    : translate({ key: 'file_problem', name, problem })
}

function fileId(turn: Turn, index: number): string {
  return `${turn.id}:file${index}`
}

function fileDelivery(turn: Turn, index: number, now: number): Delivery {
  const file = turn.files?.[index]
  if (file === undefined || turn.dm === undefined) throw new Error(`file ${index} of ${turn.id} has no way`)
  const { fileName, bytes = 0, media = 'file' } = file
  const message = { kind: 'media', media, fileName, bytes, source: { kind: 'spool', file: file.file } } as const
  return planMedia(turn, fileId(turn, index), message, now + 1 + index, turn.dm)
}

function collectJob(turn: Turn, artifact: string, { file }: TurnFile, index: number, now: number): Job {
  return queuedJob(turn, {
    id: `${turn.id}:collect${index}`,
    queue: 'media',
    body: { kind: 'collect', artifact, sessionKey: turn.sessionKey, file },
    dueAt: now,
    expiresAt: now + (turn.dm?.deliverWithinMs ?? bubbleWaitsMs),
  })
}
