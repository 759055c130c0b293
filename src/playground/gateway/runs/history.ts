import type { Block, StoredFile } from '../files/blocks.ts'
import type { Params } from '../frames.ts'
import type { ChatFile, ChatSendParams } from '../files/media.ts'
import type { EchoRunState, EchoRunEnd } from './run.ts'

export interface Row {
  readonly role: 'user' | 'assistant' | 'system' | 'custom'
  readonly content: string | readonly Block[]
  readonly timestamp: number
  readonly idempotencyKey?: string
  readonly stopReason?: string
  readonly model?: string
  readonly provenance?: Params
  readonly __openclaw: Params
}

/** An accepted message that has no row yet. */
export interface Queued extends ChatSendParams {
  readonly key: string
  readonly acceptedAt: number
  readonly scopes?: readonly string[]
}

/** A session on disk, which survives a crash: transcript, running turn, and accepted messages without a row. */
export interface Session {
  readonly key: string
  readonly agentId: string
  readonly sessionId: string
  readonly rows: Row[]
  readonly files: StoredFile[]
  /** The message of the turn that is running or was interrupted. */
  running?: ChatSendParams
  /** Accepted messages without a row, in a session that already had rows. */
  readonly pending: Queued[]
  /** Messages that were pending when a process died. Their keys can never be used again. */
  readonly interrupted: Queued[]
  /** The model set by a command. */
  model?: string
  status?: 'running' | 'done' | 'failed' | 'killed'
  abortedLastRun: boolean
}

export interface Disk {
  readonly sessions: Map<string, Session>
  /** Workspace files by agent id. */
  readonly agents: Map<string, Map<string, string>>
}

/** The in-memory state of a session. */
export interface Present {
  readonly run: EchoRunState | undefined
  /** The runId under which an interrupted turn will be resumed. */
  readonly resuming: string | undefined
  readonly queued: readonly Queued[]
}

const longestText = 500_000

/** Normalizes a session key like OpenClaw: lowercase, and in the main agent's scope if it names no agent. */
export function normaliseKey(sessionKey: string): string {
  const lower = sessionKey.toLowerCase()
  return lower.startsWith('agent:') ? lower : `agent:main:${lower}`
}

/** Finds or creates a session. */
export function openSession(disk: Disk, key: string, newId: () => string): Session {
  const found = disk.sessions.get(key)
  if (found) return found
  const agentId = key.split(':')[1] ?? 'main'
  const empty = { rows: [], files: [], pending: [], interrupted: [], abortedLastRun: false }
  const session: Session = { key, agentId, sessionId: newId(), ...empty }
  disk.sessions.set(key, session)
  return session
}

export function removePending(session: Session, key: string): void {
  const index = session.pending.findIndex(one => one.key === key)
  if (index >= 0) session.pending.splice(index, 1)
}

export function findRow(disk: Disk, sessionKey: string, id: string): Row | undefined {
  return disk.sessions.get(sessionKey)?.rows.find(row => idOf(row) === id)
}

export function userRow(
  { message, media }: ChatSendParams,
  timestamp: number,
  key: string,
  more: Partial<Row> = {},
): Row {
  const idempotencyKey = `${key}:user`
  const meta = {
    id: `row-${idempotencyKey}`,
    idempotencyKey,
    ...(media.length > 0 && { media: media.map(describeMedium) }),
  }
  return { role: 'user', content: message, timestamp, idempotencyKey, __openclaw: meta, ...more }
}

/** Describes an attachment like OpenClaw, plus its hash for tests. */
function describeMedium({ fileName, mimeType: contentType, bytes: sizeBytes, sha256 }: ChatFile): object {
  const kind = /^(?:image|audio|video)(?=\/)/.exec(contentType)?.[0] ?? 'document'
  return { url: `media://inbound/${sha256}`, contentType, kind, fileName, sizeBytes, sha256 }
}

/** The user row of a turn that is resumed after a restart. */
export function resumeRow(runId: string, sessionKey: string, timestamp: number): Row {
  const message = '[System] Your previous turn was interrupted by a gateway restart. Continue and finish the request.'
  const sourceTool = 'main_session_restart_recovery'
  const provenance = { kind: 'internal_system', sourceSessionKey: sessionKey, sourceTool }
  return userRow({ message, media: [] }, timestamp, runId, { provenance })
}

