import type { Route } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { Turn } from '../../domain/turn.ts'

/** A way that brings an answer to its user without a bubble. */
export type AnswerRoute = Extract<Route, 'app' | 'response_url'>

/** Best first: a direct message carries the whole answer, a response_url one body and no second. */
const rungs: readonly AnswerRoute[] = ['app', 'response_url']
/** A click has no bubble: its answer belongs to the chat with the card. */
const rungsOfClick: readonly AnswerRoute[] = ['response_url', 'app']

/** The ways of a turn, up to this one. */
export function routesUpTo(turn: Turn, way: Route): readonly AnswerRoute[] {
  const ways = waysOf(turn)
  return ways.slice(0, ways.findIndex(one => one === way) + 1)
}

function waysOf(turn: Turn): readonly AnswerRoute[] {
  return turn.origin === 'click' ? rungsOfClick : rungs
}

/** The next way home after `tried`, or undefined when none is left and the answer is a dead letter. */
export function nextRoute(turn: Turn, tried: readonly AnswerRoute[], now: number): AnswerRoute | undefined {
  return waysOf(turn).find(way => !tried.includes(way) && isPassable(turn, way, now))
}

/** A card has gone there, or was to: never two bodies. */
function isSpent({ card }: Turn): boolean {
  return card !== undefined && card.state !== 'direct'
}

function isPassable(turn: Turn, way: AnswerRoute, now: number): boolean {
  switch (way) {
    case 'app':
      return turn.dm !== undefined
    case 'response_url':
      return turn.responseUrl !== undefined && !isSpent(turn) && now < turn.receivedAt + limits.responseUrlMs
    default:
      return way satisfies never
  }
}
