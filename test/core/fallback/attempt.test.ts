import { describe, expect, test } from 'bun:test'
import type { AttemptOutcome, Delivery, Message, Outcome } from '../../../src/domain/delivery.ts'
import type { SendWindow } from '../../../src/domain/ports.ts'
import { beginAttempt, nextPart, settleAttempt, resume } from '../../../src/core/fallback/attempt.ts'

const now = 1_780_000_000_000
const free: SendWindow = { isDuplicate: false }
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

const direct = (parts: number, more: Partial<Delivery> = {}): Delivery => ({
  ...queued,
  id: 't:app',
  route: 'app',
  body: {
    kind: 'messages',
    to: { kind: 'user', ids: ['zhangsan'] },
    messages: Array.from({ length: parts }, (_, index): Message => ({ kind: 'text', content: `part ${index + 1}` })),
  },
  ...more,
})

type Step = AttemptOutcome | 'crash' | 'duplicate unknown' | { readonly waitMs: number } | Outcome

/** Makes attempts ten seconds apart. `crash` is an attempt without an outcome, `duplicate` one of an equal message. */
function afterAttempts(first: Delivery, steps: readonly Step[]): Delivery {
  let delivery = first
  let at = now
  for (const step of steps) {
    if (typeof step === 'object' && 'waitMs' in step) {
      at += step.waitMs
      continue
    }
    delivery = resume(delivery, at)
    if (nextPart(delivery) === undefined) return delivery
    delivery = beginAttempt(delivery, { isDuplicate: step === 'duplicate unknown' }, at)
    if (delivery.state !== 'sending') return delivery
    if (step !== 'crash') delivery = settleAttempt(delivery, outcomeOf(step), at + 1)
    at += 10_000
  }
  return delivery
}

function outcomeOf(step: Exclude<Step, 'crash' | { waitMs: number }>): Outcome {
  if (typeof step === 'object') return step
  if (step === 'duplicate unknown') return { outcome: 'unknown' }
  return { outcome: step, errcode: step === 'refused' ? 40008 : 0 }
}

function nameOf(step: Step): string {
  if (typeof step === 'string') return step
  if ('waitMs' in step) return `${step.waitMs / 1_000} s`
  return `${step.outcome} (${step.hold ? 'hold' : Object.keys(step.unreached ?? {}).join(', ')})`
}

function testTable(first: Delivery, table: readonly (readonly [Step[], string, boolean, number])[]): void {
  for (const [steps, state, dead, attempts] of table) {
    test(`attempt: ${steps.map(nameOf).join(', ')} ends ${state}${dead ? ' and dead' : ''}`, () => {
      const delivery = afterAttempts(first, steps)
      expect(delivery).toMatchObject({ state, dead })
      expect(delivery.attempts).toHaveLength(attempts)
      expect(delivery.body).toBe(first.body)
    })
  }
}

describe('a response_url accepts one body', () => {
  testTable(queued, [
    [['delivered'], 'delivered', false, 1],
    [['refused'], 'refused', true, 1],
    [['unknown'], 'queued', false, 1],
    [['unknown', 'delivered'], 'delivered', false, 2],
    [['unknown', 'refused'], 'unknown', true, 2],
    [['unknown', 'unknown'], 'unknown', true, 2],
    [['retry'], 'queued', false, 1],
    [['retry', 'retry', 'delivered'], 'delivered', false, 2],
    [['retry', 'refused'], 'refused', true, 2],
    [['unknown', 'retry'], 'queued', false, 2],
    [['unknown', 'retry', 'refused'], 'unknown', true, 3],
    [['unknown', { waitMs: 3_000_000 }, 'delivered'], 'delivered', false, 2],
    [['crash', 'delivered'], 'delivered', false, 2],
    [['crash', 'refused'], 'unknown', true, 2],
    [['crash', 'crash', 'delivered'], 'unknown', true, 2],
    [['unknown', 'crash', 'delivered'], 'unknown', true, 2],
  ])
})

describe('message/send drops duplicates for a while', () => {
  testTable(direct(1), [
    [['delivered'], 'delivered', false, 1],
    [['unknown', 'delivered'], 'delivered', false, 2],
    [['unknown', 'unknown'], 'unknown', true, 2],
    [['unknown', 'refused'], 'unknown', true, 2],
    [['crash', 'delivered'], 'delivered', false, 2],
    [['crash', { waitMs: 60_000 }, 'delivered'], 'unknown', true, 1],
    [['unknown', { waitMs: 60_000 }, 'delivered'], 'unknown', true, 1],
    [['unknown', 'retry', { waitMs: 60_000 }, 'delivered'], 'unknown', true, 2],
    [['duplicate unknown'], 'unknown', true, 1],
    [[{ outcome: 'delivered', unreached: { invalidparty: ['2'] } }], 'partial', false, 1],
    [[{ outcome: 'delivered', unreached: { invaliduser: ['zhangsan'] } }], 'refused', true, 1],
    [[{ outcome: 'delivered', unreached: { unlicenseduser: ['ZhangSan'] } }], 'refused', true, 1],
    [[{ outcome: 'retry', hold: true }], 'held', false, 1],
  ])
})

