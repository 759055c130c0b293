import type { QuotaKey, SendWindow } from '../../domain/ports.ts'
import type { Engine } from './engine.ts'

/** Stands for the members of a message that has none. Its row is needed to detect duplicates. */
const noMember = ''

/**
 * The messages sent to WeCom during the last hour, one row per member: for rate limits and for duplicates. The methods
 * run inside an operation of the engine and are not durable by themselves.
 *
 * Rows with a time in the future count as well. They exist after the clock was set back, and then it is safer to wait
 * too long than to exceed a limit.
 */
export class SentTable {
  private readonly statements

  constructor(engine: Engine) {
    this.statements = {
      twin: engine.prepare<{ found: number }>(
        `SELECT 1 AS found FROM sent WHERE digest = ? AND at > ? AND at < ? AND scope = ?
         AND NOT (delivery = ? AND part = ?) LIMIT 1`,
      ),
      newest: engine.prepare<{ at: number }>(
        `SELECT at FROM sent WHERE scope = ? AND member = ? AND at > ? AND at < ? ORDER BY at DESC LIMIT 1 OFFSET ?`,
      ),
      add: engine.prepare<never>(
        'INSERT OR IGNORE INTO sent (scope, member, at, digest, delivery, part) VALUES (?, ?, ?, ?, ?, ?)',
      ),
      peak: engine.prepare<{ n: number | null }>(
        `SELECT max(n) AS n FROM
         (SELECT count(*) AS n FROM sent WHERE scope = ? AND member <> '' AND at > ? GROUP BY member)`,
      ),
    }
  }

  /** Whether a message of delivery `id` is a duplicate at `at`, and when its members' rate limits have a free slot. */
  window(id: string, quotaKey: QuotaKey, at: number): SendWindow {
    const { scope, digest, part, duplicateMs } = quotaKey
    const duplicate = this.statements.twin.get(digest, at - duplicateMs, at + duplicateMs, scope, id, part)
    const freeAt = this.freeAt(quotaKey, at)
    return { isDuplicate: duplicate !== null, ...(freeAt > at && { freeAt }) }
  }

  /** Counts a message as sent at `at`. */
  record(id: string, { scope, members, digest, part }: QuotaKey, at: number): void {
    for (const member of members.length === 0 ? [noMember] : members)
      this.statements.add.run(scope, member, at, digest, id, part)
  }

  /** The number of messages after `since` to the member that got most. */
  busiest(scope: string, since: number): number {
    return this.statements.peak.get(scope, since)?.n ?? 0
  }

  /**
   * When all rate limits have a free slot: a limit of `most` has one when its `most`-th newest message leaves the
   * window.
   */
  private freeAt({ scope, members, budgets }: QuotaKey, at: number): number {
    let latest = at
    for (const { windowMs, most } of budgets) {
      for (const member of members) {
        const row = this.statements.newest.get(scope, member, at - windowMs, at + windowMs, most - 1)
        if (row !== null) latest = Math.max(latest, row.at + windowMs)
      }
    }
    return latest
  }
}
