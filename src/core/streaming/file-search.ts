/**
 * The files of an answer that the agent hands over late.
 *
 * The end of a run tells the text. Its files enter the history after that: within a second, on a busy gateway within a
 * minute. Nothing announces them, so the history is read again and again. That must neither hold the bubble nor the next
 * question of the conversation, and it must survive a restart. So the search is a job: a list of looks, each a time after
 * the end of the run.
 *
 * - Files that the answer names are in the turn from the start, as `announced`. A look replaces them by what was found.
 *   What is still announced after the last look never came, and the user reads its name.
 * - The bubble waits for the first looks only. When it closes it says which files follow.
 * - A look finds all files that are there, also those that were found before. A file counts once, by the agent's id of it.
 */
import type { AgentFile, FileSearch } from '../../domain/agent.ts'
import { finishedJob, type Job, type JobBody } from '../../domain/job.ts'
import { hasOpenBubble, type TraceEvent, traced, type Turn, type TurnFile } from '../../domain/turn.ts'
import type { Translate } from '../notices/notices.ts'
import { planNotice, planNoticeAnyRoute } from '../fallback/plan.ts'
import { queuedJob } from '../fallback/queued.ts'
import { bubbleWaitsMs, closableAt, failAll, failed, fileId, heldUntil, lossOf, type Step } from './files.ts'
import { formatSpoolName } from './spool-name.ts'

/** When the history is read, after the end of the run. The first four are in time for the bubble. */
const looksMs = [300, 600, 1_000, 1_900, 5_000, 10_000, 30_000, 60_000]
/** The same where only a tool may have made files. */
const unlikelyLooksMs = [300, 5_000, 30_000]
/** How long a bubble is held open for looks: for files that its answer names, and where it names none. */
const holdMs = 2_000
const holdUnnamedMs = 1_000

type Others = FileSearch['others']

/** One look at what the agent hands over. Without `nextMs` it was the last one. */
export interface Look {
  readonly at: number
  readonly files: readonly AgentFile[]
  readonly others: Others
  readonly nextMs?: number
}

/** The files of an answer at the end of its run, each to be fetched where a route exists, and the search for others. */
export function planFiles(turn: Turn, found: readonly AgentFile[], search: FileSearch | undefined, now: number): Step {
  if (search === undefined) return addFound(turn, found, 'none', now)
  const { turn: next, add } = addFound(announce(turn, search.named, now), found, search.others, now)
  if (isComplete(next, search.others)) return { turn: next, add }
  const held = hasOpenBubble(next) ? { ...next, lookUntil: heldUntil(next, now, holdMs) } : next
  return { turn: held, add: [...add, searchJob(next, search, now)] }
}

/** What a look changes; undefined when that is nothing. */
export function filesFound(turn: Turn, look: Look, translate: Translate): Step | undefined {
  const { at, files: found, others, nextMs } = look
  const { turn: joined, add } = addFound(withoutExcuse(turn, found), found, others, at)
  const known = nextMs === undefined ? failAll(joined, 'announced', 'never_came', at) : joined
  const next = closableAt(turn, isHeld(known, look) ? known : withoutLook(known), at)
  const isUntold = nextMs === undefined && turn.files?.some(({ isUnsaid }) => isUnsaid) === true
  if (next === turn && !isUntold) return undefined
  if (hasOpenBubble(turn)) return { turn: next, add }
  const said = sayFailures(next, newFailures(turn, next), look, translate)
  return { turn: said.turn, add: [...add, ...said.add] }
}

/** An open bubble whose answer turns out to be a file does not say that there is no answer. */
function withoutExcuse(turn: Turn, found: readonly AgentFile[]): Turn {
  const isAnswer = turn.end === 'empty' && turn.answer !== '' && found.length > 0 && hasOpenBubble(turn)
  return isAnswer ? { ...turn, answer: '' } : turn
}

/** What remains of a search after a look: when its next look is due, or its end. */
export function afterLook(turn: Turn, job: Job, body: Extract<JobBody, { kind: 'search' }>, look: Look): Job {
  if (look.nextMs === undefined || isComplete(turn, look.others)) return finishedJob(job, undefined, look.at)
  const looksMs = remainingLooks(turn, job, body, look.at)
  return { ...job, state: 'queued', body: { ...body, looksMs }, dueAt: endOf(turn, job) + look.nextMs }
}

/** The looks of a search that are still to come. */
export function remainingLooks(
  turn: Turn,
  job: Job,
  body: Extract<JobBody, { kind: 'search' }>,
  now: number,
): readonly number[] {
  return body.looksMs.filter(ms => endOf(turn, job) + ms > now)
}

function endOf({ endedAt }: Turn, { createdAt }: Job): number {
  return endedAt ?? createdAt
}

/** Without a route no file is waited for. */
function announce(turn: Turn, named: readonly string[], now: number): Turn {
  if (named.length === 0) return turn
  const hasRoute = turn.dm !== undefined || hasOpenBubble(turn)
  const files = named.map((fileName, index): TurnFile => {
    const file = { fileName, state: 'announced', file: formatSpoolName('answer', turn.streamId, index) } as const
    return hasRoute ? file : failed(file, 'no_way')
  })
  const news = files.map(({ state, problem }) => ({ at: now, kind: 'file', state, ...(problem && { problem }) }))
  return traced({ ...turn, files }, ...news)
}

