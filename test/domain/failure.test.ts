import { expect, test } from 'bun:test'
import { describeError, gatewayCommandFor } from '../../src/domain/failure.ts'

test.each([
  ['Incorrect API key provided: sk-proj-abc123DEF456', 'Incorrect API key provided: …'],
  ['401 {"authorization":"Bearer abcdefgh"}', '401 {"authorization":"…"}'],
  ['token=0123456789abcdef rejected', '… rejected'],
  ['see 0123456789abcdef0123456789abcdef', 'see …'],
  ['line one\n\tline\u001b[31m two ', 'line one line [31m two'],
  ['the prompt is too long', 'the prompt is too long'],
  ['HTTP 429: rate limit of gpt-5 reached', 'HTTP 429: rate limit of gpt-5 reached'],
])('failure: %j is kept as %j', (error, kept) => {
  expect(describeError(error)).toBe(kept)
})

test('failure: an error is cut to 200 characters, never inside one', () => {
  const cut = describeError('😀 '.repeat(150))
  expect([cut.length <= 200, cut.isWellFormed(), cut.endsWith('…')]).toEqual([true, true, true])
})

test('failure: the command for the operator', () => {
  expect(['model_auth', 'model_rate', 'no_agent', 'gateway_restart'].map(gatewayCommandFor)).toEqual([
    'openclaw models status',
    'openclaw logs --follow',
    'openclaw agents list',
    undefined,
  ])
})
