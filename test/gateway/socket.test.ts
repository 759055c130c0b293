import { afterEach, describe, expect, test } from 'bun:test'
import type { WecomdError } from '../../src/errors.ts'
import type { OpenSocket, Socket } from '../../src/world.ts'
import { quietWorld } from '../scenarios/daemon.ts'
import { until } from '../scenarios/until.ts'
import { fullScopes, Links, pauseOf, reach, refusal } from './links.ts'
import { hello, users } from './raw-gateway.ts'

const links = new Links()
afterEach(() => links.closeAll())

const codeOf = (error: WecomdError) => error.code

describe('connecting', () => {
  test('connection: it connects, reports its scopes and sends requests', async () => {
    const gateway = links.echo()
    const opened = links.link({ url: gateway.url })
    await reach(opened, 'up')
    expect(opened.connection.status.scopes).toBe(users.join(' '))
    expect(opened.connection.hello).toMatchObject({ bootId: gateway.bootId(), tickIntervalMs: 30_000 })
    expect(await opened.connection.request('agents.list', {})).toMatchObject({ agents: [{ id: 'main' }] })
  })

  test('connection: a silent host times out after 15 s and is retried', async () => {
    let calls = 0
    const mute = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { open: () => void calls++, data() {} } })
    links.closeLater({ close: () => mute.stop(true) })
    const opened = links.link({ url: `ws://127.0.0.1:${mute.port}` })
    await until('the TCP connection', () => calls === 1)
    await opened.pass(14_999)
    expect(opened.connection.status.state).toBe('connecting')
    await opened.pass(1)
    await reach(opened, 'down')
    expect(opened.connection.status.hint).toBe(
      `check that the gateway is running and reachable at 127.0.0.1:${mute.port}`,
    )
    await opened.pass(500)
    await until('another TCP connection', () => calls === 2)
  })

  test('connection: an unanswered connect times out after 15 s', async () => {
    const gateway = links.raw(() => undefined)
    const opened = links.link({ url: gateway.url })
    await until('the connect', () => gateway.connects.length === 1)
    await opened.pass(15_000)
    await reach(opened, 'down')
    await opened.pass(500)
    await until('another connect', () => gateway.connects.length === 2)
  })

  test('connection: a starting gateway is retried after its retryAfterMs', async () => {
    const gateway = links.raw((_, count) => (count === 1 ? refusal('UNAVAILABLE', {}, { retryAfterMs: 700 }) : hello()))
    const opened = links.link({ url: gateway.url })
    await until('the refusal', () => opened.connection.status.reason === 'the gateway is starting')
    expect(opened.connection.status.state).toBe('connecting')
    await opened.pass(699)
    expect(gateway.connects).toHaveLength(1)
    await opened.pass(1)
    await reach(opened, 'up')
  })

  test('connection: an unreachable gateway is retried with backoff', async () => {
    const gateway = links.echo()
    await gateway.stop()
    const opened = links.link({ url: gateway.url, fraction: 1 })
    const pauses: number[] = []
    for (let failures = 1; failures <= 6; failures++) {
      pauses.push(await until('the next try', () => pauseOf(opened)))
      await opened.pass(pauses.at(-1) ?? 0)
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
    expect(opened.statuses.map(status => status.state)).toEqual(['down'])
  })
})

describe('while a user waits for an answer', () => {
  /** A link to nothing after many failures, and how often it has tried to connect. */
  async function lostLink(isAwaited: () => Promise<boolean>) {
    const gateway = links.echo()
    await gateway.stop()
    let tries = 0
    const openSocket: OpenSocket = (...args) => {
      tries++
      return quietWorld().openSocket(...args)
    }
    const opened = links.link({ url: gateway.url, fraction: 1, isAwaited, openSocket })
    return { opened, tries: () => tries }
  }

  test('connection: a lost gateway is retried every second', async () => {
    const { opened, tries } = await lostLink(async () => true)
    for (let second = 1; second <= 8; second++) {
      expect(await until('the next try', () => pauseOf(opened))).toBeLessThanOrEqual(1_000)
      await opened.pass(1_000)
      await until('another connect', () => tries() === second + 1)
    }
  })

  test('connection: a pause that has begun is cut short', async () => {
    let isAwaited = false
    const { opened, tries } = await lostLink(async () => isAwaited)
    for (const pause of [1_000, 2_000, 4_000, 8_000]) {
      for (let ms = 0; ms < pause; ms += 1_000) {
        await until('the next look', () => pauseOf(opened))
        await opened.pass(1_000)
      }
    }
    await until('the fifth connect', () => tries() === 5)
    await until('the next look', () => pauseOf(opened))
    await opened.pass(1_000)
    expect(tries()).toBe(5)
    isAwaited = true
    await until('the next look', () => pauseOf(opened))
    await opened.pass(1_000)
    await until('the sixth connect', () => tries() === 6)
  })
})

