import { expect, test } from 'bun:test'
import type { Attempt, Delivery } from '../../../src/domain/delivery.ts'
import { repair } from '../../../src/core/fallback/repair.ts'

const invalidMediaId = { outcome: 'refused', errcode: 40_007 } as const

/** A file message with an attempt in progress, after these. */
function fileAfter(...before: readonly Omit<Attempt, 'at' | 'route' | 'part'>[]): Delivery {
  const source = { kind: 'text', content: 'all of it' } as const
  const file = { kind: 'media', media: 'file', fileName: 'full.md', bytes: 9, source, mediaId: 'm-1' } as const
  return {
    id: 'send_1',
    account: 'default',
    route: 'app',
    state: 'sending',
    dead: false,
    body: { kind: 'messages', to: { kind: 'user', ids: ['zhangsan'] }, messages: [file] },
    lane: 'app:default:user:zhangsan',
    order: 1,
    dueAt: 0,
    expiresAt: 1,
    attempts: [...before, {}].map(attempt => ({ at: 0, route: 'app', part: 1, ...attempt })),
    createdAt: 0,
  }
}

test('repair: a file with an expired media_id is uploaded again, once', () => {
  for (const delivery of [fileAfter(), fileAfter({ outcome: 'retry', errcode: -1 })]) {
    const body = repair(delivery, 1, invalidMediaId)?.body
    expect(body?.kind === 'messages' && body.messages[0]).not.toHaveProperty('mediaId')
  }
  expect(repair(fileAfter({ outcome: 'retry', errcode: 40_007 }), 1, invalidMediaId)).toBeUndefined()
  expect(repair(fileAfter(), 1, { outcome: 'refused', errcode: 40_004 })).toBeUndefined()
})

test('repair: a file that may have arrived never gets another media_id', () => {
  expect(repair(fileAfter({ outcome: 'unknown' }), 1, invalidMediaId)).toBeUndefined()
})
