import { expect, test } from 'bun:test'
import { isSentinel, mayBecomeSentinel } from '../../../src/core/text/sentinel.ts'

test.each(['HEARTBEAT_OK', ' **NO_REPLY**. ', '`HEARTBEAT_OK`', '__NO_REPLY__'])('sentinel: %j is one', text => {
  expect([isSentinel(text), mayBecomeSentinel(text)]).toEqual([true, true])
})

test.each(['H', 'HEARTBEAT_', '**NO', 'NO_', 'NO**'])('sentinel: %j may become one', text => {
  expect([isSentinel(text), mayBecomeSentinel(text)]).toEqual([false, true])
})

test.each(['', '...', '**', 'Hello', 'NO!', 'HEARTBEAT_OK now', 'x NO_REPLY', 'NO_REPLYX'])(
  'sentinel: %j is an ordinary answer',
  text => {
    expect([isSentinel(text), mayBecomeSentinel(text)]).toEqual([false, false])
  },
)

test('sentinel: long runs of markup are read in linear time', () => {
  const stars = '*'.repeat(1_000_000)
  expect([`a${stars}a`, `${stars}a${stars}a`, `NO${stars}a`].map(mayBecomeSentinel)).toEqual([false, false, false])
})
