import type { Params } from './echo-frames.ts'
import type { Run, RunEnd } from './echo-run.ts'

export interface Row {
  readonly role: 'user' | 'assistant' | 'system'
  readonly content: string | readonly { readonly type: 'text'; readonly text: string }[]
  readonly timestamp: number
  readonly idempotencyKey?: string
  readonly stopReason?: string
  readonly provenance?: Params
  readonly __openclaw: Params
}

/** A message that was accepted and has no row yet. */
export interface Queued {
  readonly key: string
  readonly message: string
  readonly acceptedAt: number
}

/** What survives the death of a gateway: its transcripts, and which turn was running. */
export interface Session {
  readonly key: string
  readonly agentId: string
  readonly sessionId: string
  readonly rows: Row[]
  /** The message of the turn that runs or was cut off. */
  running?: string
  /** Accepted in a session that had rows before; its own row is not written yet. */
  accepted?: Queued
  status?: 'running' | 'done' | 'failed' | 'killed'
  abortedLastRun: boolean
}

export interface Disk {
  readonly sessions: Map<string, Session>
  readonly agents: Set<string>
}

/** What only the living process knows of a session. */
export interface Present {
  readonly run: Run | undefined
  /** The runId under which an interrupted turn will go on. */
  readonly resuming: string | undefined
  readonly queued: readonly Queued[]
}

/** The gateway's own spelling of a key: lower case, and scoped to the main agent when no agent is named. */
export function normaliseKey(sessionKey: string): string {
  const lower = sessionKey.toLowerCase()
  return lower.startsWith('agent:') ? lower : `agent:main:${lower}`
}

/** Finds the session or makes it. */
export function openSession(disk: Disk, key: string, newId: () => string): Session {
  const found = disk.sessions.get(key)
  if (found) return found
  const agentId = key.split(':')[1] ?? 'main'
  const session: Session = { key, agentId, sessionId: newId(), rows: [], abortedLastRun: false }
  disk.sessions.set(key, session)
  return session
}

export function userRow(message: string, timestamp: number, key: string, more: Partial<Row> = {}): Row {
  const idempotencyKey = `${key}:user`
  return { role: 'user', content: message, timestamp, idempotencyKey, __openclaw: { idempotencyKey }, ...more }
}

/** The user row of a turn that goes on after a restart. */
export function resumeRow(runId: string, sessionKey: string, timestamp: number): Row {
  const text = '[System] Your previous turn was interrupted by a gateway restart. Continue and finish the request.'
  const sourceTool = 'main_session_restart_recovery'
  const provenance = { kind: 'internal_system', sourceSessionKey: sessionKey, sourceTool }
  return userRow(text, timestamp, runId, { provenance })
}

/** The assistant's row of a run that ended; an abort before the first word leaves none. */
export function endRow(end: RunEnd, runId: string): Row | undefined {
  const row = { role: 'assistant', timestamp: end.endedAt, __openclaw: { runId } } as const
  if (end.state === 'error') {
    const content = [{ type: 'text', text: `⚠️ ${end.error}` }] as const
    return { ...row, content, idempotencyKey: `${runId}:terminal-error`, stopReason: 'error' }
  }
  if (end.state === 'final') return { ...row, content: contentOf(end.text), stopReason: 'stop' }
  if (end.text === '') return undefined
  return { ...row, content: contentOf(end.text), idempotencyKey: `${runId}:assistant`, stopReason: 'stop' }
}

export function resetRow(timestamp: number, id: string): Row {
  return { role: 'system', content: [{ type: 'text', text: 'Reset' }], timestamp, __openclaw: { kind: 'reset', id } }
}

/** The payload of `chat.history`. */
export function describeHistory(key: string, session: Session | undefined, present: Present, limit: number): object {
  const { run, resuming, queued } = present
  const rows = session?.rows ?? []
  const runId = run?.spec.runId ?? resuming
  const interrupted = !run && session?.accepted ? [session.accepted] : []
  const items = [
    ...interrupted.map(one => describePending(one, 'interrupted')),
    ...queued.map(one => describePending(one, 'queued')),
  ]
  return {
    sessionKey: key,
    ...(session ? { sessionId: session.sessionId } : {}),
    messages: rows.slice(-limit),
    pendingInputs: { items, total: items.length },
    hasMore: rows.length > limit,
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

function describePending({ key, message, acceptedAt }: Queued, state: string): object {
  return { id: `pending-${key}`, acceptedAt, state, message: { role: 'user', content: message }, runId: key }
}

function contentOf(text: string): readonly { readonly type: 'text'; readonly text: string }[] {
  return text === '' ? [] : [{ type: 'text', text }]
}
