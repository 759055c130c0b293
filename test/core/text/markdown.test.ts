import { expect, test } from 'bun:test'
import { fitsAppMarkdown } from '../../../src/core/text/markdown.ts'

const asMarkdown = [
  '# Title',
  '###### Small title\n\nText.',
  'This is **bold**.',
  '**粗**',
  'See [the page](https://example.com/a_b).',
  'Run `bun test` now.',
  'Two: `a*b` and `c~~d`.',
  '> quoted\n\nanswer',
  '>quoted',
  '今天 <font color="warning">告警</font> 3 次',
  '<font color="info">**ok**</font>',
  '**bold** and *italics*, as in text',
  '# 标题\n\n第一段，共 3 项：\n1、甲\n2、乙',
  '**Note:** a - b * c + d = e, 2 * 3',
  '**Version 1.2** of 2026. It works',
  '**a|b** is one of a | b',
  '`- not a list`',
  '`| a | b |`',
  '`<br>` makes a line',
  '**x** costs ~5, ~~',
  '# [1] a footnote by hand: (x)',
]

const asText = [
  '',
  'Plain text.',
  '2 ** 3 ** 4',
  '#hashtag',
  '####### seven',
  'snake_case_name and 2*3*4',
  '*only italics*',
  '**bold**\n\n- item',
  '**bold**\n* item',
  '**bold**\n  + item',
  '# Steps\n\n1. first\n2. second',
  '# Steps\n\n1) first',
  '- `code`',
  '1. `code`',
  '> - quoted item',
  '**bold**\n\n| a | b |\n|---|---|\n| 1 | 2 |',
  '**bold**\n\na | b\n:-- | --:\n1 | 2',
  '**bold**\n\n| a |\n| --- |\n| 1 |',
  '**bold** ![picture](https://example.com/a.png)',
  '![picture](https://example.com/a.png)',
  '# Code\n\n```js\nlet a\n```',
  '# Code\n\n~~~\nlet a\n~~~',
  '# Code\n\n    let a',
  '# Code\n\n\tlet a',
  '`code over\ntwo lines`',
  '``a ` b``',
  '**bold** and a stray `',
  '# Title\n\n---\n\nText',
  '# Title\n\n* * *',
  '# Title\n\n___',
  '**Title**\n=====',
  '**Title**\n--',
  '**bold** and ~~gone~~',
  '**bold** with a note[^1]',
  '**bold** [page][1]\n\n[1]: https://example.com',
  '**bold** <br> text',
  '**bold** in <b>HTML</b>',
  '**bold** <a href="https://example.com">page</a>',
  '**bold** <https://example.com>',
  '**bold** <font color="red">red</font>',
  '<font color="info">never closed',
  '<font color="info">- a\n- b</font>',
]

test.each(asMarkdown)('markdown: markdown for %j', text => {
  expect(fitsAppMarkdown(text)).toBe(true)
})

test.each(asText)('markdown: text for %j', text => {
  expect(fitsAppMarkdown(text)).toBe(false)
})

test('markdown: the limit of one message is counted in bytes', () => {
  const text = `**a**${'测'.repeat(681)}`
  expect(Buffer.byteLength(text)).toBe(2_048)
  expect(fitsAppMarkdown(text)).toBe(true)
  expect(fitsAppMarkdown(`${text}.`)).toBe(false)
})

test('markdown: the same text always gets the same format', () => {
  for (let i = 0; i < 3; i++) expect(fitsAppMarkdown('`a` <font color="info">b</font>')).toBe(true)
})
