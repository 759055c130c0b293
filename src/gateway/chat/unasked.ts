/**
 * Finds what the agent said in a session without being asked: the report of a sub-agent, or a follow-up of its own.
 *
 * Such a run has no row of a question. But most answers without a row `<runId>:user` are no reports: a question that had
 * to wait, or that was resumed after a restart, is answered under a new id. So the first answer after a question belongs
 * to that question, whoever asked it.
 */
import type { AgentFile, UnaskedFound } from '../../domain/agent.ts'
import { messageOf } from '../../errors.ts'
import type { Log } from '../../world.ts'
import { type Json, stringAt } from '../link/frames.ts'
import type { Connection } from '../link/socket.ts'
import { filesOf } from './answer-files.ts'
import { isFinalRow } from './history.ts'
import { type History, type HistoryRow } from './history-rows.ts'
import { readHistory, readWholeText, retryDelay } from './history-look.ts'

/** The runs in which a sub-agent reports to the session that started it. */
const reportRun = /^announce:/
/** A copy of what the gateway's channel plugin sent. */
const mirrorModel = 'delivery-mirror'

/** Decodes a `chat` event; undefined unless it ends a run with a message. `sessionKey` is in lower case. */
export function decodeFinal(payload: Json): { readonly sessionKey: string; readonly runId: string } | undefined {
  const sessionKey = stringAt(payload, 'sessionKey')?.toLowerCase()
  const runId = stringAt(payload, 'runId')
  const isFinal = stringAt(payload, 'state') === 'final' && payload['message'] !== undefined
  return isFinal && sessionKey !== undefined && runId !== undefined ? { sessionKey, runId } : undefined
}

interface Unasked {
  readonly runId: string
  readonly rows: readonly HistoryRow[]
}

/**
 * The answers of a history that belong to no question, oldest first. Those before its first question are not judged:
 * theirs may be in an older part of the history.
 */
export function unaskedAnswers({ rows }: History, isOwn: (runId: string) => boolean): readonly Unasked[] {
  const answered = new Set(rows.flatMap(questionOf))
  const found = new Map<string, HistoryRow[]>()
  let place: 'unknown' | 'after question' | 'after answer' = 'unknown'
  for (const row of rows) {
    if (row.role === 'reset') place = 'after answer'
    if (row.role === 'user') place = 'after question'
    if (row.role !== 'assistant' || !isFinalRow(row) || row.model === mirrorModel) continue
    const { runId = '' } = row
    if (found.has(runId)) found.get(runId)?.push(row)
    else if (reportRun.test(runId)) found.set(runId, [row])
    else if (runId === '' || answered.has(runId) || isOwn(runId)) place = 'after answer'
    else if (place === 'after answer' && !isAborted(row)) found.set(runId, [row])
    else {
      answered.add(runId)
      if (place === 'after question') place = 'after answer'
    }
  }
  return Array.from(found, ([runId, of]) => ({ runId, rows: of }))
}

function questionOf({ role, idempotencyKey }: HistoryRow): readonly string[] {
  const [, key] = role === 'user' ? (/^(.+):user$/s.exec(idempotencyKey ?? '') ?? []) : []
  return key === undefined ? [] : [key]
}

function isAborted({ runId, idempotencyKey }: HistoryRow): boolean {
  return idempotencyKey === `${runId}:assistant`
}

/** Reads the unasked answers of a session. A gateway that refuses has none. */
export async function findUnasked(
  connection: Connection,
  log: Log,
  sessionKey: string,
  isOwn: (runId: string) => boolean,
): Promise<UnaskedFound> {
  try {
    const unasked = unaskedAnswers(await readHistory(connection, sessionKey), isOwn)
    return { kind: 'found', answers: await Promise.all(unasked.map(one => readAnswer(connection, sessionKey, one))) }
  } catch (error) {
    const retryAfterMs = retryDelay(error)
    if (retryAfterMs !== undefined) return { kind: 'later', retryAfterMs }
    log.warn('what the agent said unasked could not be looked up', { error: messageOf(error) })
    return { kind: 'found', answers: [] }
  }
}

async function readAnswer(connection: Connection, sessionKey: string, { runId, rows }: Unasked) {
  const last = rows.findLast(({ text }) => text.trim() !== '')
  const text = last === undefined ? '' : await readWholeText(connection, sessionKey, last)
  const files: readonly AgentFile[] = filesOf(rows)
  return { runId, at: rows.at(-1)?.timestamp ?? 0, text, files }
}
