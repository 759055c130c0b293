import type { Attempt, Delivery, Outcome, Route, Unreached } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { SendWindow } from '../../domain/ports.ts'

/** The second try of a message whose fate is unknown comes this much later. */
const resendAfterMs = 2_000
/** Tries that the platform put off come after this, doubled each time up to the last. */
const firstRetryMs = 5_000
const lastRetryMs = 300_000
/** What only the operator can mend is tried again once in this time. */
export const probeEveryMs = 60_000

/**
 * How long after a try whose fate is unknown the same may be sent again (docs/behaviour.md): a response_url takes
 * one body, message/send knows duplicates for a while, the others would show it twice.
 */
const repeatWithinMs: Readonly<Partial<Record<Route, number>>> = {
  response_url: limits.responseUrlMs,
  app: 60_000,
}

/** How many messages a delivery has. */
function countParts(delivery: Delivery): number {
  return delivery.body.kind === 'messages' ? delivery.body.messages.length : 1
}

/** The part that is next, from 1; undefined when each has arrived or was given up. */
export function nextPart(delivery: Delivery): number | undefined {
  const settled = new Set(delivery.attempts.filter(isSettled).map(partOf))
  for (let part = 1; part <= countParts(delivery); part++) if (!settled.has(part)) return part
  return undefined
}

function isSettled(attempt: Attempt): boolean {
  return attempt.outcome === 'delivered' || (attempt.givenUp === true && attempt.overruled !== true)
}

function partOf(attempt: Attempt): number {
  return attempt.part ?? 1
}

/** A delivery that is taken up: tries that a crash cut off are unknown, and what must not be repeated is given up. */
export function resume(delivery: Delivery, now: number): Delivery {
  const attempts = delivery.attempts.map(attempt => (attempt.outcome === undefined ? cutOff(attempt) : attempt))
  const part = nextPart({ ...delivery, attempts })
  const open = unknownsOf(attempts, part)
  if (open.length === 0 || isRepeatable(delivery, open, now)) return concluded({ ...delivery, attempts }, now)
  return concluded({ ...delivery, attempts: attempts.map(one => (open.includes(one) ? giveUp(one) : one)) }, now)
}

function cutOff(attempt: Attempt): Attempt {
  return { ...attempt, outcome: 'unknown', errmsg: 'cut off by a restart' }
}

function giveUp(attempt: Attempt): Attempt {
  return { ...attempt, givenUp: true }
}

function unknownsOf(attempts: readonly Attempt[], part: number | undefined): readonly Attempt[] {
  return attempts.filter(attempt => isUnknown(attempt) && partOf(attempt) === part)
}

/** Nobody knows whether the part that is next has arrived. */
export function isOutcomeUnknown(delivery: Delivery): boolean {
  return unknownsOf(delivery.attempts, nextPart(delivery)).length > 0
}

/** Whether a message may be repeated once at `at`, after tries whose fate is unknown. */
function isRepeatable({ route }: Delivery, unknowns: readonly Attempt[], at: number): boolean {
  const [only, second] = unknowns
  if (only === undefined || second !== undefined || only.unchecked) return false
  return at - only.at < (repeatWithinMs[route] ?? 0)
}

/** The delivery with a try begun, to be committed before the request leaves; or held, or closed. */
export function beginAttempt(delivery: Delivery, standing: SendWindow, now: number): Delivery {
  if (now >= delivery.expiresAt) return expire(delivery, now)
  const part = nextPart(delivery) ?? 1
  const isRepeat = unknownsOf(delivery.attempts, part).length > 0
  if (standing.freeAt !== undefined && !isRepeat) return hold(delivery, standing.freeAt)
  const attempt: Attempt = {
    at: now,
    route: delivery.route,
    ...(delivery.body.kind === 'messages' && { part }),
    ...(standing.isDuplicate && !isRepeat && delivery.route === 'app' && { unchecked: true }),
  }
  return { ...delivery, state: 'sending', attempts: [...delivery.attempts, attempt] }
}

/** Put off until `at`, without a try: the platform's budget is used up, or only the operator can help. */
export function hold(delivery: Delivery, at: number): Delivery {
  return { ...delivery, state: 'held', dueAt: Math.min(at, delivery.expiresAt) }
}

