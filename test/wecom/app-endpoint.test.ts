import { expect, test } from 'bun:test'
import * as official from '@wecom/crypto'
import { WecomdError } from '../../src/errors.ts'
import { vector } from '../crypto/vectors.ts'
import {
  common,
  corpId,
  encodingAESKey,
  envelope,
  type Fields,
  postXml,
  setUpApp,
  textMessage,
  token,
  xmlOf,
} from './app-peer.ts'
import { hello, post as postToBot, signed, start } from './peer.ts'

const good = postXml(xmlOf(textMessage('机密')))
const event = (name: string, more: Fields = {}) => common({ MsgType: 'event', Event: name, ...more })

test('app endpoint: the vector callback is received, with an empty 200', async () => {
  const { encrypt, signature, timestamp, nonce } = vector('agent-text-callback')
  const query = `msg_signature=${signature}&timestamp=${timestamp}&nonce=${nonce}`
  const { endpoint, received, events } = setUpApp()
  expect(await endpoint.handle({ method: 'POST', query, body: envelope(encrypt) })).toEqual({ status: 200, body: '' })
  expect(received).toMatchObject([{ kind: 'message', inbound: { sender: '00123', msgid: '9007199254740993' } }])
  expect(events).toEqual([
    { kind: 'callback', account: 'default', surface: 'app', type: 'message', result: 'ok', at: start, tookMs: 0 },
  ])
})

test('app endpoint: URL verification returns the exact echostr', async () => {
  const { endpoint, events } = setUpApp()
  const query = signed(official.encrypt(encodingAESKey, '  1616140317555161061\n', corpId), { echo: true, token })
  const answer = await endpoint.handle({ method: 'GET', query, body: '' })
  expect(answer).toEqual({ status: 200, body: '  1616140317555161061\n', contentType: 'text/plain; charset=utf-8' })
  expect(events).toMatchObject([{ surface: 'app', type: 'echo', result: 'ok' }])
})

test('app endpoint: a GET without a query answers `wecomd`', async () => {
  const { endpoint } = setUpApp()
  expect((await endpoint.handle({ method: 'GET', query: '', body: '' })).body).toBe('wecomd')
})

const kinds: readonly [string, Fields, string][] = [
  ['text', textMessage('x'), 'message'],
  ['image', common({ MsgType: 'image', PicUrl: 'http://p', MediaId: 'm', MsgId: 1 }), 'message'],
  ['voice', common({ MsgType: 'voice', MediaId: 'm', Format: 'amr', MsgId: 2 }), 'message'],
  ['video', common({ MsgType: 'video', MediaId: 'm', ThumbMediaId: 't', MsgId: 3 }), 'message'],
  ['file', common({ MsgType: 'file', MediaId: 'm', FileName: 'a', MsgId: 4 }), 'message'],
  ['location', common({ MsgType: 'location', Location_X: 1, Location_Y: 2, Label: 'a', MsgId: 5 }), 'message'],
  ['link', common({ MsgType: 'link', Title: 'a', Url: 'http://a', MsgId: 6 }), 'message'],
  ['subscribe', event('subscribe'), 'greet'],
  ['enter_agent', event('enter_agent', { EventKey: '' }), 'greet'],
  ['template_card_event', event('template_card_event', { EventKey: 'k', TaskId: 't' }), 'message'],
  ['inactive_alert', event('inactive_alert', { EffectTime: 1 }), 'activity'],
  ['LOCATION', event('LOCATION', { Latitude: 1 }), 'event:LOCATION'],
  ['an event that nobody knows', event('constructor'), 'event:other'],
  ['an event with a new name', event('brand_new_2031'), 'event:other'],
  ['an event with an invalid name', event('a b{c}'), 'unhandled'],
  ['an unknown kind of message', common({ MsgType: 'hologram', MsgId: 7 }), 'unhandled'],
  ['an invalid payload', common({}), 'unhandled'],
]

for (const [what, fields, type] of kinds) {
  test(`app endpoint: ${what} gets an empty 200 and counts as ${type}`, async () => {
    const { endpoint, received, events } = setUpApp()
    expect(await endpoint.handle(postXml(xmlOf(fields)))).toEqual({ status: 200, body: '' })
    expect(received).toHaveLength(1)
    expect(events).toMatchObject([{ surface: 'app', type, result: 'ok' }])
  })
}

