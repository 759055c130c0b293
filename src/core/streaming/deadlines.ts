import { hasBubble, isUnclaimed, type Turn } from '../../domain/turn.ts'
import { waitsForFiles } from './files.ts'

/** A finish frame that nobody fetches for this long goes another way. */
const unfetchedMs = 20_000

/** The run is over and the bubble is held open until it is known what becomes of the card. */
export function waitsForCard(turn: Turn): boolean {
  return turn.state === 'closing' && turn.card?.state === 'pending'
}

/** When the clock alone will next change this turn. */
export function nextDeadline(turn: Turn): number | undefined {
  if (turn.state === 'shown' || turn.state === 'ended') return undefined
  const waits = [waitsForCard(turn) && turn.card?.waitUntil, waitsForFiles(turn) && turn.filesUntil]
  const awaited = waits.filter(until => typeof until === 'number')
  if (awaited.length > 0) return Math.min(...awaited)
  if (turn.state === 'closing') return Math.min((turn.readyAt ?? turn.endedAt ?? 0) + unfetchedMs, turn.windowEndAt)
  if (turn.end !== undefined) return undefined
  const closesAt = hasBubble(turn) && turn.closedWith === undefined ? turn.handoverAt : undefined
  const expiresAt = isUnclaimed(turn) ? turn.lastWayUntil : undefined
  if (closesAt === undefined) return expiresAt
  return expiresAt === undefined ? closesAt : Math.min(closesAt, expiresAt)
}