/** What an outcome makes of a delivery; `sending` when its next part may go at once. */
export function settleAttempt(delivery: Delivery, outcome: Outcome, now: number): Delivery {
  const { retryAfterMs: wait, hold: isHeld, silent: _, unreached, msgid, ...known } = outcome
  const begun = delivery.attempts.at(-1) ?? { at: now, route: delivery.route }
  const before = delivery.attempts.slice(0, -1)
  const isLost = outcome.outcome === 'delivered' && reachesNobody(delivery, unreached)
  const attempts = merge(before, { ...begun, ...known, ...(isLost && reachedNobody) })
  const next: Delivery = {
    ...delivery,
    attempts,
    ...(msgid !== undefined && { msgid }),
    ...(unreached !== undefined && { unreached: joinLists(delivery.unreached, unreached) }),
  }
  const wasUnknown = unknownsOf(before, partOf(begun)).length > 0
  switch (outcome.outcome) {
    case 'delivered':
      return isLost ? close(next, 'refused', now) : concluded(next, now)
    case 'refused':
      // The repetition is refused: then the first has probably arrived.
      return close(next, wasUnknown ? 'unknown' : 'refused', now)
    case 'unknown': {
      const unknowns = unknownsOf(attempts, partOf(begun))
      if (isRepeatable(next, unknowns, now + resendAfterMs)) return again(next, now + resendAfterMs, now)
      return concluded({ ...next, attempts: attempts.map(one => (unknowns.includes(one) ? giveUp(one) : one)) }, now)
    }
    case 'retry':
      if (isHeld) return again(next, now + probeEveryMs, now, 'held')
      return again(next, now + (wait ?? retryAfterMs(attempts)), now)
    default:
      return outcome.outcome satisfies never
  }
}

/** The part has not arrived: another way, or a later try, brings it too. */
const reachedNobody = { outcome: 'refused', hint: 'no recipient may see the app and has a licence' } as const

/** The platform took the message and says that none of its members gets it. */
function reachesNobody({ body }: Delivery, unreached: Unreached | undefined): boolean {
  if (body.kind !== 'messages' || body.to.kind !== 'user' || unreached === undefined) return false
  const lost = new Set(
    [...(unreached.invaliduser ?? []), ...(unreached.unlicenseduser ?? [])].map(id => id.toLowerCase()),
  )
  return body.to.ids.every(id => lost.has(id.toLowerCase()))
}

/** A dead delivery as an operator has it tried again: parts that arrived stay so, what nobody knows goes once more. */
export function revive(delivery: Delivery, now: number, expiresAt: number): Delivery {
  const { finishedAt: _, unreached: __, ...rest } = delivery
  const attempts = delivery.attempts.map(attempt =>
    attempt.outcome === 'unknown' || attempt.outcome === undefined
      ? { ...attempt, outcome: 'unknown' as const, overruled: true }
      : attempt,
  )
  return { ...rest, attempts, state: 'queued', dead: false, dueAt: now, expiresAt }
}

/** How often in a row the last message was put off. */
export function countRetries(attempts: readonly Attempt[]): number {
  let count = 0
  for (const attempt of attempts.toReversed()) {
    if (attempt.outcome !== 'retry') break
    count += attempt.times ?? 1
  }
  return count
}

function retryAfterMs(attempts: readonly Attempt[]): number {
  return Math.min(firstRetryMs * 2 ** Math.min(countRetries(attempts) - 1, 10), lastRetryMs)
}

/** The same thing again and again is one line. */
function merge(before: readonly Attempt[], attempt: Attempt): readonly Attempt[] {
  const last = before.at(-1)
  const isSame =
    last?.outcome === 'retry' &&
    attempt.outcome === 'retry' &&
    last.errcode === attempt.errcode &&
    partOf(last) === partOf(attempt)
  return isSame ? [...before.slice(0, -1), { ...attempt, times: (last.times ?? 1) + 1 }] : [...before, attempt]
}

/** Done when every part has arrived or was given up. */
function concluded(delivery: Delivery, now: number): Delivery {
  if (nextPart(delivery) !== undefined) return delivery
  if (hasUnknown(delivery.attempts.filter(attempt => attempt.givenUp))) return close(delivery, 'unknown', now)
  return { ...delivery, state: delivery.unreached === undefined ? 'delivered' : 'partial', finishedAt: now }
}

function again(delivery: Delivery, dueAt: number, now: number, state: 'queued' | 'held' = 'queued'): Delivery {
  return dueAt < delivery.expiresAt ? { ...delivery, state, dueAt } : expire(delivery, now)
}

/** Its time is over. */
export function expire(delivery: Delivery, now: number): Delivery {
  return close(delivery, hasUnknown(delivery.attempts) ? 'unknown' : 'refused', now)
}

function close(delivery: Delivery, state: 'unknown' | 'refused', now: number): Delivery {
  return { ...delivery, state, dead: true, finishedAt: now }
}

function hasUnknown(attempts: readonly Attempt[]): boolean {
  return attempts.some(isUnknown)
}

function isUnknown(attempt: Attempt): boolean {
  return attempt.outcome === 'unknown' && attempt.overruled !== true
}

function joinLists(known: Unreached | undefined, more: Unreached): Unreached {
  const join = (one: readonly string[] = [], other: readonly string[] = []) => [...new Set([...one, ...other])]
  const joined = {
    invaliduser: join(known?.invaliduser, more.invaliduser),
    invalidparty: join(known?.invalidparty, more.invalidparty),
    invalidtag: join(known?.invalidtag, more.invalidtag),
    unlicenseduser: join(known?.unlicenseduser, more.unlicenseduser),
  }
  return Object.fromEntries(Object.entries(joined).filter(([, ids]) => ids.length > 0))
}
