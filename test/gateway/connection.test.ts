import { afterEach, describe, expect, test } from 'bun:test'
import type { WecomdError } from '../../src/errors.ts'
import { createEchoGateway, type EchoOptions } from '../../src/playground/echo-gateway.ts'
import type { Socket } from '../../src/world.ts'
import { quietWorld } from '../scenarios/house.ts'
import { until } from '../scenarios/until.ts'
import { hello, openRawGateway, users } from './raw-gateway.ts'
import { type LinkOptions, openLink } from './rig.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

const full = [...users, 'operator.admin', 'operator.approvals']

function raw(answer: Parameters<typeof openRawGateway>[0]) {
  const gateway = openRawGateway(answer)
  open.push(gateway)
  return gateway
}

function echo(options: Partial<EchoOptions> = {}) {
  const gateway = createEchoGateway(quietWorld(), { token: 'link-token', ...options })
  open.push(gateway)
  return gateway
}

function link(options: LinkOptions) {
  const opened = openLink(options)
  open.push(opened)
  opened.connection.start()
  return opened
}

type Link = ReturnType<typeof link>
const reach = (opened: Link, state: string) =>
  until(`the link to be ${state}`, () => (opened.connection.status.state === state ? true : undefined))
const codeOf = (error: WecomdError) => error.code
/** How long until the next try; undefined while one goes on, which has 15 s. */
async function pauseOf(opened: Link): Promise<number | undefined> {
  await opened.pass(0)
  const pause = (opened.clock.nextAlarmAt() ?? 0) - opened.clock.now()
  return pause < 15_000 ? pause : undefined
}
const refusal = (code: string, details: object = {}, more: object = {}) =>
  ({ ok: false, error: { code, message: 'no', details, ...more } }) as const

describe('getting there', () => {
  test('connection: it greets, says what it may do, and carries requests', async () => {
    const gateway = echo()
    const opened = link({ url: gateway.url })
    await reach(opened, 'up')
    expect(opened.connection.status.scopes).toBe('operator.read operator.write')
    expect(opened.connection.hello).toMatchObject({ bootId: gateway.bootId(), tickIntervalMs: 30_000 })
    expect(await opened.connection.request('agents.list', {})).toEqual({ agents: [{ id: 'main' }] })
  })

  test('connection: a host that takes the call and never speaks is given up after 15 s and tried again', async () => {
    let calls = 0
    const mute = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { open: () => void calls++, data() {} } })
    open.push({ close: () => mute.stop(true) })
    const opened = link({ url: `ws://127.0.0.1:${mute.port}` })
    await until('the call', () => calls === 1)
    await opened.pass(14_999)
    expect(opened.connection.status.state).toBe('connecting')
    await opened.pass(1)
    await reach(opened, 'down')
    expect(opened.connection.status.hint).toBe(`is the gateway running and reachable at 127.0.0.1:${mute.port}?`)
    await opened.pass(500)
    await until('another call', () => calls === 2)
  })

  test('connection: a gateway that greets and never answers is given up after 15 s as well', async () => {
    const gateway = raw(() => undefined)
    const opened = link({ url: gateway.url })
    await until('the connect', () => gateway.connects.length === 1)
    await opened.pass(15_000)
    await reach(opened, 'down')
    await opened.pass(500)
    await until('another connect', () => gateway.connects.length === 2)
  })

  test('connection: a gateway that starts is asked again when it said', async () => {
    const gateway = raw((_, count) => (count === 1 ? refusal('UNAVAILABLE', {}, { retryAfterMs: 700 }) : hello()))
    const opened = link({ url: gateway.url })
    await until('the refusal', () => opened.connection.status.reason === 'the gateway is starting')
    expect(opened.connection.status.state).toBe('connecting')
    await opened.pass(699)
    expect(gateway.connects).toHaveLength(1)
    await opened.pass(1)
    await reach(opened, 'up')
  })

  test('connection: nobody there is tried again with growing pauses', async () => {
    const gateway = echo()
    await gateway.stop()
    const opened = link({ url: gateway.url, fraction: 1 })
    const pauses: number[] = []
    for (let failures = 1; failures <= 6; failures++) {
      pauses.push(await until('the next try', () => pauseOf(opened)))
      await opened.pass(pauses.at(-1) ?? 0)
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
    expect(opened.statuses.map(status => status.state)).toEqual(['down'])
  })
})

