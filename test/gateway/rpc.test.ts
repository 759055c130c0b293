import { expect, test } from 'bun:test'
import { decodeFrame, type GatewayFrame } from '../../src/gateway/link/frames.ts'
import { GatewayRefusal, Rpc } from '../../src/gateway/link/rpc.ts'
import { silentTimers } from './rig.ts'

function setUp() {
  const { clock, timers } = silentTimers()
  const sent: { id: string; method: string; params: unknown }[] = []
  const rpc = new Rpc(clock, timers)
  const line = { unsent: 0 }
  const socket = { send: (text: string) => void sent.push(JSON.parse(text)), bufferedBytes: () => line.unsent }
  const request = (method: string, timeoutMs = 1_000) => rpc.request(socket, method, { n: sent.length }, timeoutMs)
  const settle = (id: string, answer: object) => rpc.settle(resOf(id, answer))
  return { clock, line, rpc, sent, request, settle }
}

function resOf(id: string, answer: object): Extract<GatewayFrame, { kind: 'res' }> {
  const frame = decodeFrame(JSON.stringify({ type: 'res', id, ...answer }))
  if (frame.kind !== 'res') throw new Error('not an answer')
  return frame
}

test('rpc: responses are matched to requests in any order', async () => {
  const { sent, request, settle } = setUp()
  const [first, second] = [request('a'), request('b')]
  expect(sent.map(one => [one.method, one.params])).toEqual([
    ['a', { n: 0 }],
    ['b', { n: 1 }],
  ])
  settle(sent[1]?.id ?? '', { ok: true, payload: { of: 'b' } })
  settle(sent[0]?.id ?? '', { ok: true, payload: { of: 'a' } })
  expect([await first, await second]).toEqual([{ of: 'a' }, { of: 'b' }])
})

test('rpc: a refusal has the code, the details and the retry delay', async () => {
  const { sent, request, settle } = setUp()
  const refused = request('chat.send').catch(error => error)
  const error = { code: 'UNAVAILABLE', message: 'later', retryAfterMs: 500, details: { reason: 'gateway-restarting' } }
  settle(sent[0]?.id ?? '', { ok: false, error })
  const refusal: unknown = await refused
  expect(refusal).toBeInstanceOf(GatewayRefusal)
  expect(refusal).toMatchObject({
    code: 'gateway_refused',
    gatewayCode: 'UNAVAILABLE',
    message: 'chat.send: UNAVAILABLE: later',
    retryAfterMs: 500,
    details: { reason: 'gateway-restarting' },
  })
})

test('rpc: a refusal without an error object is still a refusal', async () => {
  const { sent, request, settle } = setUp()
  const refused = request('x').catch(error => error)
  settle(sent[0]?.id ?? '', { ok: false })
  expect(await refused).toMatchObject({ gatewayCode: 'UNKNOWN', message: 'x: UNKNOWN: no message', details: {} })
})

test('rpc: a request without a response fails at its own timeout', async () => {
  const { clock, request } = setUp()
  const ends: string[] = []
  const short = request('short', 1_000).catch(error => ends.push(`${error.code}: ${error.message}`))
  const long = request('long', 2_000).catch(error => ends.push(`${error.code}: ${error.message}`))
  await clock.advanceTo(clock.now() + 999)
  expect(ends).toEqual([])
  await clock.advanceTo(clock.now() + 1)
  await short
  expect(ends).toEqual(['gateway_timeout: short: no response within 1000 ms'])
  await clock.advanceTo(clock.now() + 1_000)
  await long
  expect(ends).toHaveLength(2)
})

test('rpc: the timeout restarts while the socket has unsent bytes', async () => {
  const { clock, line, request } = setUp()
  const ends: string[] = []
  line.unsent = 25_000_000
  const slow = request('slow', 1_000).catch(error => ends.push(error.code))
  await clock.advanceTo(clock.now() + 1_500)
  line.unsent = 0
  await clock.advanceTo(clock.now() + 499)
  expect(ends).toEqual([])
  await clock.advanceTo(clock.now() + 1_001)
  await slow
  expect(ends).toEqual(['gateway_timeout'])
})

test('rpc: late, repeated and unknown responses are ignored', async () => {
  const { clock, sent, request, settle } = setUp()
  const late = request('late').catch(error => error.code)
  await clock.advanceTo(clock.now() + 1_000)
  const answered = request('answered')
  settle(sent[0]?.id ?? '', { ok: true, payload: { late: true } })
  settle(sent[1]?.id ?? '', { ok: true, payload: { n: 1 } })
  settle(sent[1]?.id ?? '', { ok: false, error: { code: 'X' } })
  settle('nobody', { ok: true })
  expect([await late, await answered]).toEqual(['gateway_timeout', { n: 1 }])
})

test('rpc: a response in time cancels the timeout', async () => {
  const { clock, sent, request, settle } = setUp()
  const answered = request('a')
  settle(sent[0]?.id ?? '', { ok: true, payload: {} })
  await answered
  expect(clock.nextAlarmAt()).toBeDefined() // the shared timer may still fire; it finds nothing to do
  await clock.advanceTo(clock.now() + 10_000)
  expect(await answered).toEqual({})
})

test('rpc: all pending requests fail when the socket closes', async () => {
  const { sent, rpc, request, settle } = setUp()
  const both = [request('a'), request('b')].map(promise => promise.catch(error => `${error.code}: ${error.message}`))
  rpc.failAll('connection closed (1006)')
  expect(await Promise.all(both)).toEqual([
    'gateway_down: a: connection closed (1006)',
    'gateway_down: b: connection closed (1006)',
  ])
  settle(sent[0]?.id ?? '', { ok: true })
  rpc.failAll('again')
})
