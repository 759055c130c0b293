/**
 * Decides the next step for one question from the history of its session.
 *
 * A question must reach the agent exactly once, because a second run would use its tools a second time. But wecomd, the
 * gateway and the link between them can each fail at any moment. The gateway ignores a repeated `idempotencyKey`, but it
 * keeps keys in memory only: they expire five minutes after the run ends, and a restart clears them all. So the key
 * fails exactly when something else failed before. The history survives a restart, and an accepted question is a row in
 * it with the key `<key>:user`. Therefore the history decides.
 *
 * Reading the history is harder than finding that row:
 *
 * - The row is late: 0.15 to 0.3 s after the ack, up to 3 s in a cold process. A missing row means "wait" if the current
 *   boot has acknowledged the question to this process (`acceptedKey`). Otherwise the question may be asked.
 * - A gateway killed between ack and row leaves nothing, so the same key can be used again. Or it leaves a pending input
 *   marked `interrupted`, and rejects that key from then on. The question then continues as `<key>#2`, `<key>#3` …
 * - A gateway whose config changes ends runs that have not begun. Such a question is asked again under the next key, too.
 * - The run that answers may have an id we don't know. A question queued after another run starts under a random id, and
 *   so does a run that the gateway resumes after a restart.
 * - Other clients use the same session. While our row is missing, an active run is theirs. After our row it is ours, as
 *   long as no other user's row follows. A client that writes into our run splits the answer into two rows.
 * - An end without text has three meanings: an empty answer, an answer of nothing but files, whose blocks enter the row
 *   some time later, or a question that was only queued.
 * - A reset hides all earlier rows. Nobody can know whether our question was answered, so it is reported as lost.
 * - A gateway killed before the run began leaves our row with nothing after it, for good. Silence for 60 s means lost.
 *
 * `nextStep` is pure. The same function serves the first ask, a reconnect, and a restart of either side.
 * docs/protocol-gateway.md has the measurements, docs/adr/0004-the-history-decides.md the decision.
 */
import type { History, HistoryRow } from './history-rows.ts'
import { isAskedAgain, keysOf } from './question-keys.ts'

/** Everything known about the question that is not in the history. Times are epoch milliseconds. */
export interface HistoryContext {
  readonly key: string
  /** The runs known to answer the question: its key, and the runs adopted since. */
  readonly runIds: ReadonlySet<string>
  readonly now: number
  readonly bootId: string
  readonly asked?: { readonly at: number; readonly bootId: string }
  /** The key under which the gateway acknowledged the question to this process, in its current boot. */
  readonly acceptedKey?: string
  /** Keys of ours whose runs ended because the gateway's config changed before they had begun. */
  readonly superseded: ReadonlySet<string>
  /** When our run ended without text. It may only have been queued. */
  readonly emptyEndAt?: number
  /** True while that run may still get files. */
  readonly mayGetFiles?: boolean
  /** Time of the last sign of life from our run. */
  readonly quietSince: number
}

/** The next step for our question. */
export type NextStep =
  | { readonly kind: 'ask'; readonly key: string }
  /** Another run is active in the session. Asking now would mix two turns. */
  | { readonly kind: 'occupied' }
  | { readonly kind: 'follow'; readonly runId?: string; readonly text?: string }
  /** Nothing to act on yet. */
  | { readonly kind: 'wait' }
  /** `earlier`: text of the same run from before another client wrote into it. It is part of the answer. */
  | { readonly kind: 'answered'; readonly row: HistoryRow; readonly earlier: readonly HistoryRow[] }
  /** `error`: what the gateway wrote into the session about it. */
  | { readonly kind: 'failed'; readonly text: string; readonly error: string }
  | { readonly kind: 'stopped'; readonly row: HistoryRow }
  | { readonly kind: 'empty' }
  | { readonly kind: 'lost' }

/** A question with a row but without a run or an answer is lost after this. */
const quietLimitMs = 60_000
/** An end without text counts as an empty answer when nothing follows for this long. */
const emptyLimitMs = 5_000
/** An end without text waits this long for the files of an answer that has no text. */
const emptyFilesMs = 2_000

/** Returns the next step for the question. Pure; safe to call again with the same or a newer history. */
export function nextStep(history: History, context: HistoryContext): NextStep {
  const keys = keysOf(history, context.key, context.superseded)
  const resolved = { ...context, key: keys.at(-1) ?? context.key, runIds: new Set([...context.runIds, ...keys]) }
  const question = questionIndex(history, isAskedAgain(history, keys, context.superseded) ? keys.slice(-1) : keys)
  return question === -1 ? stepWithoutRow(history, resolved) : stepAfterRow(history, question, resolved)
}

/** All rows the assistant wrote for our question, including those before a tool call. */
export function answerRows(
  history: History,
  { key, runIds }: Pick<HistoryContext, 'key' | 'runIds'>,
): readonly HistoryRow[] {
  const question = questionIndex(history, keysOf(history, key, new Set()))
  const ours = question === -1 ? [] : beforeNextUser(history.rows.slice(question + 1))
  return history.rows.filter(row => {
    if (row.role !== 'assistant' || isMediaOfOther(history, row, runIds)) return false
    return ours.includes(row) || runIds.has(row.runId ?? mediaOwner(row) ?? '')
  })
}

