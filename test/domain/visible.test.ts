import { expect, test } from 'bun:test'
import { isVisible, trimInvisible, printable, printableJson, printableSoFar } from '../../src/domain/visible.ts'

test.each([
  '',
  ' \n\t',
  '\u200b\ufeff\u2060',
  '\u2800',
  '\u3164\uffa0',
  '\ufe0f',
  '\u{e0041}\u{e007f}',
  '\u202e\u00ad',
  '\u0007',
])('visible: nothing is seen of %j', text => {
  expect([isVisible(text), trimInvisible(text)]).toEqual([false, ''])
})

test.each([' . ', '❤️', '\u200bè', '\u{1f3f4}\u{e0067}\u{e007f}', '一', '\ufffd'])('visible: %j is seen', text => {
  expect(isVisible(text)).toBe(true)
})

test('visible: blanks are trimmed in linear time, wherever they are', () => {
  const blanks = ' \u200b'.repeat(500_000)
  expect(trimInvisible(`a${blanks}b`)).toBe(`a${blanks}b`)
  expect(trimInvisible(`${blanks}a${blanks}`)).toBe('a')
  expect(trimInvisible(blanks)).toBe('')
})

test('visible: a character of two units at the end stays whole, half of one is kept', () => {
  expect(['😀 ', '\u{e0041}x\u{e0041}', '\ud83d', 'a\udc00 '].map(trimInvisible)).toEqual([
    '😀',
    'x',
    '\ud83d',
    'a\udc00',
  ])
})

test('visible: only the ends are trimmed', () => {
  expect(trimInvisible('\u200b\n 第一 \u2060行\ufe0f \u3164')).toBe('第一 \u2060行')
})

const printed: readonly (readonly [name: string, text: string, left: string])[] = [
  ['plain text', 'a\tb\n你好 👍', 'a\tb\n你好 👍'],
  ['colours', 'a\u001b[31mred\u001b[0m b\u009b1mc', 'ared bc'],
  ['a window title', '\u001b]0;title\u0007x\u001b]8;;http://a\u001b\\y', 'xy'],
  ['short sequences', '\u001b(Bx\u001bc\u001b7y', 'xy'],
  ['a lone escape', 'a\u001b', 'a'],
  ['controls', 'a\u0000b\u0007c\b\u007f\u0085\u009fd', 'abcd'],
  ['carriage returns', 'a\r\nb\rc', 'a\nb\nc'],
  ['halves of characters', '\ud83d a \udc4d', '\ufffd a \ufffd'],
]
for (const [name, text, left] of printed) {
  test(`printable: ${name}`, () => {
    expect(printable(text)).toBe(left)
    expect(printable(left)).toBe(left)
    expect(JSON.parse(printableJson({ list: [{ text }], n: 1 }))).toEqual({ list: [{ text: left }], n: 1 })
  })
}

test('printable: half a character or sequence at the end of a growing text waits', () => {
  const text = 'a👍b\u001b[31mc'
  const seen = Array.from({ length: text.length + 1 }, (_, end) => printableSoFar(text.slice(0, end)))
  expect(seen).toEqual(['', 'a', 'a', 'a👍', 'a👍b', 'a👍b', 'a👍b', 'a👍b', 'a👍b', 'a👍b', 'a👍bc'])
})
