import type { Route } from '../domain/delivery.ts'
import type { Turn } from '../domain/turn.ts'

/** A route that brings an answer to its user without a bubble. */
export type WayHome = Exclude<Route, 'gateway'>

/** The ways that exist for a turn, best first. */
const rungs: readonly WayHome[] = ['response_url']

/** The next way home after `tried`, or undefined when none is left and the answer is a dead letter. */
export function nextWay(turn: Turn, tried: readonly WayHome[], now: number): WayHome | undefined {
  return rungs.find(way => !tried.includes(way) && isPassable(turn, way, now))
}

function isPassable(turn: Turn, way: WayHome, now: number): boolean {
  switch (way) {
    case 'response_url':
      return turn.responseUrl !== undefined && now < turn.lastWayUntil
    default:
      return way satisfies never
  }
}