describe('refusals', () => {
  test('connection: the status names what answers at the address', async () => {
    const web = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('hi') })
    const mute = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: { open: socket => void socket.end(), data() {} },
    })
    links.closeLater({ close: () => mute.stop(true) })
    links.closeLater({ close: () => web.stop(true) })
    const gateway = links.echo()
    await gateway.stop()
    const reasonAt = async (url: string) => {
      const opened = links.link({ url })
      await reach(opened, 'down')
      return opened.connection.status.reason
    }
    expect(await reasonAt(gateway.url)).toBe(`nothing listens at ${new URL(gateway.url).host}`)
    expect(await reasonAt(`ws://127.0.0.1:${web.port}`)).toBe(
      `127.0.0.1:${web.port} is no gateway: it answers with HTTP 200`,
    )
    expect(await reasonAt(`wss://127.0.0.1:${web.port}`)).toStartWith('TLS handshake failed')
    expect(await reasonAt(`ws://127.0.0.1:${mute.port}`)).toStartWith('connection closed (1006')
  })

  test('connection: a wrong token gives a hint and is never logged', async () => {
    const gateway = links.echo()
    const opened = links.link({ url: gateway.url, credentials: { token: 'wrong-secret-token' } })
    await reach(opened, 'refused')
    expect(opened.connection.status).toMatchObject({
      reason: expect.stringContaining('AUTH_TOKEN_MISMATCH'),
      hint: expect.stringContaining('gateway.token is not the token of this gateway'),
    })
    expect(opened.log.join('\n')).not.toContain('wrong-secret-token')
    expect(await opened.connection.request('agents.list', {}).catch(codeOf)).toBe('gateway_down')
    expect(await pauseOf(opened)).toBe(10_000)
  })

  test('connection: a device token without approvals still works', async () => {
    const gateway = links.raw(({ scopes }) =>
      JSON.stringify(scopes).includes('approvals')
        ? refusal('INVALID_REQUEST', { code: 'AUTH_SCOPE_MISMATCH' })
        : hello({ scopes }),
    )
    const opened = links.link({ url: gateway.url, hasApprovers: true, credentials: { deviceToken: 'd' } })
    await reach(opened, 'up')
    expect(opened.connection.status.scopes).toBe('operator.read operator.write')
    expect(gateway.connects).toHaveLength(3)
    expect(opened.log.join()).toContain('this device lacks operator.approvals')
  })

  test('connection: a device that was paired without questions works, and knows what an operator does', async () => {
    const gateway = links.raw(({ scopes }) => {
      const details = { code: 'PAIRING_REQUIRED', reason: 'scope-upgrade', requestId: 'abc' }
      return JSON.stringify(scopes).includes('questions') ? refusal('NOT_PAIRED', details) : hello({ scopes })
    })
    const opened = links.link({ url: gateway.url, hasApprovers: true })
    await reach(opened, 'up')
    expect(gateway.connects.map(({ scopes }) => scopes)).toEqual([
      [...users, 'operator.approvals'],
      ['operator.read', 'operator.write', 'operator.approvals'],
    ])
    expect(opened.connection.questionsHint).toBe('on the gateway host run: openclaw devices approve abc')
  })

  test("connection: the users' link refuses admin scope", async () => {
    const gateway = links.raw(() => hello({ scopes: fullScopes }))
    const opened = links.link({ url: gateway.url })
    await reach(opened, 'refused')
    expect(opened.connection.status.reason).toContain('granted more scopes than requested')
    expect(opened.connection.hello).toBeUndefined()
    expect(await opened.connection.request('chat.send', {}).catch(codeOf)).toBe('gateway_down')
    expect(gateway.requests).toEqual([])
  })

  test('connection: a gateway that grants too few scopes is refused', async () => {
    const gateway = links.raw(() => hello({ scopes: ['operator.read'] }))
    const opened = links.link({ url: gateway.url })
    await reach(opened, 'refused')
    expect(opened.connection.status.reason).toBe('the gateway did not grant operator.write')
  })
})