describe('being refused', () => {
  test('connection: a wrong token is state with what to compare, tried slowly, and never logged', async () => {
    const gateway = echo()
    const opened = link({ url: gateway.url, credentials: { token: 'wrong-secret-token' } })
    await reach(opened, 'refused')
    expect(opened.connection.status).toMatchObject({
      reason: expect.stringContaining('AUTH_TOKEN_MISMATCH'),
      hint: expect.stringContaining('gateway.token is not the token of this gateway'),
    })
    expect(opened.log.join('\n')).not.toContain('wrong-secret-token')
    expect(await opened.connection.request('agents.list', {}).catch(codeOf)).toBe('gateway_down')
    expect(await pauseOf(opened)).toBe(10_000)
  })

  test("connection: a gateway that grants the users' link admin rights is not used", async () => {
    const gateway = raw(() => hello({ scopes: full }))
    const opened = link({ url: gateway.url })
    await reach(opened, 'refused')
    expect(opened.connection.status.reason).toContain('granted more than was asked')
    expect(opened.connection.hello).toBeUndefined()
    expect(await opened.connection.request('chat.send', {}).catch(codeOf)).toBe('gateway_down')
    expect(gateway.requests).toEqual([])
  })

  test('connection: a gateway that grants too little is not used either', async () => {
    const gateway = raw(() => hello({ scopes: ['operator.read'] }))
    const opened = link({ url: gateway.url })
    await reach(opened, 'refused')
    expect(opened.connection.status.reason).toBe('the gateway did not grant operator.write')
  })
})

describe('pairing', () => {
  test('connection: it waits for approval with the command to run, then asks for read and write only, for ever', async () => {
    const asked: string[][] = []
    const gateway = echo({
      pairing: 'required',
      intercept: (stage, method, params) => {
        if (stage === 'received' && method === 'connect') asked.push(params['scopes'] as string[])
      },
    })
    const opened = link({ url: gateway.url, isPaired: false })
    await reach(opened, 'pairing')
    const requestId = /^on the gateway host run: openclaw devices approve (\w+)$/.exec(
      opened.connection.status.hint ?? '',
    )?.[1]
    await opened.pass(10_000)
    await until('the second try', () => asked.length === 2)
    expect(opened.connection.status.state).toBe('pairing')
    expect(gateway.approve(requestId ?? '')).toBe(true)
    await opened.pass(10_000)
    await reach(opened, 'up')
    expect(asked).toEqual([full, full, full, users])
    expect(opened.connection.status.scopes).toBe('operator.read operator.write')
    expect(opened.memory.isPaired()).toBe(true)
    gateway.dropConnections()
    await reach(opened, 'down')
    await opened.pass(1_000)
    await reach(opened, 'up')
    expect(asked.slice(4)).toEqual([users])
  })

  test('connection: text of a user never meets the pairing connection, which may do everything', async () => {
    const gateway = raw(connect => hello({ scopes: connect['scopes'] }))
    const opened = link({ url: gateway.url, isPaired: false })
    await reach(opened, 'up')
    expect(gateway.connects.map(connect => connect['scopes'])).toEqual([full, users])
    expect(opened.statuses.map(status => status.scopes)).toEqual(['operator.read operator.write'])
  })

  test('connection: a gateway that forgot the device is asked for pairing again', async () => {
    const details = { code: 'PAIRING_REQUIRED', reason: 'not-paired', requestId: 'abc' }
    const gateway = raw(() => refusal('NOT_PAIRED', details))
    const opened = link({ url: gateway.url })
    await reach(opened, 'pairing')
    expect(opened.connection.status).toMatchObject({
      reason: 'this device waits for approval (not-paired)',
      hint: 'on the gateway host run: openclaw devices approve abc',
    })
    await opened.pass(10_000)
    await until('the second connect', () => gateway.connects.length === 2)
    expect(gateway.connects.map(connect => connect['scopes'])).toEqual([users, full])
  })
})

