import { expect, test } from 'bun:test'
import type { Message } from '../../../src/domain/delivery.ts'
import { createTranslator } from '../../../src/core/notices/notices.ts'
import { planMessages, planRobotMessages } from '../../../src/core/fallback/messages.ts'

const translate = createTranslator('zh-CN')
const rich = '**粗** `x`'
const lists = '**粗**\n\n- 甲\n- 乙'

function kindsOf(messages: readonly Message[]): readonly string[] {
  return messages.map(message => message.kind)
}

test('messages: auto uses markdown only for markup that WeCom renders', () => {
  expect(planMessages('hello', 'auto', translate)).toEqual([{ kind: 'text', content: 'hello' }])
  expect(planMessages(rich, 'auto', translate)).toEqual([{ kind: 'markdown', content: rich }])
  expect(planMessages(lists, 'auto', translate)).toEqual([{ kind: 'text', content: lists }])
})

test('messages: a configured format applies to every text', () => {
  expect(planMessages(rich, 'text', translate)).toEqual([{ kind: 'text', content: rich }])
  expect(planMessages(lists, 'markdown', translate)).toEqual([{ kind: 'markdown', content: lists }])
  expect(planMessages('hello', 'markdown', translate)).toEqual([{ kind: 'markdown', content: 'hello' }])
})

test('messages: an empty text has no messages', () => {
  expect(planMessages('', 'auto', translate)).toEqual([])
  expect(planRobotMessages('', 'markdown', translate)).toEqual([])
})

test('messages: parts are text, or markdown if that is configured', () => {
  const long = `${rich}\n\n${'甲乙丙。\n'.repeat(300)}`
  expect(new Set(kindsOf(planMessages(long, 'auto', translate)))).toEqual(new Set(['text']))
  expect(new Set(kindsOf(planMessages(long, 'markdown', translate)))).toEqual(new Set(['markdown']))
  for (const message of planMessages(long, 'markdown', translate)) {
    if (message.kind !== 'markdown') throw new Error(message.kind)
    expect(message.content).toMatch(/^\(\d\/\d\)\n/)
    expect(Buffer.byteLength(message.content)).toBeLessThanOrEqual(2_048)
  }
})

test('messages: over eight parts it is a summary line and a file', () => {
  expect(kindsOf(planMessages('x'.repeat(8 * 2_042), 'text', translate))).toEqual(Array(8).fill('text'))
  const content = '测'.repeat(68_267)
  for (const format of ['auto', 'text', 'markdown'] as const)
    expect(planMessages(content, format, translate)).toEqual([
      { kind: 'text', content: '内容较长（约 200 KB），全文见文件「全文.md」。' },
      { kind: 'media', media: 'file', fileName: '全文.md', bytes: 204_801, source: { kind: 'text', content } },
    ])
  expect(planMessages('x'.repeat(8 * 2_042 + 1), 'text', createTranslator('en'))).toMatchObject([
    { content: 'The answer is long (about 16 KB). The full text is in “full.md”.' },
    { fileName: 'full.md', bytes: 16_337 },
  ])
})

test('messages: a group robot accepts longer markdown', () => {
  const content = 'x'.repeat(4_096)
  expect(planRobotMessages(content, 'markdown', translate)).toEqual([{ kind: 'markdown', content }])
  expect(kindsOf(planRobotMessages(content, 'text', translate))).toEqual(['text', 'text', 'text'])
  expect(kindsOf(planRobotMessages('x'.repeat(8 * 4_090), 'markdown', translate))).toEqual(Array(8).fill('markdown'))
  expect(kindsOf(planRobotMessages('x'.repeat(8 * 4_090 + 1), 'markdown', translate))).toEqual(['text', 'media'])
})