const bodies: readonly [string, (encrypt: string) => string][] = [
  ['plain text instead of CDATA', encrypt => `<xml><Encrypt>${encrypt}</Encrypt></xml>`],
  ['lines and a declaration', encrypt => `<?xml version="1.0"?>\n<xml>\n<Encrypt>\n${encrypt}\n</Encrypt>\n</xml>\n`],
  ['another company and app outside', encrypt => envelope(encrypt).replace(corpId, 'ww0').replace('1000002', '7')],
  ['no company and no app outside', encrypt => xmlOf({ Encrypt: encrypt })],
]

for (const [what, write] of bodies) {
  test(`app endpoint: an envelope with ${what} is accepted`, async () => {
    const { endpoint, received } = setUpApp()
    const encrypt = official.encrypt(encodingAESKey, xmlOf(textMessage('x')), corpId)
    await endpoint.handle({ method: 'POST', query: signed(encrypt, { token }), body: write(encrypt) })
    expect(received).toHaveLength(1)
  })
}

const sealed = official.encrypt(encodingAESKey, xmlOf(textMessage('x')), corpId)
const old = { timestamp: String(start / 1000 - 301) }
const wrongToken = { token: 'stranger' }
const signedBody = (encrypt: string, more = {}) => ({
  ...good,
  query: signed(encrypt, { token, ...more }),
  body: envelope(encrypt),
})
const get = (query: string) => ({ method: 'GET' as const, query, body: '' })
const inClear = { ...good, body: xmlOf(textMessage('x')) }

// In the order of the checks. Where possible, the later checks would fail as well.
const refused: readonly [string, typeof good | ReturnType<typeof get>, number][] = [
  ['a POST without a query', { ...good, query: '' }, 400],
  ['a POST without a nonce', { ...good, query: good.query.replace('nonce', 'once') }, 400],
  ['a POST with a doubled nonce', { ...good, query: `${good.query}&nonce=n0nce` }, 400],
  ['a GET without an echostr', get(signed(sealed, { token })), 400],
  ['an empty body', { ...good, body: '' }, 400],
  ['JSON', { ...good, body: JSON.stringify({ encrypt: sealed }) }, 400],
  ['a Bot callback that is also late and wrongly signed', postToBot(hello, { ...old, ...wrongToken }), 400],
  ['an unencrypted payload', inClear, 400],
  ['an unclosed envelope', { ...good, body: good.body.replace('</xml>', '') }, 400],
  ['an envelope with another root', { ...good, body: good.body.replaceAll('xml>', 'html>') }, 400],
  ['an envelope with a DOCTYPE', { ...good, body: `<!DOCTYPE xml [<!ENTITY a "b">]>${good.body}` }, 400],
  ['an empty Encrypt', { ...good, body: envelope('') }, 400],
  ['an Encrypt with elements in it', { ...good, body: xmlOf({ Encrypt: { raw: '<a>x</a>' } }) }, 400],
  ['an invalid envelope that is also late', { ...good, query: signed('x', old), body: '<xml>' }, 400],
  ['a late and wrongly signed callback', postXml('<xml/>', { ...old, ...wrongToken }), 401],
  ['a timestamp 301 s in the future', postXml('<xml/>', { timestamp: String(start / 1000 + 301) }), 401],
  ['a signature by another token', postXml('<xml/>', wrongToken), 401],
  ['a signature over another text', { ...good, query: signed('something else', { token }) }, 401],
  ['unsigned garbage', signedBody('garbage!', wrongToken), 401],
  ['an unsigned verification', get(signed(sealed, { echo: true, ...wrongToken })), 401],
  ['signed garbage', signedBody('garbage!'), 400],
  ['a ciphertext for another key', signedBody(vector('bot-text-callback').encrypt), 400],
  ['a callback for another company', postXml(xmlOf(textMessage('x')), { id: 'ww0000000000000000' }), 400],
  ['a callback for no company', postXml(xmlOf(textMessage('x')), { id: '' }), 400],
  [
    'a verification for another company',
    get(signed(official.encrypt(encodingAESKey, '1', 'ww0'), { echo: true, token })),
    400,
  ],
]

