import type { Delivery, MediaKind } from '../../domain/delivery.ts'
import type { Job } from '../../domain/job.ts'
import { limits } from '../../domain/limits.ts'
import { type FileProblem, hasOpenBubble, traced, type Turn, type TurnFile } from '../../domain/turn.ts'
import type { Translate } from '../notices/notices.ts'
import { planMedia, planNotice } from '../fallback/plan.ts'

/** How long a bubble is held open for files that are known. */
export const bubbleWaitsMs = 60_000

/** What became of fetching a file of an answer. */
export type Collected =
  | { readonly kind: 'kept'; readonly bytes: number; readonly digest: string; readonly media: MediaKind }
  | { readonly kind: 'failed'; readonly problem: FileProblem }

/** What became of the direct message with a file. */
export type FileOutcome = 'arrived' | 'not_sent' | 'unsure'

export interface Step {
  readonly turn: Turn
  readonly add: readonly (Delivery | Job)[]
}

export function failed(file: TurnFile, problem: FileProblem): TurnFile {
  return { ...file, state: 'failed', problem }
}

function isUndecided({ state }: TurnFile): boolean {
  return state === 'pending' || state === 'direct'
}

/** The run is over and the bubble is held open until it is known what becomes of files. */
export function waitsForFiles(turn: Turn): boolean {
  return fileDeadline(turn) !== undefined
}

/** How long a bubble waits next for files. */
export function fileDeadline({ state, files, filesUntil, lookUntil }: Turn): number | undefined {
  if (state !== 'closing') return undefined
  if (filesUntil === undefined || files?.some(isUndecided) !== true) return lookUntil
  return Math.min(filesUntil, lookUntil ?? filesUntil)
}

/** Until when a bubble is held open from now on, which must close in time. */
export function heldUntil({ handoverAt }: Turn, now: number, ms = bubbleWaitsMs): number {
  return Math.min(now + ms, Math.max(now, handoverAt))
}

/** The turn as it is when its bubble may close, where that waited until now. */
export function closableAt(before: Turn, next: Turn, now: number): Turn {
  if (!waitsForFiles(before) || waitsForFiles(next)) return next
  const ready = { ...next, readyAt: now }
  return next.dm === undefined ? failAll(ready, 'announced', 'no_way', now) : ready
}

/** All files in this state fail. */
export function failAll(turn: Turn, state: TurnFile['state'], problem: FileProblem, at: number): Turn {
  const failures = turn.files?.filter(file => file.state === state) ?? []
  if (failures.length === 0) return turn
  const files = turn.files?.map(file => (file.state === state ? failed(file, problem) : file)) ?? []
  return traced({ ...turn, files }, ...failures.map(() => ({ at, kind: 'file', state: 'failed', problem })))
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
  return { turn: next, add: planNotice(turn, sentenceOf(file, translate), now, translate, fileId(turn, index)) }
}

/** Where a file goes: into the bubble while that is open and has room, else to the user's direct messages. */
function place(turn: Turn, file: TurnFile, { bytes, digest, media }: Extract<Collected, { kind: 'kept' }>): TurnFile {
  const kept: TurnFile = { ...file, bytes, digest, media }
  const isTwice = turn.files?.some(other => other.digest === digest && other.fileName === file.fileName)
  if (isTwice) return { ...kept, state: 'duplicate' }
  if (hasOpenBubble(turn) && fitsFrame(turn, kept)) return { ...kept, state: 'inline' }
  return turn.dm === undefined ? failed(kept, 'no_way') : { ...kept, state: 'direct' }
}

function fitsFrame({ files = [] }: Turn, { media, bytes = 0 }: TurnFile): boolean {
  const { most, bytes: bytesEach, bytesTogether } = limits.framePictures
  const shown = files.filter(({ state }) => state === 'inline')
  const together = shown.reduce((sum, one) => sum + (one.bytes ?? 0), bytes)
  return media === 'image' && shown.length < most && bytes <= bytesEach && together <= bytesTogether
}

/**
 * The direct message with a file has arrived or will not; undefined when that is known already. If WeCom refused it and no
 * bubble says so, the user gets a notice.
 */
export function fileSettled(
  turn: Turn,
  name: string,
  fate: FileOutcome,
  now: number,
  translate: Translate,
): Step | undefined {
  const index = turn.files?.findIndex(({ file }) => file === name) ?? -1
  const known = turn.files?.[index]
  if (known?.state !== 'direct') return undefined
  const file = fate === 'arrived' ? { ...known, state: 'sent' as const } : failed(known, fate)
  const next = withFile(turn, index, file, now)
  if (fate !== 'not_sent' || hasOpenBubble(turn)) return { turn: next, add: [] }
  return { turn: next, add: planNotice(turn, sentenceOf(file, translate), now, translate, fileNoticeId(turn, index)) }
}

function withFile(turn: Turn, index: number, file: TurnFile, now: number): Turn {
  return closableAt(turn, { ...turn, files: (turn.files ?? []).map((one, at) => (at === index ? file : one)) }, now)
}

/** A bubble has waited long enough; what has not come from the agent by then can go by direct message only. */
export function stopWaiting(turn: Turn, now: number): Turn {
  const { filesUntil, lookUntil, ...rest } = turn
  const isFetching = filesUntil !== undefined && now < filesUntil
  const isLooking = lookUntil !== undefined && now < lookUntil
  const isMissed = filesUntil !== undefined && !isFetching && turn.dm === undefined
  const next: Turn = { ...rest, ...(isFetching && { filesUntil }), ...(isLooking && { lookUntil }) }
  return closableAt(turn, isMissed ? failAll(next, 'pending', 'gone', now) : next, now)
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
  return lossOf(files, translate)
}

/** Which of these files failed, and why; empty when none did. */
export function lossOf(files: readonly TurnFile[], translate: Translate): string {
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

export function fileId(turn: Turn, index: number): string {
  return `${turn.id}:file${index}`
}

/** The notice that a file was refused. */
function fileNoticeId(turn: Turn, index: number): string {
  return `${turn.id}:notice${index}`
}

function fileDelivery(turn: Turn, index: number, now: number): Delivery {
  const file = turn.files?.[index]
  if (file === undefined || turn.dm === undefined) throw new Error(`file ${index} of ${turn.id} has no way`)
  const { fileName, bytes = 0, media = 'file' } = file
  const message = { kind: 'media', media, fileName, bytes, source: { kind: 'spool', file: file.file } } as const
  return planMedia(turn, fileId(turn, index), message, now + 1 + index, turn.dm)
}
