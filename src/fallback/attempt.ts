import type { Attempt, Delivery, Outcome } from '../domain/delivery.ts'

/** The second try of a delivery whose fate is unknown comes this much later. */
const resendAfterMs = 2_000
const retryAfterMs = 5_000

/** The delivery with a try begun, to be committed before the request leaves. A try that a crash cut off is unknown. */
export function beginAttempt(delivery: Delivery, now: number): Delivery {
  const attempts = delivery.attempts.map(attempt => (attempt.outcome === undefined ? cutOff(attempt) : attempt))
  if (isSpent(attempts)) return close({ ...delivery, attempts }, 'unknown', now)
  if (now >= delivery.expiresAt)
    return close({ ...delivery, attempts }, hasUnknown(attempts) ? 'unknown' : 'refused', now)
  return { ...delivery, state: 'sending', attempts: [...attempts, { at: now, route: delivery.route }] }
}

function cutOff(attempt: Attempt): Attempt {
  return { ...attempt, outcome: 'unknown', errmsg: 'cut off by a restart' }
}

/**
 * What an outcome makes of a delivery by response_url (`definitions.md` 2): the platform takes one body, so an unknown
 * outcome is followed by the same body once more, and a refusal of that repeat means that the first probably arrived.
 */
export function settleAttempt(delivery: Delivery, outcome: Outcome, now: number): Delivery {
  const { retryAfterMs: wait, ...known } = outcome
  const begun = delivery.attempts.at(-1) ?? { at: now, route: delivery.route }
  const before = delivery.attempts.slice(0, -1)
  const attempts = [...before, { ...begun, ...known }]
  const next: Delivery = { ...delivery, attempts }
  switch (outcome.outcome) {
    case 'delivered':
      return { ...next, state: 'delivered', finishedAt: now }
    case 'refused':
      return close(next, hasUnknown(before) ? 'unknown' : 'refused', now)
    case 'unknown':
      return isSpent(attempts) ? close(next, 'unknown', now) : again(next, now + resendAfterMs, now)
    case 'retry':
      return again(next, now + (wait ?? retryAfterMs), now)
    default:
      return outcome.outcome satisfies never
  }
}

function again(delivery: Delivery, dueAt: number, now: number): Delivery {
  if (dueAt < delivery.expiresAt) return { ...delivery, state: 'queued', dueAt }
  return close(delivery, hasUnknown(delivery.attempts) ? 'unknown' : 'refused', now)
}

function close(delivery: Delivery, state: 'unknown' | 'refused', now: number): Delivery {
  return { ...delivery, state, dead: true, finishedAt: now }
}

function hasUnknown(attempts: readonly Attempt[]): boolean {
  return attempts.some(attempt => attempt.outcome === 'unknown')
}

/** Both the try and its one repeat have ended without an answer. */
function isSpent(attempts: readonly Attempt[]): boolean {
  return attempts.filter(attempt => attempt.outcome === 'unknown').length >= 2
}
