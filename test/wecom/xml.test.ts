import { expect, test } from 'bun:test'
import { type Element, parseXml, textOf } from '../../src/wecom/callback/xml.ts'

const read = (xml: string) => {
  const element = parseXml(xml)
  if (element === undefined) throw new Error('no XML')
  return element
}
const valueOf = (content: string) => textOf(read(`<xml><A>${content}</A></xml>`), 'A')

const values: readonly [string, string, string][] = [
  ['leading zeros', '00123', '00123'],
  ['more digits than a number holds', '9007199254740993', '9007199254740993'],
  ['space around it', ' \n a \t', ' \n a \t'],
  ['only space', '   ', '   '],
  ['nothing', '', ''],
  ['an empty CDATA section', '<![CDATA[]]>', ''],
  ['a CDATA section of space', '<![CDATA[ \n ]]>', ' \n '],
  ['the five entities', '&lt;&gt;&amp;&quot;&apos;', `<>&"'`],
  ['an entity that was escaped', '&amp;lt; &amp;amp;', '&lt; &amp;'],
  ['entities in a CDATA section', '<![CDATA[&lt; &amp;amp; &#65;]]>', '&lt; &amp;amp; &#65;'],
  ['text and CDATA sections together', 'a &lt;<![CDATA[&lt;]]> b<![CDATA[ c]]>', 'a <&lt; b c'],
  ['an end of CDATA that is split', '<![CDATA[a[1]]]]><![CDATA[>0]]>', 'a[1]]>0'],
  ['markup in a CDATA section', '<![CDATA[<!DOCTYPE x><b>&<?php]]>', '<!DOCTYPE x><b>&<?php'],
  ['emoji', '<![CDATA[👨‍👩‍👧 😀]]>😀', '👨‍👩‍👧 😀😀'],
  ['an undeclared entity', '&nbsp;', '&nbsp;'],
  ['a character by its number', '&#20013;&#x6587; &#x1F600;&#x1f600;', '中文 😀😀'],
  ['a number with leading zeros', '&#00020013;&#x000041;', '中A'],
  ['a line break and a tab by number', 'a&#10;b&#x9;c', 'a\nb\tc'],
  ['a number that was escaped', '&amp;#20013; &#38;lt; &#38;#65;', '&#20013; &lt; &#65;'],
  [
    'numbers of no character',
    '&#0;&#xD800;&#56320;&#x110000;&#xFFFE;&#1;',
    '&#0;&#xD800;&#56320;&#x110000;&#xFFFE;&#1;',
  ],
  ['a number without end', `&#${'9'.repeat(400)};`, `&#${'9'.repeat(400)};`],
  ['a comment', 'a<!-- <b> -->c', 'ac'],
]

for (const [what, content, expected] of values) {
  test(`xml: ${what} is decoded`, () => {
    expect(valueOf(content)).toBe(expected)
  })
}

test('xml: declaration, byte order mark and outer space are ignored', () => {
  const documents = ['<?xml version="1.0" encoding="UTF-8"?>\n<xml><A>1</A></xml>\n', '\ufeff<xml><A>1</A></xml>']
  for (const document of documents) expect(textOf(read(document), 'A')).toBe('1')
})

test('xml: nested elements keep their order and lose attributes', () => {
  const { children } = read('<xml>\n <A b="c"/>\n <B><C>1</C><C>2</C></B></xml>')
  const leaf = (name: string, text: string): Element => ({ name, text, children: [] })
  expect(children).toEqual([leaf('A', ''), { ...leaf('B', ''), children: [leaf('C', '1'), leaf('C', '2')] }])
})

test('xml: a missing or nested element has no text', () => {
  expect(valueOf('x<B>y</B>z')).toBeUndefined()
  expect(textOf(read('<xml></xml>'), 'A')).toBeUndefined()
  expect(textOf(read('<xml><a>1</a></xml>'), 'A')).toBeUndefined()
})

test('xml: the first of two elements with one name counts', () => {
  expect(textOf(read('<xml><A>1</A><A>2</A></xml>'), 'A')).toBe('1')
})

test('xml: a megabyte of character references takes linear time', () => {
  const begun = performance.now()
  expect(valueOf('&#20013;'.repeat(120_000))).toBe('中'.repeat(120_000))
  valueOf(`&#${'1'.repeat(1_000_000)};`)
  expect(performance.now() - begun).toBeLessThan(5_000)
})

const refused: readonly [string, string][] = [
  ['nothing', ''],
  ['text', 'hello'],
  ['JSON', '{"encrypt":"x"}'],
  ['another root', '<html><A>1</A></html>'],
  ['a DOCTYPE', '<!DOCTYPE xml [<!ENTITY a "b">]><xml><A>&a;</A></xml>'],
  [
    'a DOCTYPE after a declaration',
    '<?xml version="1.0"?><!DOCTYPE xml SYSTEM "file:///etc/passwd"><xml><A>1</A></xml>',
  ],
  ['a DOCTYPE inside', '<xml><!DOCTYPE x [<!ENTITY a "b">]><A>&a;</A></xml>'],
  ['a DOCTYPE that a comment seems to hide', '<xml><!-- <![CDATA[ --><!DOCTYPE x><A>1</A><!-- ]]> --></xml>'],
  ['an entity', '<xml><!ENTITY a "b"><A>1</A></xml>'],
  ['a processing instruction', '<xml><?php 1 ?><A>1</A></xml>'],
  ['a tag that is not closed', '<xml><A>1</xml>'],
  ['a root that is not closed', '<xml><A>1</A>'],
  ['tags that close in the wrong order', '<xml><A><B>1</A></B></xml>'],
  ['a tag closed by another name', '<xml><A>1</B></xml>'],
  ['a CDATA section that is not closed', '<xml><A><![CDATA[1</A></xml>'],
  ['a comment that is not closed', '<xml><A>1</A><!-- </xml>'],
  ['text after the root', '<xml></xml>text'],
  ['a bare ampersand', '<xml><A>a & b</A></xml>'],
  ['an element called __proto__', '<xml><__proto__><A>1</A></__proto__></xml>'],
  ['an element called constructor', '<xml><constructor>1</constructor></xml>'],
  ['an element called like our own marks', '<xml><#cdata>1</#cdata><#text>2</#text></xml>'],
  ['a thousand elements in each other', `<xml>${'<a>'.repeat(1000)}${'</a>'.repeat(1000)}</xml>`],
  ['a hundred thousand open elements', '<a>'.repeat(100_000)],
]

for (const [what, xml] of refused) {
  test(`xml: ${what} is refused`, () => {
    expect(parseXml(xml)).toBeUndefined()
  })
}
