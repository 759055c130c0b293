import { describe, expect, test } from 'bun:test'
import {
  decodeFrame,
  encodeRequest,
  isUnfollowedEvent,
  listAt,
  numberAt,
  objectAt,
  stringAt,
  stringsAt,
} from '../../src/gateway/link/frames.ts'

const ours = 'agent:main:wecom:default:direct:zhangsan'
const theirs = 'agent:main:cron:nightly'
const followsSession = (key: string) => key === ours

describe('decodeFrame', () => {
  test('frames: responses and events are decoded, the rest is unknown', () => {
    expect(decodeFrame('{"type":"res","id":"r1","ok":true,"payload":{"a":1}}')).toEqual({
      kind: 'res',
      id: 'r1',
      ok: true,
      payload: { a: 1 },
      error: {},
    })
    expect(decodeFrame('{"type":"event","event":"tick","payload":{"ts":1},"seq":3}')).toEqual({
      kind: 'event',
      event: 'tick',
      payload: { ts: 1 },
    })
    expect(decodeFrame('{"type":"res","id":"r1","ok":"true","error":{"code":"X"}}')).toMatchObject({
      ok: false,
      error: { code: 'X' },
    })
  })

  const unknown = [
    '',
    'hello',
    'null',
    '[]',
    '"text"',
    '{}',
    '{"type":"req","id":"r1","method":"x"}',
    '{"type":"res","id":7,"ok":true}',
    '{"type":"event","event":null}',
    '{"type":"event","event":"chat"',
  ]
  for (const text of unknown) {
    test(`frames: unknown: ${text === '' ? 'an empty text' : text}`, () => {
      expect(decodeFrame(text)).toEqual({ kind: 'unknown' })
    })
  }

  test('frames: a payload that is not an object reads as empty', () => {
    for (const payload of ['7', 'null', '"x"', '[1]']) {
      expect(decodeFrame(`{"type":"event","event":"chat","payload":${payload}}`)).toMatchObject({ payload: {} })
    }
  })

  test('frames: a request is one JSON object with id, method and params', () => {
    expect(JSON.parse(encodeRequest('r9', 'chat.send', { message: '你好\n"x"' }))).toEqual({
      type: 'req',
      id: 'r9',
      method: 'chat.send',
      params: { message: '你好\n"x"' },
    })
  })

  test('frames: fields of an unexpected type read as absent', () => {
    const object = { text: 7, count: '7', list: { 0: 'a' }, mixed: ['a', 1, null, 'b'], rows: [{ a: 1 }, 'x', null] }
    expect([stringAt(object, 'text'), numberAt(object, 'count')]).toEqual([undefined, undefined])
    expect([listAt(object, 'list'), stringsAt(object, 'mixed')]).toEqual([[], ['a', 'b']])
    expect([listAt(object, 'rows'), objectAt(object, 'rows')]).toEqual([[{ a: 1 }, {}, {}], {}])
  })
})

/** A frame as the gateway writes it, with its fields in this order. */
const event = (name: string, payload: object) => JSON.stringify({ type: 'event', event: name, payload, seq: 1 })
const imitation = `{"sessionKey":"${ours}"} \\"sessionKey":"${ours}" \\\\"sessionKey\\":"${ours}"`

describe('isUnfollowedEvent', () => {
  const unfollowed: readonly [string, string][] = [
    ['a chat event of another session', event('chat', { runId: 'r', sessionKey: theirs, state: 'delta' })],
    ['an agent event whose key follows its data', event('agent', { runId: 'r', data: {}, sessionKey: theirs })],
    ['content that imitates our key', event('chat', { sessionKey: theirs, message: { content: imitation } })],
    ['content before the key that imitates our key', event('agent', { data: { text: imitation }, sessionKey: theirs })],
    ['content that ends in backslashes', event('agent', { data: { text: 'a\\' }, sessionKey: theirs })],
    ['a key that only begins like ours', event('chat', { sessionKey: `${ours}2` })],
    ['a key that contains quotes', event('chat', { sessionKey: `x","sessionKey":"${ours}` })],
    ['a nested object that also names a session', event('agent', { data: { sessionKey: theirs }, sessionKey: 'x' })],
  ]
  for (const [what, text] of unfollowed) {
    test(`frames: not worth parsing: ${what}`, () => {
      expect(isUnfollowedEvent(text, followsSession)).toBe(true)
    })
  }

  const parsed: readonly [string, string][] = [
    ['a chat event of our session', event('chat', { runId: 'r', sessionKey: ours, state: 'delta' })],
    ['our key in capitals', event('chat', { sessionKey: ours.replace('zhangsan', 'ZhangSan') })],
    [
      'our session after another one inside the data',
      event('agent', { data: { sessionKey: theirs }, sessionKey: ours }),
    ],
    ['our session with a nested session object', event('agent', { session: { key: theirs }, sessionKey: ours })],
    ['an event that names no session', event('chat', { runId: 'r' })],
    ['an event with only a nested session', event('agent', { session: { key: ours } })],
    ['a tick', event('tick', { ts: 1, sessionKey: theirs })],
    ['shutdown', event('shutdown', { reason: 'gateway stopping' })],
    ['a response', JSON.stringify({ type: 'res', id: 'r1', ok: true, payload: { sessionKey: theirs } })],
    ['invalid JSON', 'sessionKey'],
  ]
  for (const [what, text] of parsed) {
    test(`frames: worth parsing: ${what}`, () => {
      expect(isUnfollowedEvent(text, followsSession)).toBe(false)
    })
  }
})
