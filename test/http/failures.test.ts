import { expect, test } from 'bun:test'
import { Metrics } from '../../src/http/metrics.ts'

const hour = 3_600_000

test('failures: those of the last hour are counted by cause, the most frequent first', () => {
  const metrics = new Metrics()
  metrics.turnFailed('model_auth', 0)
  metrics.turnFailed('model_rate', hour / 2)
  metrics.turnFailed('model_auth', hour / 2)
  metrics.turnFailed('model_auth', hour - 1)
  expect(metrics.failures(hour - 1)).toEqual([
    { cause: 'model_auth', count: 3 },
    { cause: 'model_rate', count: 1 },
  ])
  expect(metrics.failures(hour)).toEqual([
    { cause: 'model_auth', count: 2 },
    { cause: 'model_rate', count: 1 },
  ])
  expect(metrics.failures(3 * hour)).toEqual([])
})

test('failures: a flood of them stays bounded', () => {
  const metrics = new Metrics()
  for (let at = 0; at < 5_000; at++) metrics.turnFailed('model_error', at)
  expect(metrics.failures(5_000)).toEqual([{ cause: 'model_error', count: 1_000 }])
})
