import { expect, test } from 'bun:test'
import { encodeReply } from '../../src/wecom/callback/reply.ts'

test('reply: a frame becomes a stream body with the whole text', () => {
  const frame = { streamId: 's1', content: '<think></think>处理中', finish: false }
  const expected = { msgtype: 'stream' as const, stream: { id: 's1', finish: false, content: '<think></think>处理中' } }
  expect(encodeReply({ kind: 'stream', frame })).toEqual(expected)
})

test('reply: a welcome becomes a text body, no reply an empty body', () => {
  expect(encodeReply({ kind: 'text', content: 'hi' })).toEqual({ msgtype: 'text', text: { content: 'hi' } })
  expect(encodeReply({ kind: 'empty' })).toBeUndefined()
})
