import type { QuotaKey, SendWindow } from '../../domain/ports.ts'
import type { Engine } from './engine.ts'

/** A message without members has one row all the same, by which a duplicate is known. */
const nobody = ''

/**
 * What has left for WeCom lately. Its methods run inside an operation of the engine and are not durable by themselves.
 * Rows of the future count like those of the past: after a step of the clock backwards that is the safe side.
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
      busiest: engine.prepare<{ n: number | null }>(
        `SELECT max(n) AS n FROM
         (SELECT count(*) AS n FROM sent WHERE scope = ? AND member <> '' AND at > ? GROUP BY member)`,
      ),
    }
  }

  /** What earlier sends say about a message of delivery `id` that is to leave at `at`. */
  standing(id: string, sending: QuotaKey, at: number): SendWindow {
    const { scope, digest, part, duplicateMs } = sending
    const twin = this.statements.twin.get(digest, at - duplicateMs, at + duplicateMs, scope, id, part)
    const freeAt = this.freeAt(sending, at)
    return { isDuplicate: twin !== null, ...(freeAt > at && { freeAt }) }
  }

  /** The message leaves at `at`. */
  note(id: string, { scope, members, digest, part }: QuotaKey, at: number): void {
    for (const member of members.length === 0 ? [nobody] : members)
      this.statements.add.run(scope, member, at, digest, id, part)
  }

  /** The most that one member was sent after `since`. */
  busiest(scope: string, since: number): number {
    return this.statements.busiest.get(scope, since)?.n ?? 0
  }

  /** A budget has room again when the last but `most` of its sends leaves the window. */
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
