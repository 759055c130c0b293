import { expect, test } from 'bun:test'
import * as official from '@wecom/crypto'
import { type CallbackKeys, replaceKeys } from '../../src/wecom/callback/keys.ts'
import { encodingAESKey, hello, setUp, signed, start, token } from './peer.ts'

const old = { token, encodingAESKey }
const fresh = { token: 'newBotToken01', encodingAESKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' }
const halfFresh = { token, encodingAESKey: fresh.encodingAESKey }
const tenMinutes = 600_000

/** A message encrypted by WeCom with these keys; `nonce` distinguishes it from the others. */
function message(keys: CallbackKeys, nonce: string, timestamp = start) {
  const encrypt = official.encrypt(keys.encodingAESKey, JSON.stringify({ ...hello, msgid: nonce }), '')
  const query = signed(encrypt, { token: keys.token, nonce, timestamp: String(timestamp / 1000) })
  return { method: 'POST' as const, query, body: JSON.stringify({ encrypt }) }
}

/** Whether a reply can be verified and decrypted with these keys. */
function isSealedWith({ token, encodingAESKey }: CallbackKeys, body: string): boolean {
  const wire: Record<string, unknown> = JSON.parse(body)
  const { encrypt, timestamp, nonce, msgsignature } = wire
  if (msgsignature !== official.getSignature(token, String(timestamp), String(nonce), String(encrypt))) return false
  return official.decrypt(encodingAESKey, String(encrypt)).message.includes('"msgtype"')
}

const reply = () => Promise.resolve({ kind: 'text', content: 'welcome' } as const)

test('callback keys: replaced keys are accepted for ten minutes', () => {
  const first = replaceKeys(old, undefined, start)
  expect(first).toEqual({ ...old, replaced: [] })
  const second = replaceKeys(fresh, first, start)
  expect(second).toEqual({ ...fresh, replaced: [{ ...old, until: start + tenMinutes }] })
  expect(replaceKeys(fresh, second, start + 1_000)).toEqual(second)
  expect(replaceKeys(fresh, second, start + tenMinutes)).toEqual({ ...fresh, replaced: [] })
})

test('callback keys: going back to old keys keeps the others for a while', () => {
  const second = replaceKeys(fresh, replaceKeys(old, undefined, start), start)
  const third = replaceKeys(old, second, start + 1_000)
  expect(third).toEqual({ ...old, replaced: [{ ...fresh, until: start + 1_000 + tenMinutes }] })
})

test('callback keys: each reply uses the keys of its callback', async () => {
  const { endpoint, received, events } = setUp(replaceKeys(fresh, { ...old, replaced: [] }, start), reply)
  for (const keys of [old, fresh, old, fresh]) {
    const answer = await endpoint.handle(message(keys, 'n1'))
    expect(answer.status).toBe(200)
    expect([old, fresh].map(one => isSealedWith(one, answer.body))).toEqual([keys === old, keys === fresh])
  }
  expect(received).toHaveLength(4)
  expect(events.filter(event => event.kind === 'refused' && event.cause === 'signature')).toEqual([])
})

test('callback keys: the EncodingAESKey may change without the token', async () => {
  const { endpoint, lines } = setUp(replaceKeys(halfFresh, { ...old, replaced: [] }, start), reply)
  for (const keys of [old, halfFresh]) {
    const answer = await endpoint.handle(message(keys, 'n2'))
    expect([answer.status, isSealedWith(keys, answer.body)]).toEqual([200, true])
  }
  expect(lines).toEqual([])
})

test('callback keys: expired keys are a wrong signature', async () => {
  const { endpoint, clock, events } = setUp(replaceKeys(fresh, { ...old, replaced: [] }, start), reply)
  clock.time = start + tenMinutes - 1_000
  expect((await endpoint.handle(message(old, 'n3', clock.time))).status).toBe(200)
  clock.time = start + tenMinutes
  expect(await endpoint.handle(message(old, 'n4', clock.time))).toEqual({ status: 401, body: '' })
  expect((await endpoint.handle(message(fresh, 'n5', clock.time))).status).toBe(200)
  expect(events.filter(event => event.kind === 'refused' && event.cause === 'signature')).toHaveLength(1)
})

test('callback keys: a request that fits no key is refused', async () => {
  const { endpoint, received } = setUp(replaceKeys(halfFresh, { ...old, replaced: [] }, start), reply)
  const stranger = { token: 'stranger', encodingAESKey }
  expect((await endpoint.handle(message(stranger, 'n6'))).status).toBe(401)
  const unreadable = { token, encodingAESKey: 'zWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' }
  expect((await endpoint.handle(message(unreadable, 'n7'))).status).toBe(400)
  expect(received).toEqual([])
})
