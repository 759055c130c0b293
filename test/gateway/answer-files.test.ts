import { describe, expect, test } from 'bun:test'
import { decodeLifecycleEnd, filesOf, findFiles, fileDelays } from '../../src/gateway/chat/answer-files.ts'
import { decodeFiles } from '../../src/gateway/chat/file-blocks.ts'
import { answerRows, decodeHistory } from '../../src/gateway/chat/history.ts'

const ending = (reply: string, ...tools: readonly string[]) => ({ reply, usedTools: tools.length > 0 })
const sum = (pauses: readonly number[]) => pauses.reduce((total, ms) => total + ms, 0)

describe('fileDelays', () => {
  test('answer files: a plain answer does not wait for files', () => {
    expect(fileDelays(ending('x'), 'x')).toEqual([])
    expect(fileDelays(ending('say MEDIA:./a.csv'), 'say MEDIA:./a.csv')).toEqual([])
  })

  test('answer files: a named file is looked for during two seconds', () => {
    for (const reply of ['MEDIA:./a.csv', 'x\nMEDIA:./a.csv', 'x\n  MEDIA:./a.csv\ny', 'MEDIA: a\nMEDIA: b']) {
      const pauses = fileDelays(ending(reply), 'x')
      expect([pauses[0], pauses[1], sum(pauses)]).toEqual([150, 250, 1_900])
    }
  })

  test('answer files: a quoted MEDIA line is not a file', () => {
    const quoted = '```\nMEDIA:./a.csv\n```'
    expect(fileDelays(ending(quoted), quoted)).toEqual([])
    expect(fileDelays(ending(`${quoted}\nMEDIA:./b.csv`), quoted)).not.toEqual([])
  })

  test('answer files: after a tool, a cut or a missed end, files may follow', () => {
    expect(fileDelays(ending('x', 'exec'), 'x')).toEqual([300])
    expect(fileDelays(ending('x'.repeat(4_096)), 'x'.repeat(5_000))).toEqual([300, 700])
    expect(fileDelays(ending('x'.repeat(4_095)), 'x'.repeat(4_095))).toEqual([])
    expect(fileDelays(undefined, 'x')).toEqual([300, 700])
  })
})

test("answer files: only a run's end event with a reply is decoded", () => {
  const terminalReply = { disposition: 'visible', text: 'x\nMEDIA:./a.csv' }
  const terminalReceipt = { successfulToolNames: ['exec'] }
  expect(decodeLifecycleEnd({ phase: 'end', terminalReply, terminalReceipt })).toEqual(
    ending('x\nMEDIA:./a.csv', 'exec'),
  )
  expect(decodeLifecycleEnd({ phase: 'end', terminalReply: { disposition: 'silent' } })).toEqual(ending(''))
  expect(decodeLifecycleEnd({ phase: 'finishing', terminalReply })).toBeUndefined()
  expect(decodeLifecycleEnd({ phase: 'end', aborted: true })).toBeUndefined()
})

// Blocks as the gateway writes them (docs/protocol-gateway.md).
const url = '/api/chat/media/outgoing/k/u/full'
const png = { type: 'image', artifactId: 'i', url, alt: 'out.png', mimeType: 'image/png', width: 1, sizeBytes: 70 }
const amr = { type: 'audio', artifactId: 'a', url, fileName: 'a.amr', mimeType: 'audio/amr', sizeBytes: 8 }
const csv = {
  type: 'attachment',
  attachment: { artifactId: 'c', url, kind: 'document', label: '数据 表.csv', mimeType: 'text/csv', sizeBytes: 7 },
}
const html = {
  type: 'attachment_error',
  attachment: { code: 'unsupported-format', kind: 'document', label: 'a.html', mimeType: 'text/html' },
}

test('answer files: files have ids and names, refused ones only names', () => {
  expect(decodeFiles({ content: [{ type: 'text', text: 'x' }, png, amr, csv, html] })).toEqual([
    { id: 'i', fileName: 'out.png', mimeType: 'image/png' },
    { id: 'a', fileName: 'a.amr', mimeType: 'audio/amr' },
    { id: 'c', fileName: '数据 表.csv', mimeType: 'text/csv' },
    { fileName: 'a.html', mimeType: 'text/html' },
  ])
})

test('answer files: a name is never a path, a block without id is ignored', () => {
  const named = (alt: string) => decodeFiles({ content: [{ type: 'image', artifactId: 'i', alt }] })[0]?.fileName
  expect(['../../etc/x.png', 'C:\\a\\b.png', '', 'a/'].map(named)).toEqual(['x.png', 'b.png', 'file', 'file'])
  expect(
    decodeFiles({
      content: [
        { type: 'image', data: 'AA==' },
        { type: 'toolCall', id: 't' },
      ],
    }),
  ).toEqual([])
  expect(decodeFiles({ content: 'plain' })).toEqual([])
})

const user = (key: string) => ({ role: 'user', content: 'q', idempotencyKey: `${key}:user` })
const row = (runId: string, content: readonly object[], stopReason = 'stop') => ({
  role: 'assistant',
  content,
  stopReason,
  __openclaw: { runId },
})
const found = (messages: readonly object[], ...runIds: readonly string[]) =>
  filesOf(answerRows(decodeHistory({ messages }), { key: 'k', runIds: new Set(['k', ...runIds]) })).map(({ id }) => id)

test('answer files: all rows of the answer count, each file once', () => {
  const before = [user('j'), row('j', [amr])]
  const ours = [user('k'), row('k', [png], 'toolUse'), { role: 'toolResult' }, row('k', [png, csv])]
  expect(found([...before, ...ours, user('l'), row('l', [amr])])).toEqual(['i', 'c'])
})

test('answer files: files of a resumed run belong to the answer', () => {
  const system = { ...user('new'), provenance: { kind: 'internal_system' } }
  expect(found([user('k'), system, row('new', [csv])])).toEqual(['c'])
  expect(found([user('k'), user('l'), row('l', [png]), row('new', [csv])], 'new')).toEqual(['c'])
})

test('answer files: reading stops as soon as the last row has files', async () => {
  const rows = (...contents: readonly (readonly object[])[]) =>
    decodeHistory({ messages: contents.map(content => row('k', content)) }).rows
  const seen = [rows([png], []), rows([png], []), rows([png], [csv]), rows([amr])]
  const pauses: number[] = []
  const pause = async (ms: number) => void pauses.push(ms)
  const look = async () => seen.shift() ?? []
  expect((await findFiles([1, 2, 3, 4], pause, look)).map(({ id }) => id)).toEqual(['i', 'c'])
  expect(pauses).toEqual([1, 2, 3])
  expect((await findFiles([5], pause, async () => rows([png], []))).map(({ id }) => id)).toEqual(['i'])
  expect(await findFiles([], pause, look)).toEqual([])
})
