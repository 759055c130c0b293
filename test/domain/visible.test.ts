import { expect, test } from 'bun:test'
import { isVisible, trimInvisible } from '../../src/domain/visible.ts'

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
