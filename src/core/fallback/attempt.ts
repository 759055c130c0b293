/**
 * Decides when a delivery is sent, repeated, held or dead.
 *
 * A user must not see a message twice, parts must arrive in order, and nothing may be lost without a trace. Sending to
 * WeCom makes that hard:
 *
 * - A request without a response may have arrived. The connection broke, the response was late, or wecomd was killed.
 *   Its outcome is unknown, and asking WeCom is not possible.
 * - What a repeat does depends on the route. A `response_url` accepts one body, so the same body can't show twice.
 *   `message/send` drops an equal message for 120 s. A group robot and a group of the app show every repeat.
 * - Equal messages can be intended ("done", "done"). The second one is sent with the duplicate check off (`unchecked`),
 *   so it must not be repeated either.
 * - A refused repeat proves nothing: a `response_url` refuses a second body exactly if the first one arrived.
 * - errcode 0 can mean that no one got the message: all recipients are listed as invalid or unlicensed.
 * - WeCom silently drops messages over its rate limits, so a message has to wait for a free slot before it leaves.
 *
 * The rules that follow from it:
 *
 * - `beginAttempt` is committed before the request leaves, `settleAttempt` after its response. An attempt without an
 *   outcome was therefore cut off by a crash, and `resume` makes it unknown.
 * - An unknown attempt is repeated at most once, with the same bytes, and only within `repeatWithinMs` of it. After
 *   that, or on a route that would show it twice, its part is given up and the next part is sent.
 * - After a repeat, only a clear success counts as delivered. Everything else ends as `unknown`, which is dead.
 * - A part that arrived, or was given up, is never sent again. A refused part ends the delivery.
 * - A repeat does not wait for a rate limit. Its first attempt has used the slot already, and the time for it is short.
 * - Only an operator can retry what is unknown (`revive`).
 *
 * All functions are pure: the time is an argument. docs/behaviour.md lists the promise of each route,
 * docs/adr/0007-sending.md has the decision.
 */
import type { Attempt, Delivery, Outcome, Route, Unreached } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { SendWindow } from '../../domain/ports.ts'

/** How long after an unknown outcome the message is repeated. */
const resendAfterMs = 2_000
/** The wait before the first retry. It doubles with each retry, up to the last. */
const firstRetryMs = 5_000
const lastRetryMs = 300_000
/** How often a held app is probed. */
export const probeEveryMs = 60_000

/**
 * How long after an attempt with an unknown outcome it may be repeated. Routes that would show it twice are missing.
 */
const repeatWithinMs: Readonly<Partial<Record<Route, number>>> = {
  response_url: limits.responseUrlMs,
  app: 60_000,
}

function countParts(delivery: Delivery): number {
  return delivery.body.kind === 'messages' ? delivery.body.messages.length : 1
}

/** Returns the next part to send, counted from 1; undefined if every part has arrived or was given up. */
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

/**
 * Prepares a claimed delivery for its next attempt. An attempt that a crash cut off becomes unknown, and an unknown one
 * that may not be repeated is given up. The result is finished if no part is left.
 */
export function resume(delivery: Delivery, now: number): Delivery {
  const attempts = delivery.attempts.map(attempt => (attempt.outcome === undefined ? asUnknown(attempt) : attempt))
  const part = nextPart({ ...delivery, attempts })
  const unknowns = unknownsOf(attempts, part)
  if (unknowns.length === 0 || isRepeatable(delivery, unknowns, now))
    return finishIfDone({ ...delivery, attempts }, now)
  return finishIfDone({ ...delivery, attempts: giveUp(attempts, unknowns) }, now)
}

function asUnknown(attempt: Attempt): Attempt {
  return { ...attempt, outcome: 'unknown', errmsg: 'cut off by a restart' }
}

function giveUp(attempts: readonly Attempt[], unknowns: readonly Attempt[]): readonly Attempt[] {
  return attempts.map(attempt => (unknowns.includes(attempt) ? { ...attempt, givenUp: true } : attempt))
}

function unknownsOf(attempts: readonly Attempt[], part: number | undefined): readonly Attempt[] {
  return attempts.filter(attempt => isUnknown(attempt) && partOf(attempt) === part)
}

/** True if the next part was attempted and may have arrived. */
export function isOutcomeUnknown(delivery: Delivery): boolean {
  return unknownsOf(delivery.attempts, nextPart(delivery)).length > 0
}

/**
 * True if a message with these unknown attempts may be repeated at `at`: once, in time, and with the duplicate check
 * on.
 */
function isRepeatable({ route }: Delivery, unknowns: readonly Attempt[], at: number): boolean {
  const [only, second] = unknowns
  if (only === undefined || second !== undefined || only.unchecked) return false
  return at - only.at < (repeatWithinMs[route] ?? 0)
}

/**
 * Starts an attempt. The result must be committed before the request leaves, and the request may leave only if its
 * state is `sending`; otherwise the delivery is held for a rate limit, or has expired.
 */
export function beginAttempt(delivery: Delivery, window: SendWindow, now: number): Delivery {
  if (now >= delivery.expiresAt) return expire(delivery, now)
  const part = nextPart(delivery) ?? 1
  const isRepeat = unknownsOf(delivery.attempts, part).length > 0
  if (window.freeAt !== undefined && !isRepeat) return hold(delivery, window.freeAt)
  const attempt: Attempt = {
    at: now,
    route: delivery.route,
    ...(delivery.body.kind === 'messages' && { part }),
    ...(window.isDuplicate && !isRepeat && delivery.route === 'app' && { unchecked: true }),
  }
  return { ...delivery, state: 'sending', attempts: [...delivery.attempts, attempt] }
}