/** The assistant row of an ended run. A run aborted before its first text has none. */
export function endRow(end: EchoRunEnd, runId: string): Row | undefined {
  const row = { role: 'assistant', timestamp: end.endedAt, __openclaw: { id: `row-${runId}`, runId } } as const
  if (end.state === 'error') {
    const content = [{ type: 'text', text: `⚠️ ${end.error}` }] as const
    return { ...row, content, idempotencyKey: `${runId}:terminal-error`, stopReason: 'error' }
  }
  if (end.state === 'final') return { ...row, content: contentOf(end.text), stopReason: 'stop' }
  if (end.text === '') return undefined
  return { ...row, content: contentOf(end.text), idempotencyKey: `${runId}:assistant`, stopReason: 'stop' }
}

/** Adds files to the row of a run, a moment after the run has ended. Without a text they are all of the row. */
export function addFiles({ rows }: Session, runId: string, files: readonly Block[]): void {
  const at = rows.findLastIndex(({ role, __openclaw: meta }) => role === 'assistant' && meta['runId'] === runId)
  const row = rows[at]
  if (row === undefined) return
  const before = typeof row.content === 'string' ? contentOf(row.content) : row.content
  rows[at] = { ...row, content: [...before, ...files] }
}

export const superseded = 'Error: prepared model runtime plugin generation was superseded'

/** What OpenClaw writes of a run that it ends before it has begun. */
export function earlyEndRows(
  asked: ChatSendParams & { key: string },
  errorMessage: string,
  at: number,
): readonly Row[] {
  const content = `This turn ended before a reply: ${errorMessage}`
  const end: Row = { role: 'custom', content, timestamp: at, __openclaw: { id: `row-${asked.key}:ended` } }
  return [userRow(asked, at, asked.key), end]
}

export function resetRow(timestamp: number, id: string): Row {
  return { role: 'system', content: [{ type: 'text', text: 'Reset' }], timestamp, __openclaw: { kind: 'reset', id } }
}

/** The payload of `chat.history`. */
export function describeHistory(
  key: string,
  session: Session | undefined,
  { run, resuming, queued }: Present,
  limits: { readonly rows: number; readonly chars: number },
): object {
  const rows = session?.rows ?? []
  const runId = run?.spec.runId ?? resuming
  const items = [
    ...(session?.interrupted ?? []).map(one => describePending(one, 'interrupted')),
    ...queued.map(one => describePending(one, 'queued')),
  ]
  return {
    sessionKey: key,
    ...(session ? { sessionId: session.sessionId } : {}),
    messages: rows.slice(-limits.rows).map(row => cutRow(row, limits.chars)),
    pendingInputs: { items, total: items.length },
    hasMore: rows.length > limits.rows,
    totalMessages: rows.length,
    sessionInfo: {
      key,
      hasActiveRun: runId !== undefined,
      activeRunIds: runId === undefined ? [] : [runId],
      ...(session?.status ? { status: session.status, abortedLastRun: session.abortedLastRun } : {}),
    },
    ...(run ? { inFlightRun: { runId, text: run.text(), startedAt: run.startedAt } } : {}),
  }
}

/** Truncates a long text, and replaces one that is too large to display. */
function cutRow(row: Row, chars: number): Row {
  const text = typeof row.content === 'string' ? row.content : row.content.map(part => part.text ?? '').join('')
  if (text.length <= chars) return row
  const shown = text.length > longestText ? '[message omitted: too large for display]' : text.slice(0, chars)
  const cut = text.length > longestText ? shown : `${shown}\n...(truncated)...`
  const files = typeof row.content === 'string' ? [] : row.content.filter(({ type }) => type !== 'text')
  const content = typeof row.content === 'string' ? cut : [...contentOf(cut), ...files]
  const { __openclaw: meta } = row
  return { ...row, content, __openclaw: { ...meta, truncated: true, reason: 'display-cap' } }
}

function describePending({ key, message, acceptedAt }: Queued, state: string): object {
  return { id: `pending-${key}`, acceptedAt, state, message: { role: 'user', content: message }, runId: key }
}

function idOf({ __openclaw: { id } }: Row): unknown {
  return id
}

function contentOf(text: string): readonly Block[] {
  return text === '' ? [] : [{ type: 'text', text }]
}
