import type { History } from './history-rows.ts'

/**
 * All keys the question was asked under; the last one is still valid. A key that is `interrupted` is rejected by the
 * gateway from then on, so the question moves to the next one.
 */
export function keysOf(history: History, key: string, superseded: ReadonlySet<string>): readonly string[] {
  const keys = [key]
  for (let last = key; mustMoveOn(history, last, keys.length, superseded); ) {
    last = `${key}#${keys.length + 1}`
    keys.push(last)
  }
  return keys
}

/** How often a question is asked again because of changes in the gateway's config. */
export const mostReasks = 3

function mustMoveOn(history: History, key: string, tried: number, superseded: ReadonlySet<string>): boolean {
  if (history.pending.get(key) === 'interrupted') return true
  return tried <= mostReasks && isSuperseded(history, key, superseded)
}

/** How the gateway ends a turn whose run has not begun when its config changes; in an event and in a row of the history. */
export const supersededText = /\bsuperseded\b|PluginInstanceUnavailable/

/** Whether the run of this key ended before it began. The event tells at once, the row also after a restart. */
function isSuperseded({ rows }: History, key: string, superseded: ReadonlySet<string>): boolean {
  if (superseded.has(key)) return true
  const at = rows.findLastIndex(row => row.role === 'user' && row.idempotencyKey === `${key}:user`)
  if (at === -1) return false
  const [next] = rows.slice(at + 1)
  return next?.role === 'other' && supersededText.test(next.text)
}

/** Whether the last key is a new one, so that the row of an earlier one is no longer our question. */
export function isAskedAgain(history: History, keys: readonly string[], superseded: ReadonlySet<string>): boolean {
  const before = keys.at(-2)
  return before !== undefined && isSuperseded(history, before, superseded)
}
