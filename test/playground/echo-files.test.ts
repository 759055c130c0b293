import { afterEach, expect, test } from 'bun:test'
import type { ScriptStep } from '../../src/playground/gateway/runs/script.ts'
import { until } from '../scenarios/until.ts'
import { ask, clientOf, closeAll, linked, session, token } from './echo-rig.ts'

afterEach(closeAll)

const csv: ScriptStep = { kind: 'file', name: '数据.csv', mimeType: 'text/csv', bytes: Buffer.from('a,b\n') }
const amr: ScriptStep = { kind: 'file', name: 'a.amr', mimeType: 'audio/amr', bytes: Buffer.from('#!AMR\n') }
const html: ScriptStep = { kind: 'file', name: 'a.html', mimeType: 'text/html', refused: 'unsupported-format' }
const tool: ScriptStep = { kind: 'tool', name: 'exec', args: {}, ms: 1, result: 'ok' }

test('echo gateway: files appear in the last event, then in the row', async () => {
  const script = () => [tool, { kind: 'say', text: 'x' } as const, csv, amr, html]
  const { gateway, client } = await linked({ script, filesAfterMs: 100 })
  await ask(client, 'k1', 'go')
  const { payload: final } = await client.chat('k1', 'final')
  expect(final).toMatchObject({ message: { content: [{ type: 'text', text: 'x' }] } })
  expect(gateway.history(session)[1]?.content).toEqual([{ type: 'text', text: 'x' }])
  const last = await client.frame(
    ({ event, payload }) => event === 'agent' && JSON.stringify(payload?.['data']).includes('"end","endedAt"'),
  )
  expect(last.payload?.['data']).toMatchObject({
    terminalReply: { text: 'x\nMEDIA:./数据.csv\nMEDIA:./a.amr\nMEDIA:./a.html' },
    terminalReceipt: { successfulToolNames: ['exec'] },
  })
  await until('the files', () => (gateway.history(session)[1]?.content.length ?? 0) > 1)
  const { payload } = await client.request('chat.history', { sessionKey: session })
  const attachment = { kind: 'document', label: '数据.csv', mimeType: 'text/csv', sizeBytes: 4 }
  expect(payload?.['messages']).toMatchObject([
    {},
    {
      content: [
        { type: 'text', text: 'x' },
        { type: 'attachment', attachment },
        { type: 'audio', fileName: 'a.amr', mimeType: 'audio/amr', sizeBytes: 6 },
        { type: 'attachment_error', attachment: { code: 'unsupported-format', label: 'a.html' } },
      ],
    },
  ])
  const list = await client.request('artifacts.list', { sessionKey: session, runId: 'k1' })
  expect(list.payload?.['artifacts']).toMatchObject([
    { type: 'file', title: '数据.csv', sizeBytes: 4, runId: 'k1' },
    { type: 'audio', title: 'a.amr' },
  ])
})

test('echo gateway: an answer with only a file has a final without a message', async () => {
  const { client } = await linked({ script: () => [csv] })
  await ask(client, 'k1', 'go')
  const { payload } = await client.chat('k1', 'final')
  expect(payload).not.toHaveProperty('message')
  expect(Number(payload?.['seq'])).toBeGreaterThan(1)
})

test('echo gateway: a file ticket is valid until the process restarts', async () => {
  const { gateway, client } = await linked({ script: () => [csv], filesAfterMs: 0 })
  await ask(client, 'k1', 'go')
  await until('the file', () => (gateway.history(session)[1]?.content.length ?? 0) > 0)
  const list = await client.request('artifacts.list', { sessionKey: session })
  const artifactId = /"id":"(artifact_\w+[^"]*)"/.exec(JSON.stringify(list.payload))?.[1]
  const params = { sessionKey: session, artifactId }
  const { payload } = await client.request('artifacts.download', params)
  const url = `http://127.0.0.1:${gateway.port}${String(payload?.['url'])}`
  const served = await fetch(url)
  expect([served.status, await served.text()]).toEqual([200, 'a,b\n'])
  expect(served.headers.get('content-disposition')).toContain("filename*=UTF-8''%E6%95%B0")
  expect((await fetch(url.replace(/\?.*/, ''))).status).toBe(401)
  await gateway.kill()
  gateway.start()
  expect((await fetch(url)).status).toBe(401)
  const again = clientOf(gateway)
  await again.connect(token)
  const other = await again.request('artifacts.download', { ...params, sessionKey: `${session}2` })
  expect(other.error).toMatchObject({ code: 'INVALID_REQUEST', details: { type: 'artifact_not_found' } })
  const { payload: fresh } = await again.request('artifacts.download', params)
  expect((await fetch(`http://127.0.0.1:${gateway.port}${String(fresh?.['url'])}`)).status).toBe(200)
})
