import { expect, test } from 'bun:test'
import { createStrangerLog } from '../../src/app/mounts.ts'
import { Metrics } from '../../src/http/metrics.ts'
import { createLog } from '../../src/world.ts'

const accepted = { account: 'default', surface: 'bot', type: 'message', result: 'ok', tookMs: 1 }

test('refused: the last refusal is reported until a callback of that surface is accepted', () => {
  const metrics = new Metrics()
  const refused = (at: number, cause: string, surface = 'bot') =>
    metrics.refused({ account: 'default', surface, at, cause, reason: `because of ${cause}` })
  refused(1, 'signature')
  refused(2, 'envelope')
  refused(3, 'parameters', 'app')
  expect(metrics.surface('default', 'bot')).toMatchObject({
    lastSignatureFailureAt: 1,
    lastRefused: { at: 2, cause: 'envelope', reason: 'because of envelope' },
  })
  metrics.callback({ ...accepted, type: 'unreadable', result: 'rejected', at: 4 })
  expect(metrics.surface('default', 'bot').lastRefused).toBeDefined()
  metrics.callback({ ...accepted, type: 'echo', at: 5 })
  expect(metrics.surface('default', 'bot')).toMatchObject({ verifiedAt: 5, lastCallbackAt: 5 })
  expect(metrics.surface('default', 'bot').lastRefused).toBeUndefined()
  expect(metrics.surface('default', 'app').lastRefused).toMatchObject({ cause: 'parameters' })
})

test('refused: a URL of no account is one warning a minute, whatever is asked for', () => {
  const lines: string[] = []
  let now = 0
  const log = createLog(
    line => void lines.push(line),
    () => now,
    { level: 'debug', format: 'json' },
  )
  const stranger = createStrangerLog({ log, clock: { now: () => now, wall: () => now, alarm: () => () => {} } })
  for (now = 0; now < 120_000; now += 10_000) {
    stranger({ status: 404, path: `/wecom/bot/${'x'.repeat(200)}${now}` })
    stranger({ status: 405, path: '/wecom' })
  }
  const told = lines.map(line => JSON.parse(line))
  expect(told.map(({ level, path }) => [level, path.length])).toEqual([
    ['warn', 100],
    ['warn', 6],
    ['warn', 100],
    ['warn', 6],
  ])
  expect(told.every(({ hint }) => typeof hint === 'string')).toBe(true)
})
