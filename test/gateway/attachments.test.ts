import { expect, test } from 'bun:test'
import type { Ask, AskAttachment } from '../../src/domain/agent.ts'
import { WecomdError } from '../../src/errors.ts'
import { encodeAttachments, encodeQuestion, limitsOf, Semaphore } from '../../src/gateway/chat/attachments.ts'
import { encodeRequest } from '../../src/gateway/link/frames.ts'

const hello = { bootId: 'b', version: 'v', scopes: [], tickIntervalMs: 1, imageBytes: 6_291_456 }
const key = 'k'

function attachmentOf(
  fileName: string,
  pieces: readonly Uint8Array[],
  more: Partial<AskAttachment> = {},
): AskAttachment {
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
  async function* open() {
    yield* pieces
  }
  return { kind: 'file', mimeType: 'text/csv', fileName, bytes, open, ...more }
}

const gone = (fileName: string) =>
  attachmentOf(fileName, [], {
    async *open() {
      yield Buffer.from('half of it')
      throw new WecomdError('not_found', 'gone')
    },
  })

/** The params the gateway parses from the frame. */
async function paramsOf(message: string, attachments: readonly AskAttachment[]) {
  const ask: Ask = { key, sessionKey: 's', message, askBefore: 1, mark: async () => {} }
  const frame = encodeRequest('r1', 'chat.send', encodeQuestion(ask, key, await encodeAttachments(attachments)))
  const { params, ...envelope } = JSON.parse(frame)
  expect(envelope).toEqual({ type: 'req', id: 'r1', method: 'chat.send' })
  return params
}

test('attachments: chunk boundaries do not change the bytes', async () => {
  const whole = Buffer.from(Array.from({ length: 1_000 }, (_, index) => index % 251))
  for (const cuts of [[], [1], [2], [3], [1, 2, 4], [333, 334, 999], [0, 0, 500]]) {
    const edges = [0, ...cuts, whole.length]
    const pieces = edges.slice(1).map((to, index) => whole.subarray(edges[index] ?? 0, to))
    const { attachments } = await paramsOf('hi', [attachmentOf('a.csv', pieces)])
    expect(attachments[0].content).toBe(whole.toString('base64'))
  }
})

test('attachments: they keep their order, kind and original name', async () => {
  const name = '报表 "最终" \\ 1.csv'
  const image = attachmentOf('a.png', [Buffer.from('png')], { kind: 'image', mimeType: 'image/png' })
  expect(await paramsOf('look', [image, attachmentOf(name, [Buffer.from('a,b')])])).toEqual({
    sessionKey: 's',
    message: 'look',
    idempotencyKey: key,
    queueMode: 'followup',
    attachments: [
      { type: 'image', mimeType: 'image/png', fileName: 'a.png', content: 'cG5n' },
      { type: 'file', mimeType: 'text/csv', fileName: name, content: 'YSxi' },
    ],
  })
})

test('attachments: a missing or empty file becomes a line in the text', async () => {
  const params = await paramsOf('look', [
    gone('a.csv'),
    attachmentOf('b.csv', [Buffer.from('b')]),
    attachmentOf('c', []),
  ])
  expect(params.message).toBe('look\n[a.csv: could not be read]\n[c: could not be read]')
  expect(params.attachments).toHaveLength(1)
})

test('attachments: when all files are missing, only the text is sent', async () => {
  const params = await paramsOf('', [gone('/status')])
  expect(params).toEqual({
    sessionKey: 's',
    message: '[/status: could not be read]',
    idempotencyKey: key,
    queueMode: 'followup',
  })
})

test('attachments: a temporarily unreadable file rejects', async () => {
  const failing = attachmentOf('a', [], {
    async *open() {
      yield Buffer.from('a')
      throw new WecomdError('store_failed', 'no')
    },
  })
  expect(encodeAttachments([failing])).rejects.toMatchObject({ code: 'store_failed' })
})

test('attachments: the limits leave room for the rest of the frame', () => {
  expect(limitsOf({ ...hello, maxPayloadBytes: 26_214_400, attachmentBytes: 19_464_192 })).toEqual({
    attachmentBytes: 19_464_192,
    imageBytes: 6_291_456,
    questionBytes: 19_611_648,
  })
  expect(limitsOf({ ...hello, maxPayloadBytes: 1_000, attachmentBytes: 2_000_000 })).toEqual({
    attachmentBytes: 2_000_000,
    imageBytes: 2_000_000,
    questionBytes: 0,
  })
})

test('semaphore: tasks run in order up to the limit, even when one fails', async () => {
  const semaphore = new Semaphore(2)
  const log: string[] = []
  const works = ['a', 'b', 'c', 'd'].map(name => ({ name, ...Promise.withResolvers<string>() }))
  const passed = works.map(({ name, promise }) =>
    semaphore.run(() => {
      log.push(name)
      return promise
    }),
  )
  expect(log).toEqual(['a', 'b'])
  works[1]?.reject(new Error('b failed'))
  expect(passed[1]).rejects.toThrow('b failed')
  await passed[1]?.catch(() => {})
  expect(log).toEqual(['a', 'b', 'c'])
  for (const { name, resolve } of works) resolve(name)
  expect(await Promise.all(passed.filter((_, index) => index !== 1))).toEqual(['a', 'c', 'd'])
  expect(log).toEqual(['a', 'b', 'c', 'd'])
})