/** Adds what was not known yet; a file takes the place where the answer announced it. */
function addFound(turn: Turn, found: readonly AgentFile[], others: Others, now: number): Step {
  const files: TurnFile[] = [...(turn.files ?? [])]
  const add: Job[] = []
  const news: TraceEvent[] = []
  for (const one of found) {
    if (files.some(file => isSame(file, one))) continue
    const at = placeOf(files, one, found, others)
    const file = fresh(turn, one, at)
    files[at] = file
    const { state, problem } = file
    news.push({ at: now, kind: 'file', state: problem === undefined ? 'found' : state, ...(problem && { problem }) })
    if (state === 'pending' && one.id !== undefined) add.push(collectJob(turn, one.id, file, at, now))
  }
  if (news.length === 0) return { turn, add }
  const isWaiting = hasOpenBubble(turn) && files.some(({ state }) => state === 'pending')
  const filesUntil = turn.filesUntil ?? heldUntil(turn, now)
  return { turn: traced({ ...turn, files, ...(isWaiting && { filesUntil }) }, ...news), add }
}

/** The agent refuses files without an id. What has no route is not looked at twice. */
function isSame({ artifact, fileName, problem }: TurnFile, found: AgentFile): boolean {
  if (artifact !== undefined) return artifact === found.id
  if (fileName !== found.fileName) return false
  return problem === 'no_way' || (problem === 'withheld' && found.id === undefined)
}

/** By its name. Where all names are known, one with another name is an announced one that the agent has renamed. */
function placeOf(files: readonly TurnFile[], one: AgentFile, found: readonly AgentFile[], others: Others): number {
  const named = files.findIndex(({ state, fileName }) => state === 'announced' && fileName === one.fileName)
  if (named !== -1) return named
  const isFree = ({ state, fileName }: TurnFile) =>
    state === 'announced' && found.every(other => other.fileName !== fileName)
  const renamed = others === 'none' ? files.findIndex(isFree) : -1
  return renamed === -1 ? files.length : renamed
}

function fresh(turn: Turn, { id, fileName, mimeType }: AgentFile, index: number): TurnFile {
  const file = formatSpoolName('answer', turn.streamId, index)
  if (id === undefined) return failed({ fileName, state: 'pending', file }, 'withheld')
  const pending: TurnFile = { fileName, state: 'pending', file, artifact: id }
  const mayBeShown = hasOpenBubble(turn) && /^image\/(?:png|jpe?g)$/i.test(mimeType)
  return turn.dm === undefined && !mayBeShown ? failed(pending, 'no_way') : pending
}

function countAnnounced({ files = [] }: Turn): number {
  return files.filter(({ state }) => state === 'announced').length
}

/** No more files can come than are known. */
function isComplete(turn: Turn, others: Others): boolean {
  return others === 'none' && countAnnounced(turn) === 0
}

/** Whether the bubble still waits for a look. */
function isHeld(turn: Turn, { nextMs, others }: Look): boolean {
  if (nextMs === undefined || isComplete(turn, others)) return false
  return countAnnounced(turn) > 0 || nextMs <= holdUnnamedMs
}

function withoutLook(turn: Turn): Turn {
  if (turn.lookUntil === undefined) return turn
  const { lookUntil: _, ...rest } = turn
  return rest
}

function newFailures(before: Turn, { files = [] }: Turn): readonly number[] {
  return files.flatMap(({ state }, index) =>
    state === 'failed' && before.files?.[index]?.state !== 'failed' ? [index] : [],
  )
}

/** No bubble says which files failed: a direct message does at once, a response_url when the search is over. */
function sayFailures(turn: Turn, failures: readonly number[], look: Look, translate: Translate): Step {
  const { at, nextMs, others } = look
  const [first] = failures
  if (turn.dm !== undefined) {
    if (first === undefined) return { turn, add: [] }
    const loss = lossOf(turn.files?.filter((_, index) => failures.includes(index)) ?? [], translate)
    return { turn, add: planNotice(turn, loss, at, translate, fileId(turn, first)) }
  }
  const files = (turn.files ?? []).map((file, index) =>
    failures.includes(index) ? { ...file, isUnsaid: true as const } : file,
  )
  const unsaid = files.filter(({ isUnsaid }) => isUnsaid === true)
  const isOver = nextMs === undefined || isComplete(turn, others)
  // An answer that moved has used the response_url.
  if (!isOver || unsaid.length === 0 || turn.state === 'moved') return { turn: { ...turn, files }, add: [] }
  const add = planNoticeAnyRoute(turn, lossOf(unsaid, translate), at, translate)
  return { turn: { ...turn, files: add.length === 0 ? files : files.map(asSaid) }, add }
}

function asSaid(file: TurnFile): TurnFile {
  const { isUnsaid: _, ...said } = file
  return said
}

function searchJob(turn: Turn, { runIds, others }: FileSearch, now: number): Job {
  const looks = others === 'unlikely' ? unlikelyLooksMs : looksMs
  const lastAt = now + (looks.at(-1) ?? 0)
  return queuedJob(turn, {
    id: `${turn.id}:search`,
    queue: 'media',
    body: { kind: 'search', sessionKey: turn.sessionKey, runIds, others, looksMs: looks },
    dueAt: now + (looks[0] ?? 0),
    expiresAt: Math.max(lastAt, now + (turn.dm?.deliverWithinMs ?? 0)),
  })
}

function collectJob(turn: Turn, artifact: string, { file }: TurnFile, index: number, now: number): Job {
  return queuedJob(turn, {
    id: `${turn.id}:collect${index}`,
    queue: 'media',
    body: { kind: 'collect', artifact, sessionKey: turn.sessionKey, file },
    // One after the other: so the files arrive in the order of the answer, and its first pictures are in the bubble.
    lane: `${turn.id}:files`,
    order: index,
    dueAt: now,
    expiresAt: now + (turn.dm?.deliverWithinMs ?? bubbleWaitsMs),
  })
}
