import type { AgentFile } from '../../domain/agent.ts'
import { decodeFiles } from './file-blocks.ts'
import { type Json, listAt, numberAt, objectAt, stringAt, stringsAt } from '../link/frames.ts'

/** One row of `chat.history` that matters here. */
export interface HistoryRow {
  readonly role: 'user' | 'assistant' | 'reset' | 'other'
  readonly id?: string
  readonly text: string
  readonly files: readonly AgentFile[]
  readonly timestamp: number
  readonly idempotencyKey?: string
  readonly stopReason?: string
  readonly runId?: string
  /** Written by the gateway itself, such as the row that resumes an interrupted turn. */
  readonly isInternal: boolean
}

/** What the gateway knows of a session: rows, oldest first, and what runs in it. */
export interface History {
  readonly rows: readonly HistoryRow[]
  readonly isActive: boolean
  readonly inFlight?: { readonly runId: string; readonly text: string }
  readonly activeRunIds: readonly string[]
  /** Messages that wait behind a running turn, by the key they were sent with. */
  readonly pending: ReadonlyMap<string, string>
}

export function decodeHistory(payload: Json): History {
  const session = objectAt(payload, 'sessionInfo')
  const running = objectAt(payload, 'inFlightRun')
  const runId = stringAt(running, 'runId')
  const items = listAt(objectAt(payload, 'pendingInputs'), 'items')
  return {
    rows: listAt(payload, 'messages').map(decodeRow),
    isActive: session['hasActiveRun'] === true || runId !== undefined,
    ...(runId !== undefined && { inFlight: { runId, text: stringAt(running, 'text') ?? '' } }),
    activeRunIds: stringsAt(session, 'activeRunIds'),
    pending: new Map(items.map(item => [stringAt(item, 'runId') ?? '', stringAt(item, 'state') ?? ''])),
  }
}

function decodeRow(row: Json): HistoryRow {
  const more = objectAt(row, '__openclaw')
  const id = stringAt(more, 'id')
  const idempotencyKey = stringAt(row, 'idempotencyKey')
  const stopReason = stringAt(row, 'stopReason')
  const runId = stringAt(more, 'runId')
  return {
    role: decodeRole(row, more),
    text: textOf(row),
    files: decodeFiles(row),
    timestamp: numberAt(row, 'timestamp') ?? 0,
    isInternal: stringAt(objectAt(row, 'provenance'), 'kind') === 'internal_system',
    ...(id !== undefined && { id }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(stopReason !== undefined && { stopReason }),
    ...(runId !== undefined && { runId }),
  }
}

function decodeRole(row: Json, more: Json): HistoryRow['role'] {
  if (more['kind'] === 'reset') return 'reset'
  const role = stringAt(row, 'role')
  return role === 'user' || role === 'assistant' ? role : 'other'
}

/** The text of a message, whose content is a string or a list of blocks. */
export function textOf(message: Json): string {
  const content = message['content']
  if (typeof content === 'string') return content
  return listAt(message, 'content')
    .filter(block => block['type'] === 'text')
    .map(block => stringAt(block, 'text') ?? '')
    .join('')
}

/** What is known of our question besides the history. */
export interface HistoryContext {
  readonly key: string
  /** The runs that are known to answer the question: its key, and those adopted since. */
  readonly runIds: ReadonlySet<string>
  readonly now: number
  readonly bootId: string
  readonly asked?: { readonly at: number; readonly bootId: string }
  /** This process has the gateway's word, given in this boot, that the question is taken. */
  readonly isTaken: boolean
  /** When our run ended without a word while it may only have been queued. */
  readonly emptyEndAt?: number
  /** That run may still get files. */
  readonly mayGetFiles?: boolean
  /** Since when nothing was seen to happen. */
  readonly quietSince: number
}

/** What to do next about our question. */
export type NextStep =
  | { readonly kind: 'ask'; readonly key: string }
  /** Something else runs in the session; asking now would mix two turns. */
  | { readonly kind: 'occupied' }
  | { readonly kind: 'follow'; readonly runId?: string; readonly text?: string }
  /** Nothing to see yet. */
  | { readonly kind: 'wait' }
  /** `earlier`: what the run had said when somebody else wrote into it; it is part of the answer. */
  | { readonly kind: 'answered'; readonly row: HistoryRow; readonly earlier: readonly HistoryRow[] }
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'stopped'; readonly row: HistoryRow }
  | { readonly kind: 'empty' }
  | { readonly kind: 'lost' }

/** A question that left its row but no run and no answer is given up after this. */
const quietLimitMs = 60_000
/** An end without a word counts as empty when nothing follows for this long. */
const emptyLimitMs = 5_000
/** Files of an answer are in its row by then, or do not come. */
export const filesWithinMs = 2_000

/** Decides from the history, which survives restarts, so that one question is never asked twice. */
export function nextStep(history: History, standpoint: HistoryContext): NextStep {
  const keys = keysOf(history, standpoint.key)
  const at = { ...standpoint, key: keys.at(-1) ?? standpoint.key, runIds: new Set([...standpoint.runIds, ...keys]) }
  const own = ownRow(history, keys)
  return own === -1 ? stepWithoutRow(history, at) : stepAfterRow(history, own, at)
}