/** Defers a delivery to `at` without an attempt: a rate limit has no free slot, or an operator has to fix the app. */
export function hold(delivery: Delivery, at: number): Delivery {
  return { ...delivery, state: 'held', dueAt: Math.min(at, delivery.expiresAt) }
}

/**
 * Applies the outcome of the attempt in progress. If the result is still `sending`, its next part may be sent at once.
 */
export function settleAttempt(delivery: Delivery, outcome: Outcome, now: number): Delivery {
  const { retryAfterMs: wait, hold: isHeld, silent: _, unreached, msgid, ...result } = outcome
  const begun = delivery.attempts.at(-1) ?? { at: now, route: delivery.route }
  const before = delivery.attempts.slice(0, -1)
  const isLost = outcome.outcome === 'delivered' && reachesNoOne(delivery, unreached)
  const attempts = appendAttempt(before, { ...begun, ...result, ...(isLost && reachedNoOne) })
  const next: Delivery = {
    ...delivery,
    attempts,
    ...(msgid !== undefined && { msgid }),
    ...(unreached !== undefined && { unreached: mergeUnreached(delivery.unreached, unreached) }),
  }
  const wasUnknown = unknownsOf(before, partOf(begun)).length > 0
  switch (outcome.outcome) {
    case 'delivered':
      return isLost ? close(next, 'refused', now) : finishIfDone(next, now)
    case 'refused':
      // A refused repeat means that the first attempt has probably arrived.
      return close(next, wasUnknown ? 'unknown' : 'refused', now)
    case 'unknown': {
      const unknowns = unknownsOf(attempts, partOf(begun))
      if (isRepeatable(next, unknowns, now + resendAfterMs)) return retryAt(next, now + resendAfterMs, now)
      return finishIfDone({ ...next, attempts: giveUp(attempts, unknowns) }, now)
    }
    case 'retry':
      if (isHeld) return retryAt(next, now + probeEveryMs, now, 'held')
      return retryAt(next, now + (wait ?? backoffMs(attempts)), now)
    default:
      return outcome.outcome satisfies never
  }
}

/** Counts as refused, so that the part takes the next route or can be retried. */
const reachedNoOne = { outcome: 'refused', hint: 'no recipient has access to the app and a licence' } as const

/** True if WeCom accepted the message, but lists every recipient as invalid or unlicensed. */
function reachesNoOne({ body }: Delivery, unreached: Unreached | undefined): boolean {
  if (body.kind !== 'messages' || body.to.kind !== 'user' || unreached === undefined) return false
  const lost = new Set(
    [...(unreached.invaliduser ?? []), ...(unreached.unlicenseduser ?? [])].map(id => id.toLowerCase()),
  )
  return body.to.ids.every(id => lost.has(id.toLowerCase()))
}

/** Queues a dead letter again for an operator. Parts that arrived are not sent again; unknown ones are. */
export function revive(delivery: Delivery, now: number, expiresAt: number): Delivery {
  const { finishedAt: _, unreached: __, ...rest } = delivery
  const attempts = delivery.attempts.map(attempt =>
    attempt.outcome === 'unknown' || attempt.outcome === undefined
      ? { ...attempt, outcome: 'unknown' as const, overruled: true }
      : attempt,
  )
  return { ...rest, attempts, state: 'queued', dead: false, dueAt: now, expiresAt }
}

/** Returns how many attempts in a row, up to the last one, ended with `retry`. */
export function countRetries(attempts: readonly Attempt[]): number {
  let count = 0
  for (const attempt of attempts.toReversed()) {
    if (attempt.outcome !== 'retry') break
    count += attempt.times ?? 1
  }
  return count
}

function backoffMs(attempts: readonly Attempt[]): number {
  return Math.min(firstRetryMs * 2 ** Math.min(countRetries(attempts) - 1, 10), lastRetryMs)
}

/** Adds an attempt. Equal retries in a row share one entry, so that a day of retries does not grow the row. */
function appendAttempt(before: readonly Attempt[], attempt: Attempt): readonly Attempt[] {
  const last = before.at(-1)
  const isSame =
    last?.outcome === 'retry' &&
    attempt.outcome === 'retry' &&
    last.errcode === attempt.errcode &&
    partOf(last) === partOf(attempt)
  return isSame ? [...before.slice(0, -1), { ...attempt, times: (last.times ?? 1) + 1 }] : [...before, attempt]
}

function finishIfDone(delivery: Delivery, now: number): Delivery {
  if (nextPart(delivery) !== undefined) return delivery
  if (hasUnknown(delivery.attempts.filter(attempt => attempt.givenUp))) return close(delivery, 'unknown', now)
  return { ...delivery, state: delivery.unreached === undefined ? 'delivered' : 'partial', finishedAt: now }
}

function retryAt(delivery: Delivery, dueAt: number, now: number, state: 'queued' | 'held' = 'queued'): Delivery {
  return dueAt < delivery.expiresAt ? { ...delivery, state, dueAt } : expire(delivery, now)
}

/** Ends a delivery that was not delivered in time. */
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

function mergeUnreached(known: Unreached | undefined, more: Unreached): Unreached {
  const union = (one: readonly string[] = [], other: readonly string[] = []) => [...new Set([...one, ...other])]
  const merged = {
    invaliduser: union(known?.invaliduser, more.invaliduser),
    invalidparty: union(known?.invalidparty, more.invalidparty),
    invalidtag: union(known?.invalidtag, more.invalidtag),
    unlicenseduser: union(known?.unlicenseduser, more.unlicenseduser),
  }
  return Object.fromEntries(Object.entries(merged).filter(([, ids]) => ids.length > 0))
}
