import { describe, expect, test } from 'bun:test'
import { decodeEnding, filesOf, findFiles, pausesFor } from '../../src/gateway/chat/answer-files.ts'
import { decodeFiles } from '../../src/gateway/chat/file-blocks.ts'
import { answerRows, decodeHistory } from '../../src/gateway/chat/history.ts'

const ending = (reply: string, ...tools: readonly string[]) => ({ reply, usedTools: tools.length > 0 })
const sum = (pauses: readonly number[]) => pauses.reduce((total, ms) => total + ms, 0)

describe('when files are looked for', () => {
  test('answer files: an answer without tools and without a file that is named is not waited for', () => {
    expect(pausesFor(ending('x'), 'x')).toEqual([])
    expect(pausesFor(ending('say MEDIA:./a.csv'), 'say MEDIA:./a.csv')).toEqual([])
  })

  test('answer files: a line that names a file is looked after for two seconds', () => {
    for (const reply of ['MEDIA:./a.csv', 'x\nMEDIA:./a.csv', 'x\n  MEDIA:./a.csv\ny', 'MEDIA: a\nMEDIA: b']) {
      const pauses = pausesFor(ending(reply), 'x')
      expect([pauses[0], pauses[1], sum(pauses)]).toEqual([150, 250, 1_900])
    }
  })

  test('answer files: a line that stayed in the text, such as in a code block, names none', () => {
    const quoted = '```\nMEDIA:./a.csv\n```'
    expect(pausesFor(ending(quoted), quoted)).toEqual([])
    expect(pausesFor(ending(`${quoted}\nMEDIA:./b.csv`), quoted)).not.toEqual([])
  })

  test('answer files: after a tool, behind the cut, and when the end was not heard there may be some', () => {
    expect(pausesFor(ending('x', 'exec'), 'x')).toEqual([300])
    expect(pausesFor(ending('x'.repeat(4_096)), 'x'.repeat(5_000))).toEqual([300, 700])
    expect(pausesFor(ending('x'.repeat(4_095)), 'x'.repeat(4_095))).toEqual([])
    expect(pausesFor(undefined, 'x')).toEqual([300, 700])
  })
})

test('answer files: only the end of a run that replied says something of files', () => {
  const terminalReply = { disposition: 'visible', text: 'x\nMEDIA:./a.csv' }
  const terminalReceipt = { successfulToolNames: ['exec'] }
  expect(decodeEnding({ phase: 'end', terminalReply, terminalReceipt })).toEqual(ending('x\nMEDIA:./a.csv', 'exec'))
  expect(decodeEnding({ phase: 'end', terminalReply: { disposition: 'silent' } })).toEqual(ending(''))
  expect(decodeEnding({ phase: 'finishing', terminalReply })).toBeUndefined()
  expect(decodeEnding({ phase: 'end', aborted: true })).toBeUndefined()
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

test('answer files: pictures, sounds and documents have their ids and names, what is refused has no id', () => {
  expect(decodeFiles({ content: [{ type: 'text', text: 'x' }, png, amr, csv, html] })).toEqual([
    { id: 'i', fileName: 'out.png', mimeType: 'image/png' },
    { id: 'a', fileName: 'a.amr', mimeType: 'audio/amr' },
    { id: 'c', fileName: '数据 表.csv', mimeType: 'text/csv' },
    { fileName: 'a.html', mimeType: 'text/html' },
  ])
})

test('answer files: a name is never a path, and what has no id is no file', () => {
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

test('answer files: all rows of the answer count, each file once, and those of other turns do not', () => {
  const before = [user('j'), row('j', [amr])]
  const ours = [user('k'), row('k', [png], 'toolUse'), { role: 'toolResult' }, row('k', [png, csv])]
  expect(found([...before, ...ours, user('l'), row('l', [amr])])).toEqual(['i', 'c'])
})

test('answer files: a resumed run answers our question, too', () => {
  const system = { ...user('new'), provenance: { kind: 'internal_system' } }
  expect(found([user('k'), system, row('new', [csv])])).toEqual(['c'])
  expect(found([user('k'), user('l'), row('l', [png]), row('new', [csv])], 'new')).toEqual(['c'])
})

test('answer files: it is looked until the last row has files, and no longer', async () => {
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
