import type { Delivery, DeliveryBody } from '../domain/delivery.ts'
import { limits } from '../domain/limits.ts'
import type { Turn } from '../domain/turn.ts'
import { nextWay, type WayHome } from '../fallback/ladder.ts'
import type { Say } from '../fallback/notice.ts'
import { byteLength, cutAfter, cutHead } from './split.ts'

/**
 * The deliveries that bring home what a bubble did not show. What no way can carry becomes a dead delivery at once, so
 * that an operator sees it.
 */
export function planHome(turn: Turn, now: number, say: Say): readonly Delivery[] {
  const way = nextWay(turn, [], now)
  if (way === undefined) return [deadLetter(turn, cutAfter(turn.answer, turn.shownBytes), now)]
  return planResponse(turn, way, turn.responseUrl ?? '', now, say)
}

/** The whole answer when it fits, else what the bubble did not show; a response_url takes one body and no second. */
function planResponse(turn: Turn, way: WayHome, url: string, now: number, say: Say): readonly Delivery[] {
  const fits = byteLength(turn.answer) <= limits.responseMarkdownBytes
  const wanted = fits ? turn.answer : cutAfter(turn.answer, turn.shownBytes)
  if (byteLength(wanted) <= limits.responseMarkdownBytes)
    return [toResponse(turn, way, { kind: 'markdown', url, content: wanted }, now)]

  const notice = `\n\n${say({ key: 'overflow_lost' })}`
  const head = cutHead(wanted, limits.responseMarkdownBytes - byteLength(notice))
  return [
    toResponse(turn, way, { kind: 'markdown', url, content: head + notice }, now),
    deadLetter(turn, cutAfter(wanted, byteLength(head)), now),
  ]
}

function toResponse(turn: Turn, route: WayHome, body: DeliveryBody, now: number): Delivery {
  return {
    ...blank(turn, `${turn.id}:${route}`, now),
    route,
    state: 'queued',
    dead: false,
    body,
  }
}

/** What nothing could carry. */
function deadLetter(turn: Turn, content: string, now: number): Delivery {
  return {
    ...blank(turn, `${turn.id}:remainder`, now),
    route: 'response_url',
    state: 'refused',
    dead: true,
    body: { kind: 'remainder', content },
    finishedAt: now,
  }
}

function blank(turn: Turn, id: string, now: number) {
  return {
    id,
    turn: turn.id,
    account: turn.account,
    lane: `${turn.id}:home`,
    order: 1,
    dueAt: now,
    expiresAt: turn.lastWayUntil,
    attempts: [],
    createdAt: now,
  }
}