describe('breaks', () => {
  test('connection: after a gateway restart (1012) it reconnects', async () => {
    const gateway = links.raw(() => hello())
    const opened = links.link({ url: gateway.url })
    await reach(opened, 'up')
    const waiting = opened.connection.request('chat.history', { sessionKey: 'x' }).catch(error => error)
    await until('the request', () => gateway.requests.length === 1)
    gateway.hangUp(1012, 'service restart')
    expect(await waiting).toMatchObject({
      code: 'gateway_down',
      message: 'chat.history: connection closed (1012)',
    })
    await reach(opened, 'down')
    expect(opened.connection.status.reason).toBe('connection closed (1012 service restart)')
    expect(opened.connection.hello).toBeUndefined()
    await opened.pass(500)
    await reach(opened, 'up')
    expect(opened.statuses.map(status => status.state)).toEqual(['up', 'down', 'up'])
  })

  test('connection: a successful connect resets the backoff', async () => {
    const gateway = links.raw((_, count) => (count < 4 ? refusal('UNAVAILABLE') : hello()))
    const opened = links.link({ url: gateway.url, fraction: 1 })
    for (const pause of [1_000, 2_000, 4_000]) {
      await until('the refusal', async () => (await pauseOf(opened)) === pause)
      await opened.pass(pause)
    }
    await reach(opened, 'up')
    gateway.hangUp(1012, '')
    await reach(opened, 'down')
    await until('the first pause', async () => (await pauseOf(opened)) === 1_000)
  })

  test('connection: two missing ticks mean that the link is dead', async () => {
    const gateway = links.raw(() => hello({ tickIntervalMs: 1_000 }))
    const opened = links.link({ url: gateway.url })
    await reach(opened, 'up')
    await opened.pass(1_500)
    gateway.send({ type: 'event', event: 'tick', payload: {} })
    await until('the tick', () => opened.events.length === 1)
    await opened.pass(1_999)
    expect(opened.connection.status.state).toBe('up')
    await opened.pass(1)
    await reach(opened, 'down')
    expect(opened.log.join('\n')).toContain('no frame from the gateway for two tick intervals; reconnecting')
    await opened.pass(500)
    await reach(opened, 'up')
  })

  test('connection: a response to an older connection is ignored', async () => {
    const gateway = links.raw(() => hello())
    const opened = links.link({ url: gateway.url })
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

  test('connection: after stop it does not reconnect', async () => {
    const gateway = links.raw(() => hello())
    const opened = links.link({ url: gateway.url })
    await reach(opened, 'up')
    const waiting = opened.connection.request('a', {}).catch(error => error.code)
    opened.connection.stop()
    expect(await waiting).toBe('gateway_down')
    await opened.pass(60_000)
    expect(gateway.connects).toHaveLength(1)
  })
})

const chat = (sessionKey: string, seq: number) => ({ type: 'event', event: 'chat', payload: { sessionKey, seq } })

describe('traffic', () => {
  test('connection: events of unfollowed sessions are dropped', async () => {
    const gateway = links.raw(() => hello())
    const opened = links.link({ url: gateway.url, followsSession: key => key === 'agent:main:ours' })
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
    await until('the last event', () => opened.events.at(-1)?.event === 'shutdown')
    expect(opened.events.map(({ event, payload }) => payload['seq'] ?? event)).toEqual([1, 3, 'shutdown'])
  })

  test('connection: large frames wait for a slow gateway, small ones do not', async () => {
    const gateway = links.raw(() => hello())
    let unsent = 0
    const { openSocket } = quietWorld()
    const opened = links.link({
      url: gateway.url,
      openSocket: (url, options, events): Socket => ({
        ...openSocket(url, options, events),
        bufferedBytes: () => unsent,
      }),
    })
    await reach(opened, 'up')
    unsent = 1024 * 1024 + 1
    const answer = opened.connection.drained().then(() => opened.connection.request('chat.send', {}))
    const small = opened.connection.request('chat.history', {})
    await opened.pass(1_000)
    await until('the small request', () => gateway.requests.length === 1)
    expect(gateway.requests[0]?.method).toBe('chat.history')
    unsent = 0
    await opened.pass(100)
    await until('the waiting request', () => gateway.requests.length === 2)
    for (const { id } of gateway.requests) gateway.send({ type: 'res', id, ok: true, payload: {} })
    expect(await Promise.all([answer, small])).toEqual([{}, {}])
  })
})

describe('reopen', () => {
  test('connection: reopen connects at once and fails pending requests', async () => {
    const [old, next] = [links.raw(() => hello()), links.raw(() => hello())]
    const opened = links.link({ url: old.url })
    await reach(opened, 'up')
    const waiting = opened.connection.request('chat.send', {}).catch(codeOf)
    opened.reopen(next.url)
    expect(opened.connection.status.state).toBe('connecting')
    expect(await waiting).toBe('gateway_down')
    await reach(opened, 'up')
    expect([old.connects.length, next.connects.length]).toEqual([1, 1])
    await opened.pass(20_000)
    expect(opened.statuses.map(({ state }) => state)).toEqual(['up', 'connecting', 'up'])
  })

  test('connection: reopen ends the pause before the next connect', async () => {
    const old = links.echo()
    await old.stop()
    const opened = links.link({ url: old.url })
    await reach(opened, 'down')
    opened.reopen(links.echo().url)
    await reach(opened, 'up')
  })

  test('connection: reopen does not restart a stopped link', async () => {
    const gateway = links.raw(() => hello())
    const opened = links.link({ url: gateway.url })
    await reach(opened, 'up')
    opened.connection.stop()
    opened.reopen(gateway.url)
    await opened.pass(20_000)
    expect(gateway.connects).toHaveLength(1)
  })
})