describe('staying there', () => {
  test('connection: a gateway that restarts (1012) is down and soon up again, with its new boot', async () => {
    const gateway = raw(() => hello())
    const opened = link({ url: gateway.url })
    await reach(opened, 'up')
    const waiting = opened.connection.request('chat.history', { sessionKey: 'x' }).catch(error => error)
    await until('the request', () => gateway.requests.length === 1)
    gateway.hangUp(1012, 'service restart')
    expect(await waiting).toMatchObject({
      code: 'gateway_down',
      message: 'chat.history: the connection closed (1012)',
    })
    await reach(opened, 'down')
    expect(opened.connection.status.reason).toBe('connection closed (1012 service restart)')
    expect(opened.connection.hello).toBeUndefined()
    await opened.pass(500)
    await reach(opened, 'up')
    expect(opened.statuses.map(status => status.state)).toEqual(['up', 'down', 'up'])
  })

  test('connection: after a good link the pauses begin small again', async () => {
    const gateway = raw((_, count) => (count < 4 ? refusal('UNAVAILABLE') : hello()))
    const opened = link({ url: gateway.url, fraction: 1 })
    for (const pause of [1_000, 2_000, 4_000]) {
      await until('the refusal', async () => (await pauseOf(opened)) === pause)
      await opened.pass(pause)
    }
    await reach(opened, 'up')
    gateway.hangUp(1012, '')
    await reach(opened, 'down')
    await until('the first pause', async () => (await pauseOf(opened)) === 1_000)
  })

  test('connection: two ticks missing mean that nobody is there any more', async () => {
    const gateway = raw(() => hello({ tickIntervalMs: 1_000 }))
    const opened = link({ url: gateway.url })
    await reach(opened, 'up')
    await opened.pass(1_500)
    gateway.send({ type: 'event', event: 'tick', payload: {} })
    await until('the tick', () => opened.heard.length === 1)
    await opened.pass(1_999)
    expect(opened.connection.status.state).toBe('up')
    await opened.pass(1)
    await reach(opened, 'down')
    expect(opened.log.join('\n')).toContain('the gateway went silent, reconnecting')
    await opened.pass(500)
    await reach(opened, 'up')
  })

  test('connection: a late answer of the last connection does not answer a request of this one', async () => {
    const gateway = raw(() => hello())
    const opened = link({ url: gateway.url })
    await reach(opened, 'up')
    const first = opened.connection.request('a', {}).catch(error => error.code)
    await until('the request', () => gateway.requests.length === 1)
    gateway.hangUp(1012, '')
    expect(await first).toBe('gateway_down')
    await opened.pass(500)
    await reach(opened, 'up')
    const second = opened.connection.request('b', {})
    const { id } = await until('the second request', () => gateway.requests[1])
    gateway.send({ type: 'res', id: `not-${id}`, ok: true, payload: { of: 'nobody' } })
    gateway.send({ type: 'res', id, ok: true, payload: { of: 'b' } })
    expect(await second).toEqual({ of: 'b' })
  })

  test('connection: a stopped one stays stopped', async () => {
    const gateway = raw(() => hello())
    const opened = link({ url: gateway.url })
    await reach(opened, 'up')
    const waiting = opened.connection.request('a', {}).catch(error => error.code)
    opened.connection.stop()
    expect(await waiting).toBe('gateway_down')
    await opened.pass(60_000)
    expect(gateway.connects).toHaveLength(1)
  })
})

const chat = (sessionKey: string, seq: number) => ({ type: 'event', event: 'chat', payload: { sessionKey, seq } })

describe('what it hears', () => {
  test('connection: events of sessions that nobody holds are dropped, the others told in order', async () => {
    const gateway = raw(() => hello())
    const opened = link({ url: gateway.url, isHeld: key => key === 'agent:main:ours' })
    await reach(opened, 'up')
    gateway.send(chat('agent:main:ours', 1))
    gateway.send(chat('agent:main:theirs', 2))
    gateway.send({
      type: 'event',
      event: 'agent',
      payload: { data: { text: '"sessionKey":"agent:main:ours"' }, sessionKey: 'x' },
    })
    gateway.send({ what: 'is this' })
    gateway.send(chat('agent:main:ours', 3))
    gateway.send({ type: 'event', event: 'shutdown', payload: { reason: 'gateway stopping' } })
    await until('the last event', () => opened.heard.at(-1)?.event === 'shutdown')
    expect(opened.heard.map(({ event, payload }) => payload['seq'] ?? event)).toEqual([1, 3, 'shutdown'])
  })

  test('connection: a gateway that reads slowly gets nothing more until it has caught up', async () => {
    const gateway = raw(() => hello())
    let unsent = 0
    const { openSocket } = quietWorld()
    const opened = link({
      url: gateway.url,
      openSocket: (url, options, events): Socket => ({
        ...openSocket(url, options, events),
        bufferedBytes: () => unsent,
      }),
    })
    await reach(opened, 'up')
    unsent = 8 * 1024 * 1024 + 1
    const answer = opened.connection.request('chat.send', {})
    await opened.pass(1_000)
    unsent = 0
    const small = opened.connection.request('chat.history', {})
    await until('the small request', () => gateway.requests.length === 1)
    expect(gateway.requests[0]?.method).toBe('chat.history')
    await opened.pass(100)
    await until('the waiting request', () => gateway.requests.length === 2)
    for (const { id } of gateway.requests) gateway.send({ type: 'res', id, ok: true, payload: {} })
    expect(await Promise.all([answer, small])).toEqual([{}, {}])
  })
})
