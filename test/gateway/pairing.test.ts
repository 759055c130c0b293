import { afterEach, expect, test } from 'bun:test'
import { until } from '../scenarios/until.ts'
import { fullScopes, Links, reach, refusal } from './links.ts'
import { hello, users } from './raw-gateway.ts'

const links = new Links()
afterEach(() => links.closeAll())

test('pairing: it shows the approve command, then needs only read and write', async () => {
  const asked: string[][] = []
  const gateway = links.echo({
    pairing: 'required',
    intercept: (stage, method, params) => {
      if (stage === 'received' && method === 'connect') asked.push(params['scopes'] as string[])
    },
  })
  const opened = links.link({ url: gateway.url, isPaired: false })
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
  expect(asked).toEqual([fullScopes, fullScopes, fullScopes, users])
  expect(opened.connection.status.scopes).toBe(users.join(' '))
  expect(opened.memory.isPaired()).toBe(true)
  gateway.dropConnections()
  await reach(opened, 'down')
  await opened.pass(1_000)
  await reach(opened, 'up')
  expect(asked.slice(4)).toEqual([users])
})

test('pairing: no user text is sent over the pairing connection', async () => {
  const gateway = links.raw(connect => hello({ scopes: connect['scopes'] }))
  const opened = links.link({ url: gateway.url, isPaired: false })
  await reach(opened, 'up')
  expect(gateway.connects.map(connect => connect['scopes'])).toEqual([fullScopes, users])
  expect(opened.statuses.map(status => status.scopes)).toEqual([users.join(' ')])
})

test('pairing: a gateway that forgot the device is asked to pair again', async () => {
  const details = { code: 'PAIRING_REQUIRED', reason: 'not-paired', requestId: 'abc' }
  const gateway = links.raw(() => refusal('NOT_PAIRED', details))
  const opened = links.link({ url: gateway.url })
  await reach(opened, 'pairing')
  expect(opened.connection.status).toMatchObject({
    reason: 'this device waits for approval (not-paired)',
    hint: 'on the gateway host run: openclaw devices approve abc',
  })
  await opened.pass(10_000)
  await until('the second connect', () => gateway.connects.length === 2)
  expect(gateway.connects.map(connect => connect['scopes'])).toEqual([users, fullScopes])
})