describe('messages of several parts', () => {
  testTable(direct(3), [
    [['delivered'], 'sending', false, 1],
    [['delivered', 'delivered', 'delivered'], 'delivered', false, 3],
    [['delivered', 'refused'], 'refused', true, 2],
    [['delivered', 'crash', 'delivered', 'delivered'], 'delivered', false, 4],
    [['delivered', 'crash', { waitMs: 60_000 }, 'delivered'], 'unknown', true, 3],
    [['unknown', 'unknown', 'delivered', 'delivered'], 'unknown', true, 4],
    [['delivered', 'retry', 'retry', 'delivered', 'delivered'], 'delivered', false, 4],
  ])

  test('attempt: a part that arrived is not sent again', () => {
    const { attempts } = afterAttempts(direct(3), ['delivered', 'retry', 'retry', 'delivered', 'delivered'])
    expect(attempts.map(({ part, outcome, times }) => [part, outcome, times])).toEqual([
      [1, 'delivered', undefined],
      [2, 'retry', 2],
      [2, 'delivered', undefined],
      [3, 'delivered', undefined],
    ])
  })
})

describe('groups and robots show every repeat', () => {
  for (const route of ['appchat', 'webhook'] as const) {
    testTable(direct(1, { route }), [
      [['unknown'], 'unknown', true, 1],
      [['crash', 'delivered'], 'unknown', true, 1],
      [['retry', 'delivered'], 'delivered', false, 2],
    ])
  }
})

test('attempt: it is recorded before the request leaves', () => {
  expect(beginAttempt(queued, free, now + 5)).toMatchObject({
    state: 'sending',
    attempts: [{ at: now + 5, route: 'response_url' }],
  })
})

test('attempt: an expired delivery is not sent, and dead', () => {
  expect(beginAttempt(queued, free, queued.expiresAt)).toMatchObject({ state: 'refused', dead: true, attempts: [] })
  const late = settleAttempt(beginAttempt(queued, free, queued.expiresAt - 1), { outcome: 'retry' }, queued.expiresAt)
  expect(late).toMatchObject({ state: 'refused', dead: true })
})

test('attempt: a message that reaches no one is refused, errcode 0 or not', () => {
  const outcome: Outcome = { outcome: 'delivered', errcode: 0, unreached: { unlicenseduser: ['zhangsan'] } }
  const lost = settleAttempt(beginAttempt(direct(2), free, now), outcome, now)
  expect(lost.attempts).toMatchObject([{ outcome: 'refused', errcode: 0, hint: expect.stringContaining('licence') }])
  expect(nextPart(lost)).toBe(1)
})

test('attempt: an equal message is sent unchecked, a repeat never is', () => {
  const duplicate = beginAttempt(direct(1), { isDuplicate: true }, now)
  expect(duplicate.attempts[0]).toMatchObject({ unchecked: true })
  const repeat = beginAttempt(
    settleAttempt(beginAttempt(direct(1), free, now), { outcome: 'unknown' }, now),
    { isDuplicate: true },
    now,
  )
  expect(repeat.attempts[1]).not.toHaveProperty('unchecked')
})

test('attempt: over a rate limit a message is held, but a repeat is not', () => {
  const full = { isDuplicate: false, freeAt: now + 30_000 }
  expect(beginAttempt(direct(1), full, now)).toMatchObject({ state: 'held', dueAt: now + 30_000, attempts: [] })
  const unknown = settleAttempt(beginAttempt(direct(1), free, now), { outcome: 'unknown' }, now)
  expect(beginAttempt(unknown, full, now + 2_000)).toMatchObject({ state: 'sending' })
})

test('attempt: retries back off, or wait as long as WeCom asks', () => {
  let delivery = direct(1, { expiresAt: now + 86_400_000 })
  const waits: number[] = []
  for (let n = 0; n < 9; n++) {
    delivery = settleAttempt(beginAttempt(delivery, free, now), { outcome: 'retry', errcode: -1 }, now)
    waits.push((delivery.dueAt - now) / 1000)
  }
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300])
  expect(delivery.attempts).toEqual([{ at: now, route: 'app', part: 1, outcome: 'retry', errcode: -1, times: 9 }])
  const limited = settleAttempt(
    beginAttempt(delivery, free, now),
    { outcome: 'retry', errcode: 45009, retryAfterMs: 70_000 },
    now,
  )
  expect(limited.dueAt).toBe(now + 70_000)
})
