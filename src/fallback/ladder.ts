import { limits } from '../domain/limits.ts'
import type { WayOut } from '../domain/ports.ts'
import type { Turn } from '../domain/turn.ts'

/** A way that brings an answer to its user without a bubble. */
export type WayHome = Extract<WayOut, 'app' | 'response_url'>

/** Best first: a direct message carries the whole answer, a response_url one body and no second. */
const rungs: readonly WayHome[] = ['app', 'response_url']

/** The next way home after `tried`, or undefined when none is left and the answer is a dead letter. */
export function nextWay(turn: Turn, tried: readonly WayHome[], now: number): WayHome | undefined {
  return rungs.find(way => !tried.includes(way) && isPassable(turn, way, now))
}

function isPassable(turn: Turn, way: WayHome, now: number): boolean {
  switch (way) {
    case 'app':
      return turn.dm !== undefined
    case 'response_url':
      return turn.responseUrl !== undefined && now < turn.receivedAt + limits.responseUrlMs
    default:
      return way satisfies never
  }
}
