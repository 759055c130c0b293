import { hasOpenBubble, isUnclaimed, type Turn } from '../../domain/turn.ts'
import { fileDeadline } from './files.ts'

/** How long a finish frame may stay unfetched before the answer takes another route. */
const unfetchedMs = 20_000

/** True if the run is over and the bubble stays open until the outcome of its card is known. */
export function waitsForCard(turn: Turn): boolean {
  return turn.state === 'closing' && turn.card?.state === 'pending'
}

/**
 * Returns when time alone changes this turn next (epoch ms): the bubble stops waiting for a card or for files, its
 * finish frame was not fetched, it hands over, or the question expires. Undefined if it never does.
 *
 * A deadline that was met is a state, so it is never due again, even if the clock is set back.
 */
export function nextDeadline(turn: Turn): number | undefined {
  if (turn.state === 'shown' || turn.state === 'ended') return undefined
  const waits = [waitsForCard(turn) && turn.card?.waitUntil, fileDeadline(turn)]
  const awaited = waits.filter(until => typeof until === 'number')
  if (awaited.length > 0) return Math.min(...awaited)
  if (turn.state === 'closing') return Math.min((turn.readyAt ?? turn.endedAt ?? 0) + unfetchedMs, turn.windowEndAt)
  if (turn.end !== undefined) return undefined
  const closesAt = hasOpenBubble(turn) ? turn.handoverAt : undefined
  const expiresAt = isUnclaimed(turn) ? turn.lastWayUntil : undefined
  if (closesAt === undefined) return expiresAt
  return expiresAt === undefined ? closesAt : Math.min(closesAt, expiresAt)
}
