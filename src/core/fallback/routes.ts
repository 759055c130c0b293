import type { Route } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { Turn } from '../../domain/turn.ts'

/** A route that can deliver an answer when the bubble can't. */
export type AnswerRoute = Extract<Route, 'app' | 'response_url'>

/** Best first: direct messages deliver an answer of any length, a response_url only one message. */
const ladder: readonly AnswerRoute[] = ['app', 'response_url']
/** The answer to a click belongs to the chat with the card, and what the agent says unasked to where it was asked before. */
const chatFirst: readonly AnswerRoute[] = ['response_url', 'app']

/** Returns the routes of a turn up to and including `route`. */
export function routesUpTo(turn: Turn, route: Route): readonly AnswerRoute[] {
  const routes = ladderOf(turn)
  return routes.slice(0, routes.findIndex(one => one === route) + 1)
}

function ladderOf(turn: Turn): readonly AnswerRoute[] {
  return turn.origin === 'click' || turn.origin === 'agent' ? chatFirst : ladder
}

/** Returns the best available route that is not in `tried`; undefined if none is left. */
export function nextRoute(turn: Turn, tried: readonly AnswerRoute[], now: number): AnswerRoute | undefined {
  return ladderOf(turn).find(route => !tried.includes(route) && isAvailable(turn, route, now))
}

/** True if a card was sent to the response_url. It accepts one body only, whatever became of the card. */
function isUsed({ card }: Turn): boolean {
  return card !== undefined && card.state !== 'direct'
}

/** When the `response_url` of a turn expires (epoch ms). */
export function responseUntilOf({ receivedAt, responseUntil }: Turn): number {
  return responseUntil ?? receivedAt + limits.responseUrlMs
}

function isAvailable(turn: Turn, route: AnswerRoute, now: number): boolean {
  switch (route) {
    case 'app':
      return turn.dm !== undefined
    case 'response_url':
      return turn.responseUrl !== undefined && !isUsed(turn) && now < responseUntilOf(turn)
    default:
      return route satisfies never
  }
}
