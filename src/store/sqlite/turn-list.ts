import type { TurnFilter, TurnPage } from '../../domain/ports.ts'
import type { Turn } from '../../domain/turn.ts'
import type { Engine } from './engine.ts'

/** How many rows one page looks at. No index serves these filters: an operator asks rarely, and messages are many. */
const rowsPerPage = 20_000
/** How many ids one search for a prefix returns, of each kind. */
const mostMatches = 20

type Doc = { doc: string }

/** What operators ask of the turn table: pages of turns, and ids that begin with something. */
export class TurnList {
  private readonly statements

  constructor(engine: Engine) {
    this.statements = {
      last: engine.prepare<{ seq: number | null }>('SELECT max(seq) AS seq FROM turn'),
      page: engine.prepare<Doc & { seq: number }>(
        `SELECT seq, doc FROM turn WHERE seq <= ? AND seq > ? AND (? = '' OR state = ?) AND (? = '' OR sender = ?)
         AND (? = '' OR json_extract(doc, '$.end') = ?) ORDER BY seq DESC LIMIT ?`,
      ),
      ids: engine.prepare<{ id: string }>('SELECT id FROM turn ORDER BY seq DESC LIMIT ?'),
      turnsFrom: engine.prepare<{ id: string }>('SELECT id FROM turn WHERE id >= ? AND id < ? ORDER BY id LIMIT ?'),
      sendsFrom: engine.prepare<{ id: string }>(
        'SELECT id FROM delivery WHERE turn_seq = 0 AND id >= ? AND id < ? ORDER BY id LIMIT ?',
      ),
      failed: engine.prepare<{ at: number; cause: string }>(
        `SELECT ended_at AS at, json_extract(doc, '$.failure.cause') AS cause FROM turn WHERE erased = 0
         AND due_at IS NULL AND ended_at IS NOT NULL AND ended_at > ? AND cause IS NOT NULL ORDER BY ended_at LIMIT ?`,
      ),
    }
  }

  /** Turns from row `from` down, the newest first. */
  page({ limit, state = '', end = '', user = '' }: TurnFilter, from: number | undefined): TurnPage {
    const start = from ?? this.statements.last.get()?.seq ?? 0
    const stop = Math.max(0, start - rowsPerPage)
    const sender = user.toLowerCase()
    const rows = this.statements.page.all(start, stop, state, state, sender, sender, end, end, limit)
    const next = rows.length === limit ? (rows.at(-1)?.seq ?? 0) - 1 : stop
    // Written by `TurnTable` only.
    const turns = rows.map(({ doc }) => JSON.parse(doc) as Turn)
    return { turns, ...(next > 0 && { cursor: String(next) }) }
  }

  /** The ids of the newest turns, as far back as one page looks. */
  newestIds(): readonly string[] {
    return this.statements.ids.all(rowsPerPage).map(({ id }) => id)
  }

  /** The ids of turns and of messages that were sent first that begin with `prefix`. */
  idsFrom(prefix: string): readonly string[] {
    const range = [prefix, `${prefix}\u{10ffff}`, mostMatches] as const
    return [...this.statements.turnsFrom.all(...range), ...this.statements.sendsFrom.all(...range)].map(({ id }) => id)
  }

  /** The ends of turns that failed after `since`, the oldest first. */
  failedSince(since: number, limit: number): readonly { readonly at: number; readonly cause: string }[] {
    return this.statements.failed.all(since, limit)
  }
}
