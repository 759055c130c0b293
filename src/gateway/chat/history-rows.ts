import type { AgentFile } from '../../domain/agent.ts'
import { decodeFiles } from './file-blocks.ts'
import { type Json, listAt, numberAt, objectAt, stringAt, stringsAt } from '../link/frames.ts'

/** One row of `chat.history`, reduced to the fields that decide the next step. */
export interface HistoryRow {
  readonly role: 'user' | 'assistant' | 'reset' | 'other'
  readonly id?: string
  readonly text: string
  readonly files: readonly AgentFile[]
  readonly timestamp: number
  readonly idempotencyKey?: string
  readonly stopReason?: string
  readonly runId?: string
  readonly model?: string
  /** True for rows the gateway wrote itself, such as the one that resumes an interrupted turn. */
  readonly isInternal: boolean
}

/** The gateway's view of a session: its rows, oldest first, and its active run. */
export interface History {
  readonly rows: readonly HistoryRow[]
  readonly isActive: boolean
  readonly inFlight?: { readonly runId: string; readonly text: string }
  readonly activeRunIds: readonly string[]
  /** Messages queued after a running turn: the key each was sent with, and its state. */
  readonly pending: ReadonlyMap<string, string>
}

/** Decodes the payload of `chat.history`. Unknown or missing fields read as empty. */
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
  const model = stringAt(row, 'model')
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
    ...(model !== undefined && { model }),
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
