import { dayMs } from '../../domain/duration.ts'
import type { Turn } from '../../domain/turn.ts'
import type { Engine } from './engine.ts'

/** How many turns of a session, and how many sessions are remembered. */
const turnsEach = 20
const mostSessions = 10_000

interface Row {
  readonly seq: number
  readonly at: number
  readonly session: string
}

/**
 * The newest turns of the sessions that were active during the last day. They are needed rarely, so they have no index:
 * that would cost a page of the log per message. They are read from the table at the first use, and then kept in memory.
 */
export class RecentSessions {
  /** By session key, the least recently active first. `seqs`: rows of turns, oldest first. */
  private sessions: Map<string, { readonly seqs: number[]; at: number }> | undefined
  private readonly rows

  constructor(engine: Engine) {
    this.rows = engine.prepare<Row>(
      `SELECT seq, received_at AS at, json_extract(doc, '$.sessionKey') AS session FROM turn ORDER BY seq DESC`,
    )
    const forget = () => {
      this.sessions = undefined
    }
    engine.watch({ mark: () => {}, undo: forget, invalidate: forget })
  }

  /** A turn was inserted as row `seq`. */
  note({ sessionKey, receivedAt }: Turn, seq: number): void {
    if (this.sessions !== undefined) add(this.sessions, { seq, at: receivedAt, session: sessionKey })
  }

  /** The rows of a session's turns, newest first. */
  rowsOf(sessionKey: string): readonly number[] {
    return this.loaded().get(sessionKey.toLowerCase())?.seqs.toReversed() ?? []
  }

  /** The sessions with a message after `since`, the most recently active first. */
  activeSince(since: number): readonly string[] {
    return [...this.loaded()].flatMap(([key, { at }]) => (at > since ? [key] : [])).toReversed()
  }

  private loaded() {
    this.sessions ??= this.load()
    return this.sessions
  }

  private load() {
    const newestFirst: Row[] = []
    for (const row of this.rows.iterate()) {
      if (row.at < (newestFirst[0]?.at ?? 0) - dayMs || newestFirst.length === mostSessions * turnsEach) break
      newestFirst.push(row)
    }
    const sessions: NonNullable<typeof this.sessions> = new Map()
    for (const row of newestFirst.toReversed()) add(sessions, row)
    return sessions
  }
}

function add(sessions: Map<string, { readonly seqs: number[]; at: number }>, { seq, at, session }: Row): void {
  const key = session.toLowerCase()
  const known = sessions.get(key) ?? { seqs: [], at }
  known.seqs.push(seq)
  if (known.seqs.length > turnsEach) known.seqs.shift()
  known.at = at
  sessions.delete(key)
  sessions.set(key, known)
  const [oldest] = sessions.keys()
  if (sessions.size > mostSessions && oldest !== undefined) sessions.delete(oldest)
}
