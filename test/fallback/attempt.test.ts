import { describe, expect, test } from 'bun:test'
import type { AttemptOutcome, Delivery } from '../../src/domain/delivery.ts'
import { beginAttempt, settleAttempt } from '../../src/fallback/attempt.ts'

const now = 1_780_000_000_000
const queued: Delivery = {
  id: 't:response_url',
  turn: 't',
  account: 'default',
  route: 'response_url',
  state: 'queued',
  dead: false,
  body: { kind: 'markdown', url: 'https://qyapi.weixin.qq.com/r', content: 'hi' },
  lane: 't:home',
  order: 1,
  dueAt: now,
  expiresAt: now + 3_600_000,
  attempts: [],
  createdAt: now,
}

/** Tries one after the other with these outcomes; `crash` is a try that never ended. */
function afterTries(outcomes: readonly (AttemptOutcome | 'crash')[]): Delivery {
  let delivery = queued
  for (const [index, outcome] of outcomes.entries()) {
    const at = now + index * 10_000
    delivery = beginAttempt(delivery, at)
    if (delivery.state !== 'sending') return delivery
    if (outcome !== 'crash')
      delivery = settleAttempt(delivery, { outcome, errcode: outcome === 'refused' ? 40008 : 0 }, at + 1)
  }
  return delivery
}

describe('a response_url takes one body', () => {
  const table: [(AttemptOutcome | 'crash')[], string, boolean, number][] = [
    [['delivered'], 'delivered', false, 1],
    [['refused'], 'refused', true, 1],
    [['unknown'], 'queued', false, 1],
    [['unknown', 'delivered'], 'delivered', false, 2],
    [['unknown', 'refused'], 'unknown', true, 2],
    [['unknown', 'unknown'], 'unknown', true, 2],
    [['retry'], 'queued', false, 1],
    [['retry', 'retry', 'delivered'], 'delivered', false, 3],
    [['retry', 'refused'], 'refused', true, 2],
    [['unknown', 'retry'], 'queued', false, 2],
    [['unknown', 'retry', 'refused'], 'unknown', true, 3],
    [['crash', 'delivered'], 'delivered', false, 2],
    [['crash', 'refused'], 'unknown', true, 2],
    [['crash', 'crash', 'delivered'], 'unknown', true, 2],
    [['unknown', 'crash', 'delivered'], 'unknown', true, 2],
  ]
  for (const [outcomes, state, dead, tries] of table) {
    test(`attempt: ${outcomes.join(', ')} ends ${state}${dead ? ' and dead' : ''}`, () => {
      const delivery = afterTries(outcomes)
      expect(delivery).toMatchObject({ state, dead })
      expect(delivery.attempts).toHaveLength(tries)
      expect(delivery.body).toBe(queued.body)
    })
  }
})

test('attempt: the try is written down before it leaves', () => {
  expect(beginAttempt(queued, now + 5)).toMatchObject({
    state: 'sending',
    attempts: [{ at: now + 5, route: 'response_url' }],
  })
})

test('attempt: what waited too long is not sent, and dead', () => {
  expect(beginAttempt(queued, queued.expiresAt)).toMatchObject({ state: 'refused', dead: true, attempts: [] })
  const late = settleAttempt(beginAttempt(queued, queued.expiresAt - 1), { outcome: 'retry' }, queued.expiresAt)
  expect(late).toMatchObject({ state: 'refused', dead: true })
})
