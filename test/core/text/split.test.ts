import { expect, test } from 'bun:test'
import { byteLength, cutAfter, cutHead } from '../../../src/core/text/split.ts'

test('split: head and remainder together are the text, at every limit', () => {
  const text = '\ufeffa测b😀\ufeffé\u0301c\n𝒳end'
  for (let limit = 0; limit <= byteLength(text) + 3; limit++) {
    const head = cutHead(text, limit)
    expect(byteLength(head)).toBeLessThanOrEqual(limit)
    expect(limit - byteLength(head)).toBeLessThan(limit > byteLength(text) ? 8 : 4)
    expect(head + cutAfter(text, byteLength(head))).toBe(text)
  }
})