/** All that the assistant wrote about our question, also before it used a tool. */
export function answerRows(
  history: History,
  { key, runIds }: Pick<HistoryContext, 'key' | 'runIds'>,
): readonly HistoryRow[] {
  const own = ownRow(history, keysOf(history, key))
  const ours = own === -1 ? [] : untilNextUser(history.rows.slice(own + 1))
  return history.rows.filter(row => row.role === 'assistant' && (ours.includes(row) || runIds.has(row.runId ?? '')))
}

function ownRow({ rows }: History, keys: readonly string[]): number {
  return rows.findLastIndex(row => row.role === 'user' && keys.some(key => row.idempotencyKey === `${key}:user`))
}

function untilNextUser(rows: readonly HistoryRow[]): readonly HistoryRow[] {
  const nextUser = rows.findIndex(row => row.role === 'user' && !row.isInternal)
  return nextUser === -1 ? rows : rows.slice(0, nextUser)
}

/**
 * The keys under which a question was asked, the last one still good. What a gateway had taken when it died, but not yet
 * written down, stays "interrupted", and its key is refused for ever: the question goes on as `<key>#2`, `<key>#3` …
 */
function keysOf(history: History, key: string): readonly string[] {
  const keys = [key]
  while (history.pending.get(keys.at(-1) ?? key) === 'interrupted') keys.push(`${key}#${keys.length + 1}`)
  return keys
}

function stepAfterRow(history: History, own: number, at: HistoryContext): NextStep {
  if (isRunning(history, at)) return { kind: 'follow', ...history.inFlight }
  const after = history.rows.slice(own + 1)
  const known = after.filter(row => at.runIds.has(row.runId ?? row.idempotencyKey ?? ''))
  const answer = answerAmong(known)
  if (answer !== undefined) return stepOfRow(answer, earlierOf(known, answer))
  // Our run has ended without a word, and its empty row says that it was not only queued.
  if (at.emptyEndAt !== undefined && known.length > 0) {
    return at.mayGetFiles === true && at.now - at.emptyEndAt < filesWithinMs ? { kind: 'wait' } : { kind: 'empty' }
  }
  const ours = untilNextUser(after)
  const isLast = ours.length === after.length
  if (history.isActive && isLast) return { kind: 'follow', ...history.inFlight }
  const last = answerAmong(ours)
  if (last !== undefined) return stepOfRow(last)
  const isOver = (!isLast || !history.isActive) && at.now - at.quietSince >= emptyLimitMs
  return isOver && ours.some(isWordless) ? { kind: 'empty' } : stepInSilence(at)
}

function isRunning(history: History, at: HistoryContext): boolean {
  return at.runIds.has(history.inFlight?.runId ?? '') || history.activeRunIds.some(runId => at.runIds.has(runId))
}

/** What was said last, else the last that is nothing but files. */
function answerAmong(rows: readonly HistoryRow[]): HistoryRow | undefined {
  const ends = rows.filter(isEnd)
  return ends.findLast(row => row.text.trim() !== '') ?? ends.findLast(row => row.files.length > 0)
}

/** A run into which somebody else writes answers once more; before that it had come to an end that it says no more. */
function earlierOf(rows: readonly HistoryRow[], last: HistoryRow): readonly HistoryRow[] {
  const before = rows.slice(0, rows.indexOf(last)).filter(isEnd)
  return before.filter(({ runId, stopReason, idempotencyKey, text }) => {
    const isWhole = stopReason === 'stop' && idempotencyKey === undefined && text.trim() !== ''
    return isWhole && runId !== undefined && runId === last.runId
  })
}

/** What an assistant said before it used a tool is not its answer. */
function isEnd(row: HistoryRow): boolean {
  return row.role === 'assistant' && row.stopReason !== 'toolUse'
}

/** A run that ended without a word leaves such a row, unless the gateway asks the model again. */
function isWordless(row: HistoryRow): boolean {
  return isEnd(row) && row.text.trim() === ''
}

/** Only what was said before an abort has a key of its own; a resumed run is aborted under its own id. */
function stepOfRow(row: HistoryRow, earlier: readonly HistoryRow[] = []): NextStep {
  if (row.stopReason === 'error') return { kind: 'failed', text: '' }
  if (row.idempotencyKey === `${row.runId}:assistant`) return { kind: 'stopped', row }
  return { kind: 'answered', row, earlier }
}

function stepWithoutRow(history: History, at: HistoryContext): NextStep {
  if (isRunning(history, at)) return { kind: 'follow', ...history.inFlight }
  if (history.pending.get(at.key) === 'queued') return { kind: 'follow' }
  const elseOrAsk: NextStep = history.isActive ? { kind: 'occupied' } : { kind: 'ask', key: at.key }
  if (at.asked === undefined) return elseOrAsk
  const { asked } = at
  if (history.rows.some(row => row.role === 'reset' && row.timestamp >= asked.at)) return { kind: 'lost' }
  // Taken, and perhaps just now taken out of the queue: what runs may be ours before our message is written down.
  if (asked.bootId === at.bootId && at.isTaken) return history.isActive ? { kind: 'follow' } : stepInSilence(at)
  return elseOrAsk
}

function stepInSilence(at: HistoryContext): NextStep {
  const emptySince = at.emptyEndAt === undefined ? Infinity : Math.max(at.emptyEndAt, at.quietSince)
  if (at.now - emptySince >= emptyLimitMs) return { kind: 'empty' }
  return at.now - at.quietSince >= quietLimitMs ? { kind: 'lost' } : { kind: 'wait' }
}
