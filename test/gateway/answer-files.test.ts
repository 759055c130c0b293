import { describe, expect, test } from 'bun:test'
import { decodeLifecycleEnd, expectFiles, filesOf, namedFiles } from '../../src/gateway/chat/answer-files.ts'
import { decodeFiles } from '../../src/gateway/chat/file-blocks.ts'
import { answerRows } from '../../src/gateway/chat/history.ts'
import { decodeHistory } from '../../src/gateway/chat/history-rows.ts'

const ending = (reply: string, ...tools: readonly string[]) => ({ reply, usedTools: tools.length > 0 })

describe('expectFiles', () => {
  test('answer files: a plain answer has none', () => {
    expect(expectFiles(ending('x'), 'x')).toBeUndefined()
    expect(expectFiles(ending('say MEDIA:./a.csv'), 'say MEDIA:./a.csv')).toBeUndefined()
  })

  test('answer files: a named file is expected by its name', () => {
    for (const reply of ['MEDIA:./a.csv', 'x\nMEDIA:./a.csv', 'x\n  MEDIA:./a.csv\ny', 'media: dir/a.csv']) {
      expect(expectFiles(ending(reply, 'exec'), 'x')).toEqual({ named: ['a.csv'], others: 'none' })
    }
  })

  test('answer files: a quoted MEDIA line is not a file', () => {
    const quoted = '```\nMEDIA:./a.csv\n```'
    expect(expectFiles(ending(quoted), quoted)).toBeUndefined()
    expect(expectFiles(ending(`${quoted}\nMEDIA:./b.csv`), quoted)).toEqual({ named: ['b.csv'], others: 'none' })
  })

  test('answer files: after a tool, a cut or a missed end, others may follow', () => {
    const long = 'x'.repeat(4_096)
    expect(expectFiles(ending('x', 'exec'), 'x')).toEqual({ named: [], others: 'unlikely' })
    expect(expectFiles(ending(long), `${long}x`)).toEqual({ named: [], others: 'possible' })
    expect(expectFiles(ending(long.slice(1)), long.slice(1))).toBeUndefined()
    expect(expectFiles(undefined, 'x')).toEqual({ named: [], others: 'possible' })
  })

  test('answer files: a name cut off at the end of the reply is not used', () => {
    const text = 'x'.repeat(4_069)
    const reply = `MEDIA:./a.csv\n${text}\nMEDIA:./long`
    expect(expectFiles(ending(reply), text)).toEqual({ named: ['a.csv'], others: 'possible' })
  })

  // What the gateway made of these lines, as their labels in its history.
  test.each([
    ['MEDIA:./a b.csv', ['a b.csv']],
    ['MEDIA:"./a b.csv"', ['a b.csv']],
    ['MEDIA:./out.png ./a.csv', ['out.png', 'a.csv']],
    ['MEDIA: `./a b.csv` and more', ['a b.csv` and more']],
    ['MEDIA:./a.csv\nMEDIA:./dir/a.csv', ['a.csv', 'a.csv']],
    ['MEDIA:./a.csv\nMEDIA:./a.csv', ['a.csv']],
    ['MEDIA:/srv/x/数据 表.csv', ['数据 表.csv']],
    ['MEDIA:https://a.example/b/c.png?d=e/f', ['c.png']],
  ])('answer files: the names in %j', (reply, names) => {
    expect(namedFiles(ending(reply), '')).toEqual(names)
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

test('answer files: files in a row of their own go with their question', () => {
  const media = (key: string, file: object) => ({ role: 'assistant', content: [file], idempotencyKey: key })
  const rows = [user('k'), row('k', []), user('l'), media('k:assistant-media', png), media('l:assistant-media:1', csv)]
  expect(found(rows)).toEqual(['i'])
  const next = decodeHistory({ messages: rows })
  const files = filesOf(answerRows(next, { key: 'l', runIds: new Set(['l']) })).map(({ id }) => id)
  expect(files).toEqual(['c'])
})
