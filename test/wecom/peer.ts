import { expect } from 'bun:test'
import * as official from '@wecom/crypto'
import type { Callback, Receive } from '../../src/domain/message.ts'
import { type BotAccount, createBotEndpoint } from '../../src/wecom/callback/bot-endpoint.ts'
import type { EndpointDeps, EndpointEvent } from '../../src/wecom/callback/endpoint.ts'
import type { Log } from '../../src/world.ts'
import { vector } from '../crypto/vectors.ts'

export const { token, encodingAESKey } = vector('bot-text-callback')
const account: BotAccount = { id: 'default', token, encodingAESKey, replaced: [], receiveId: '' }
export const start = 1_780_000_000_000
export const hello = {
  msgid: 'M1',
  chattype: 'single',
  from: { userid: 'ZhangSan' },
  msgtype: 'text',
  text: { content: '机密' },
}

const nothing: Receive = () => Promise.resolve({ kind: 'empty' })

/** A Bot's endpoint that records what happens around it. */
export function setUp(more: Partial<BotAccount> = {}, answer?: Receive, random16?: Uint8Array) {
  const { deps, ...seen } = surround(answer, random16)
  return { endpoint: createBotEndpoint({ ...account, ...more }, deps), ...seen }
}

/** The dependencies of an endpoint, and a record of its calls. */
export function surround(answer: Receive = nothing, random16: Uint8Array = new Uint8Array(16)) {
  const lines: { level: string; msg: string; fields: unknown }[] = []
  const at = (level: string) => (msg: string, fields?: unknown) => void lines.push({ level, msg, fields })
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), area: () => log }
  const events: EndpointEvent[] = []
  const received: Callback[] = []
  const clock = { time: start, now: () => clock.time, wall: () => clock.time }
  const receive: Receive = callback => {
    received.push(callback)
    return answer(callback)
  }
  const random = { bytes: () => random16 }
  const observe = (event: EndpointEvent) => void events.push(event)
  const deps: EndpointDeps = { receive, clock, random, log, observe }
  return { deps, lines, events, received, clock }
}

/** A callback query, signed by the official library. */
export function signed(
  encrypt: string,
  more: { timestamp?: string; nonce?: string; echo?: boolean; token?: string } = {},
) {
  const { timestamp = String(start / 1000), nonce = 'n0nce', echo = false } = more
  const signature = official.getSignature(more.token ?? token, timestamp, nonce, encrypt)
  const echostr = echo ? `&echostr=${encodeURIComponent(encrypt)}` : ''
  return `msg_signature=${signature}&timestamp=${timestamp}&nonce=${encodeURIComponent(nonce)}${echostr}`
}

export function post(payload: unknown, more: Parameters<typeof signed>[1] & { id?: string } = {}) {
  const encrypt = official.encrypt(encodingAESKey, JSON.stringify(payload), more.id ?? '')
  return { method: 'POST' as const, query: signed(encrypt, more), body: JSON.stringify({ encrypt }) }
}

/** Verifies and decrypts a reply as WeCom does. */
export function openReply(body: string): { payload: unknown; id: string; timestamp: unknown; nonce: unknown } {
  const wire: Record<string, unknown> = JSON.parse(body)
  const { encrypt, timestamp, nonce, msgsignature } = wire
  expect(Object.keys(wire)).toEqual(['encrypt', 'msgsignature', 'timestamp', 'nonce'])
  expect(msgsignature).toBe(official.getSignature(token, String(timestamp), String(nonce), String(encrypt)))
  const { message, id } = official.decrypt(encodingAESKey, String(encrypt))
  return { payload: JSON.parse(message), id, timestamp, nonce }
}