/** The run of a row that has nothing but late files of an answer; such a row may follow the next question. */
function mediaOwner({ idempotencyKey = '' }: HistoryRow): string | undefined {
  return /^(.+):assistant-media(?::\d+)?$/s.exec(idempotencyKey)?.[1]
}

function isMediaOfOther({ rows }: History, row: HistoryRow, runIds: ReadonlySet<string>): boolean {
  const owner = mediaOwner(row)
  if (owner === undefined || runIds.has(owner)) return false
  return rows.some(({ idempotencyKey }) => idempotencyKey === `${owner}:user`)
}

function questionIndex({ rows }: History, keys: readonly string[]): number {
  return rows.findLastIndex(row => row.role === 'user' && keys.some(key => row.idempotencyKey === `${key}:user`))
}

function beforeNextUser(rows: readonly HistoryRow[]): readonly HistoryRow[] {
  const nextUser = rows.findIndex(row => row.role === 'user' && !row.isInternal)
  return nextUser === -1 ? rows : rows.slice(0, nextUser)
}

function stepAfterRow(history: History, question: number, context: HistoryContext): NextStep {
  if (isRunning(history, context)) return { kind: 'follow', ...history.inFlight }
  const after = history.rows.slice(question + 1).filter(row => !isMediaOfOther(history, row, context.runIds))
  const known = after.filter(row => context.runIds.has(row.runId ?? row.idempotencyKey ?? ''))
  const answer = answerOf(known)
  if (answer !== undefined) return stepForAnswer(answer, earlierParts(known, answer))
  // Our run ended without text. It was not merely queued, because then it would have no row.
  if (context.emptyEndAt !== undefined && known.length > 0) {
    return context.mayGetFiles === true && context.now - context.emptyEndAt < emptyFilesMs
      ? { kind: 'wait' }
      : { kind: 'empty' }
  }
  const ours = beforeNextUser(after)
  const isLast = ours.length === after.length
  if (history.isActive && isLast) return { kind: 'follow', ...history.inFlight }
  const last = answerOf(ours)
  if (last !== undefined) return stepForAnswer(last)
  const isOver = (!isLast || !history.isActive) && context.now - context.quietSince >= emptyLimitMs
  return isOver && ours.some(isEmptyFinalRow) ? { kind: 'empty' } : stepWhenQuiet(context)
}

function isRunning(history: History, context: HistoryContext): boolean {
  return (
    context.runIds.has(history.inFlight?.runId ?? '') || history.activeRunIds.some(runId => context.runIds.has(runId))
  )
}

/** The last row with text, or else the last one with only files. */
function answerOf(rows: readonly HistoryRow[]): HistoryRow | undefined {
  const ends = rows.filter(isFinalRow)
  return ends.findLast(row => row.text.trim() !== '') ?? ends.findLast(row => row.files.length > 0)
}

/**
 * When another client writes into our run, the model answers both messages but does not repeat what it had already
 * written. These rows are the part from before.
 */
function earlierParts(rows: readonly HistoryRow[], last: HistoryRow): readonly HistoryRow[] {
  const before = rows.slice(0, rows.indexOf(last)).filter(isFinalRow)
  return before.filter(({ runId, stopReason, idempotencyKey, text }) => {
    const isWhole = stopReason === 'stop' && idempotencyKey === undefined && text.trim() !== ''
    return isWhole && runId !== undefined && runId === last.runId
  })
}

/** Text before a tool call is not the answer. */
export function isFinalRow(row: HistoryRow): boolean {
  return row.role === 'assistant' && row.stopReason !== 'toolUse'
}

/** A run that ended without text leaves such a row. It also appears while the gateway asks the model a second time. */
function isEmptyFinalRow(row: HistoryRow): boolean {
  return isFinalRow(row) && row.text.trim() === ''
}

/** Only the text of an aborted run has a key of its own: `<runId>:assistant`. */
function stepForAnswer(row: HistoryRow, earlier: readonly HistoryRow[] = []): NextStep {
  if (row.stopReason === 'error') return { kind: 'failed', text: '', error: row.text }
  if (row.idempotencyKey === `${row.runId}:assistant`) return { kind: 'stopped', row }
  return { kind: 'answered', row, earlier }
}

function stepWithoutRow(history: History, context: HistoryContext): NextStep {
  if (isRunning(history, context)) return { kind: 'follow', ...history.inFlight }
  if (history.pending.get(context.key) === 'queued') return { kind: 'follow' }
  const waitOrAsk: NextStep = history.isActive ? { kind: 'occupied' } : { kind: 'ask', key: context.key }
  if (context.asked === undefined) return waitOrAsk
  const { asked } = context
  if (history.rows.some(row => row.role === 'reset' && row.timestamp >= asked.at)) return { kind: 'lost' }
  // Accepted, perhaps just dequeued: the active run may be ours although our row is not written yet.
  if (asked.bootId === context.bootId && context.acceptedKey === context.key)
    return history.isActive ? { kind: 'follow' } : stepWhenQuiet(context)
  return waitOrAsk
}

function stepWhenQuiet(context: HistoryContext): NextStep {
  const emptySince = context.emptyEndAt === undefined ? Infinity : Math.max(context.emptyEndAt, context.quietSince)
  if (context.now - emptySince >= emptyLimitMs) return { kind: 'empty' }
  return context.now - context.quietSince >= quietLimitMs ? { kind: 'lost' } : { kind: 'wait' }
}
