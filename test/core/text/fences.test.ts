import { describe, expect, test } from 'bun:test'
import { closingOf, cutForNotice, openFence } from '../../../src/core/text/fences.ts'
import { byteLength } from '../../../src/core/text/split.ts'

describe('what closes an open code block', () => {
  test.each([
    ['```bash\nmake', '\n```'],
    ['```bash\nmake\n', '```'],
    ['text\n\n~~~~\ncode', '\n~~~~'],
    ['`````md\n```\ninner', '\n`````'],
    ['```py', '\n```'],
    ['```\na\n```', ''],
    ['```\na\n```\nand `code', ''],
    ['no code', ''],
    ['', ''],
  ])('fences: of %j it is %j', (text, closing) => {
    expect(closingOf(text)).toBe(closing)
    expect(openFence(text + closing)).toBeUndefined()
  })
})

describe('a cut before a notice', () => {
  const texts = [
    '```python\n' + 'x = 1\n'.repeat(40),
    '~~~~~~~~\n你好\n'.repeat(20),
    'a```\n'.repeat(30),
    '字'.repeat(90),
  ]
  for (const text of texts) {
    test(`fences: the head of ${JSON.stringify(text.slice(0, 12))}… fits with its closing, whatever the room`, () => {
      for (let room = 0; room < byteLength(text) + 20; room++) {
        const head = cutForNotice(text, room)
        expect(text.startsWith(head)).toBe(true)
        expect(head === '' || byteLength(head + closingOf(head)) <= room).toBe(true)
      }
      const whole = byteLength(text + closingOf(text))
      expect(cutForNotice(text, whole)).toBe(text)
    })
  }
})
