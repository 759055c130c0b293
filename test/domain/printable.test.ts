import { expect, test } from 'bun:test'
import { printable, printableJson, printableSoFar } from '../../src/domain/printable.ts'

const table: readonly (readonly [name: string, text: string, printed: string])[] = [
  ['plain text', 'a\tb\n你好 👍', 'a\tb\n你好 👍'],
  ['colours', 'a\u001b[31mred\u001b[0m b\u009b1mc', 'ared bc'],
  ['a window title', '\u001b]0;title\u0007x\u001b]8;;http://a\u001b\\y', 'xy'],
  ['short sequences', '\u001b(Bx\u001bc\u001b7y', 'xy'],
  ['a lone escape', 'a\u001b', 'a'],
  ['controls', 'a\u0000b\u0007c\b\u007f\u0085\u009fd', 'abcd'],
  ['carriage returns', 'a\r\nb\rc', 'a\nb\nc'],
  ['halves of characters', '\ud83d a \udc4d', '\ufffd a \ufffd'],
]
for (const [name, text, printed] of table) {
  test(`printable: ${name}`, () => {
    expect(printable(text)).toBe(printed)
    expect(printable(printed)).toBe(printed)
    expect(JSON.parse(printableJson({ list: [{ text }], n: 1 }))).toEqual({ list: [{ text: printed }], n: 1 })
  })
}

test('printable: half a character or sequence at the end of a growing text waits', () => {
  const text = 'a👍b\u001b[31mc'
  const seen = Array.from({ length: text.length + 1 }, (_, end) => printableSoFar(text.slice(0, end)))
  expect(seen).toEqual(['', 'a', 'a', 'a👍', 'a👍b', 'a👍b', 'a👍b', 'a👍b', 'a👍b', 'a👍b', 'a👍bc'])
})
