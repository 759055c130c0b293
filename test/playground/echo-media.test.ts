import { afterEach, expect, test } from 'bun:test'
import { csv, pngOf } from '../gateway/files.ts'
import { quickEcho } from '../gateway/quick-echo.ts'
import { until } from '../scenarios/until.ts'
import { ask, closeAll, linked, session } from './echo-rig.ts'

afterEach(closeAll)

const attachment = (fileName: string, content: string, mimeType = 'text/csv') => ({
  type: 'file',
  mimeType,
  fileName,
  content,
})
const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64')

test('echo gateway: attachments are in the row of their message', async () => {
  const { gateway, client } = await linked({ script: quickEcho })
  const attachments = [attachment('数据.csv', base64('a,b\n1,2\n'))]
  expect((await ask(client, 'k1', '', { attachments })).payload?.['status']).toBe('started')
  await client.chat('k1', 'final')
  const repeat = await ask(client, 'k1', '', { attachments: [attachment('b.csv', base64('b'))] })
  expect(repeat.payload?.['status']).toBe('ok')
  expect(gateway.asks().map(one => one.attachments.map(({ sha256 }) => sha256))).toEqual([[csv.sha256]])
  const { payload } = await client.request('chat.history', { sessionKey: session })
  expect(payload?.['messages']).toMatchObject([
    { __openclaw: { media: [{ fileName: '数据.csv', contentType: 'text/csv', sizeBytes: 8 }] } },
    { content: [{ text: expect.stringContaining('收到文件：数据.csv（1 KB）') }] },
  ])
})

test('echo gateway: one invalid attachment rejects the whole message', async () => {
  const { gateway, client } = await linked()
  const large = pngOf(1_500)
  const refused: readonly [object, string][] = [
    [attachment('x.csv', ''), 'UnsupportedAttachmentError: attachment x.csv: empty payload'],
    [attachment('x.csv', '!!!notbase64'), 'Error: attachment x.csv: invalid base64 content'],
    [
      attachment('big.bin', base64(large), 'application/octet-stream'),
      `Error: attachment big.bin: image exceeds size limit (${large.length} > 6291456 bytes)`,
    ],
  ]
  for (const [bad, message] of refused) {
    const attachments = [attachment('a.png', base64(pngOf(2)), 'image/png'), bad]
    const answer = await ask(client, 'k1', 'look', { attachments })
    expect(answer.error).toMatchObject({ code: 'INVALID_REQUEST', message })
  }
  expect([gateway.asks(), gateway.history(session)]).toEqual([[], []])
})

test('echo gateway: a resumed turn still has its files', async () => {
  const { gateway, client } = await linked({ resumeAfterMs: 0 })
  const attachments = [attachment('a.png', base64(pngOf(2)), 'image/png')]
  await ask(client, 'k1', '看', { attachments })
  await client.chat('k1', 'delta')
  await gateway.kill()
  gateway.start()
  const end = await until('the end', () => gateway.history(session).find(({ stopReason }) => stopReason === 'stop'))
  expect(end.content).toMatchObject([{ text: expect.stringContaining('收到文件：a.png（1 KB）') }])
})

test('echo gateway: a frame over 25 MiB closes the connection', async () => {
  const { gateway, client } = await linked()
  void ask(client, 'k1', 'look', { attachments: [attachment('a.zip', 'A'.repeat(26_214_400))] })
  expect((await client.closed).code).toBe(1009)
  expect(gateway.asks()).toEqual([])
})