for (const [what, request, status] of refused) {
  test(`app endpoint: ${what} is answered ${status}`, async () => {
    const { endpoint, received, events } = setUpApp()
    expect(await endpoint.handle(request)).toEqual({ status, body: '' })
    expect(received).toEqual([])
    expect(events.at(-1)).toMatchObject({ surface: 'app', type: 'unreadable', result: 'rejected' })
  })
}

test('app endpoint: a megabyte of unclosed tags is refused quickly', async () => {
  const { endpoint } = setUpApp()
  for (const piece of ['<Encrypt>', '<Encrypt><![CDATA[', '<xml>', ' ', '<?xml ', ']]>']) {
    const body = `<xml>${piece.repeat(1_048_576 / piece.length)}</xml>`
    const before = performance.now()
    expect((await endpoint.handle({ ...good, body })).status).toBe(400)
    expect(performance.now() - before).toBeLessThan(1000)
  }
})

test("app endpoint: JSON on the app's URL is logged once a minute", async () => {
  const { endpoint, lines } = setUpApp()
  for (let request = 0; request < 3; request++) await endpoint.handle(postToBot(hello))
  expect(lines).toMatchObject([
    { level: 'warn', msg: "callback rejected: a Bot callback (JSON) came to the app's URL" },
  ])
})

test('app endpoint: a callback for another AgentID is ignored, logged once', async () => {
  const { endpoint, lines, received, events } = setUpApp()
  for (const AgentID of [7, 8, '01000002']) {
    expect(await endpoint.handle(postXml(xmlOf(textMessage('x', { AgentID }))))).toEqual({ status: 200, body: '' })
  }
  expect(received).toEqual([])
  expect(lines).toMatchObject([{ level: 'warn', msg: 'callbacks have an AgentID other than agent.agentId' }])
  expect(events.map(seen => seen.kind === 'callback' && seen.type)).toEqual(Array(3).fill('unhandled'))
})

test('app endpoint: a callback without an AgentID is received', async () => {
  const { endpoint, received } = setUpApp()
  const fields = event('change_contact', { FromUserName: 'sys', ChangeType: 'create_user' })
  await endpoint.handle(postXml(xmlOf({ ...fields, AgentID: '' })))
  expect(received).toEqual([{ kind: 'unhandled', account: 'default', type: 'event:change_contact' }])
})

test('app endpoint: each ignored event type is logged once', async () => {
  const { endpoint, lines } = setUpApp()
  const names = ['view', 'view', 'LOCATION', 'view', 'LOCATION']
  for (const name of names) await endpoint.handle(postXml(xmlOf(event(name))))
  expect(lines.map(line => line.fields)).toMatchObject([{ type: 'event:view' }, { type: 'event:LOCATION' }])
})

test('app endpoint: a wrong signature is reported as signature failure', async () => {
  const { endpoint, events } = setUpApp()
  await endpoint.handle(postXml('<xml/>', wrongToken))
  expect(events[0]).toMatchObject({
    kind: 'refused',
    cause: 'signature',
    account: 'default',
    surface: 'app',
    at: start,
  })
})

test('app endpoint: a failing store answers 503, so WeCom retries', async () => {
  const { endpoint, events } = setUpApp({}, () => Promise.reject(new WecomdError('store_failed', 'disk full')))
  expect(await endpoint.handle(good)).toEqual({ status: 503, body: '' })
  expect(events).toMatchObject([{ surface: 'app', type: 'message', result: 'failed' }])
})

test('app endpoint: no log line contains users, text or secrets', async () => {
  const { endpoint, lines } = setUpApp({}, () => Promise.reject(new Error('x')))
  const strange = event('LOCATION', { Latitude: '机密' })
  const requests = [
    good,
    postXml('<xml>机密', {}),
    postXml(xmlOf(strange)),
    postXml(xmlOf(textMessage('机密')), wrongToken),
  ]
  const foreign = postXml(xmlOf(textMessage('机密', { AgentID: 7 })))
  for (const request of [...requests, foreign, postXml('<xml/>', { id: 'ww0' })]) await endpoint.handle(request)
  const log = JSON.stringify(lines)
  for (const secret of ['00123', '机密', token, encodingAESKey, 'n0nce', corpId]) expect(log).not.toContain(secret)
  expect(lines.length).toBeGreaterThan(5)
})

test('app endpoint: an invalid key is refused at creation', () => {
  expect(() => setUpApp({ encodingAESKey: 'short' })).toThrow('has 5 characters instead of 43')
})
