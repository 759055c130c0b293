import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import * as official from '@wecom/crypto'
import { botKey, botToken } from './daemon.ts'
import { SettableClock } from './settable-clock.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon()

const old = { token: botToken, encodingAESKey: botKey }
const fresh = { token: 'rotatedBotToken01', encodingAESKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' }
type Keys = typeof old

/** Sends a message as WeCom does with these keys; resolves to the stream that its reply opens, if that has the same keys. */
async function say({ token, encodingAESKey }: Keys, index: number): Promise<string> {
  const payload = {
    msgid: `rotation-${index}`,
    chattype: 'single',
    from: { userid: `user${index}` },
    msgtype: 'text',
    text: { content: `[long 1 1] message ${index}` },
  }
  const encrypt = official.encrypt(encodingAESKey, JSON.stringify(payload), '')
  const timestamp = String(Math.floor(daemon.clock.now() / 1000))
  const nonce = `n${index}`
  const signature = official.getSignature(token, timestamp, nonce, encrypt)
  const query = new URLSearchParams({ msg_signature: signature, timestamp, nonce })
  const response = await fetch(`${daemon.app.publicUrl}/wecom/bot?${query.toString()}`, {
    method: 'POST',
    body: JSON.stringify({ encrypt }),
  })
  const text = await response.text()
  if (response.status !== 200) return `HTTP ${response.status}`
  const wire: Record<string, unknown> = JSON.parse(text)
  const sealed = String(wire['encrypt'])
  if (wire['msgsignature'] !== official.getSignature(token, String(wire['timestamp']), nonce, sealed))
    return 'signature'
  return JSON.parse(official.decrypt(encodingAESKey, sealed).message).stream.id
}

test('reload: of 200 callbacks with old and new keys, in turn and across reloads, none is lost', async () => {
  await daemon.open({ config: { limits: { openTurns: 1_000 } } })
  const before = Array.from({ length: 50 }, (_, index) => say(old, index))
  daemon.reconfigure({ bot: fresh })
  await daemon.app.reload()
  const mixed = Array.from({ length: 150 }, (_, index) => say(index % 2 === 0 ? fresh : old, 50 + index))
  daemon.reconfigure({ bot: { ...fresh, welcomeText: 'another reload' } })
  await daemon.app.reload()
  const streams = await Promise.all([...before, ...mixed])
  expect(streams.filter(stream => !stream.startsWith('st-'))).toEqual([])
  expect(new Set(streams).size).toBe(200)
  await until('every question', () => daemon.gateway.asks().length === 200)
  expect(new Set(daemon.gateway.asks().map(({ text }) => text)).size).toBe(200)
  const strangers = { token: 'somebodyElse', encodingAESKey: botKey }
  expect(await say(strangers, 1_000)).toBe('HTTP 401')
}, 60_000)

test('reload: replaced keys are accepted after a restart for the rest of their ten minutes', async () => {
  const clock = new SettableClock()
  await daemon.open({ clock })
  daemon.reconfigure({ bot: fresh })
  await daemon.app.reload()
  await daemon.restart({ bot: fresh })
  expect(await say(old, 2_000)).toStartWith('st-')
  expect(await say(fresh, 2_001)).toStartWith('st-')
  clock.step(601_000)
  expect(await say(old, 2_002)).toBe('HTTP 401')
  await daemon.restart({ bot: fresh })
  expect(await say(old, 2_003)).toBe('HTTP 401')
  expect(await say(fresh, 2_004)).toStartWith('st-')
  const { mode } = statSync(join(daemon.folder, 'state', 'replaced-keys'))
  expect(mode & 0o777).toBe(0o600)
})

test('reload: a damaged file of replaced keys is no harm', async () => {
  await daemon.open()
  await Bun.write(join(daemon.folder, 'state', 'replaced-keys'), '[{"account":1}')
  await daemon.restart()
  expect(await say(old, 3_000)).toStartWith('st-')
})
