import { describe, expect, test } from 'bun:test'
import { readAnswer, readSoFar } from '../../../src/core/text/answer.ts'
import { createTranslator } from '../../../src/core/notices/notices.ts'
import { outcomeOf } from '../../../src/core/streaming/run-end.ts'
import { opened, turnOf } from '../streaming/turns.ts'

const translate = createTranslator('zh-CN')
const ended = (text: string) => outcomeOf(turnOf(opened()), { kind: 'answered', text }, translate)

const table: readonly (readonly [name: string, text: string, plain: string])[] = [
  ['folded text', '结论\n<details><summary>推导</summary>一步</details>\n完', '结论\n### 推导\n一步\n完'],
  [
    'an open one over several lines',
    '<details open>\n<summary>\n <b>步骤</b>\n</summary>\n\n1. a\n</details>',
    '\n### 步骤\n\n1. a\n',
  ],
  [
    'two inside each other',
    '<details><summary>外</summary><details><summary>内</summary>x</details></details>',
    '### 外\n### 内\nx',
  ],
  [
    'a fold in code',
    '```html\n<details>x</details>\n```\n`<summary>`',
    '```html\n<details>x</details>\n```\n`<summary>`',
  ],
  [
    'code in a fold',
    '<details><summary>看</summary>\n\n```sh\nls <a>\n```\n</details>',
    '### 看\n\n```sh\nls <a>\n```\n',
  ],
  ['an embed', '见 [embed ref="cv_1" title="周报" height="320" /] 完', '见 周报 完'],
  ['an embed with brackets in its title', "[embed title='[1] 月报' ref=x] 完", '[1] 月报 完'],
  ['an embed around text', '前 [embed ref="x"]内容[/embed]', '前 内容'],
  ['an embed in code', '写 `[embed ref="x" /]`', '写 `[embed ref="x" /]`'],
  ['a link to a file', '[表](file:///srv/agent/q3.csv)', '表'],
  ['a relative picture', '![图](./chart.png "标题") 完', '图 完'],
  ['an absolute path', '[a](/etc/passwd) [b](~/x.md) [c](C:\\x\\y.doc)', 'a b c'],
  ['a path with blanks', '[d](<my file.txt>)', 'd'],
  ['a picture without a label', '![](out/a%20b.png)', 'a b.png'],
  ['a sandbox link', '[下载](sandbox:/mnt/data/r.pdf)', '下载'],
  ['a bare file address', '见 file:///srv/x/周报.pdf。 <file:///a/b.c>', '见 周报.pdf。 b.c'],
  ['a definition of a local link', '看 [1]\n\n[1]: file:///srv/x.md\n', '看 [1]\n\n'],
  [
    'links to the web',
    '[网](https://a.cn/b_(c)) [m](mailto:a@b.c) [d](docs.example.com/a) [#](#x) //x',
    '[网](https://a.cn/b_(c)) [m](mailto:a@b.c) [d](docs.example.com/a) [#](#x) //x',
  ],
  ['a local link in code', '`[x](./y)`', '`[x](./y)`'],
  ['brackets that are no links', 'a[0](x) [ ] [x] 任务 [10]', 'a0 [ ] [x] 任务 [10]'],
  ['a think tag in code', '用 `<think>` 标签。结论：四十二', '用 `<\u200bthink>` 标签。结论：四十二'],
  ['a think tag in a code block', '```xml\n<think>a</think>\n```\n完', '```xml\n<\u200bthink>a<\u200b/think>\n```\n完'],
  ['a think tag in a line', '写 <THINK> 和 </think>', '写 <\u200bTHINK> 和 <\u200b/think>'],
]

describe('answers for the page of the gateway', () => {
  for (const [name, text, plain] of table) {
    test(`page: ${name}`, () => expect(readAnswer(text).plain).toBe(plain))

    test(`page: ${name}, while it streams`, () => {
      if (text.includes('```') || text.includes('`')) return expect(readSoFar(text).plain).toBe(plain)
      for (let end = 1; end <= text.length; end++) {
        expect(readSoFar(text.slice(0, end)).plain).not.toMatch(/<\/?[a-z]|\[\/?emb|file:|srv|etc|sandbox|mnt|ref=/i)
      }
    })
  }

  test('page: an answer that is nothing but an embed ends with a notice', () => {
    const notice = translate({ key: 'embed_hidden' })
    expect(ended('[embed ref="cv_1" title="周报" /]').text).toBe(`周报\n\n${notice}`)
    expect(ended('\n[embed ref="cv_1" /]\n').text).toBe(notice)
    expect(ended('看 [embed ref="cv_1" /]').text).toBe('看 ')
  })

  const long = ['[embed ', '[', '<details ', 'a`` ', '[a](', '\u001b[', 'file:', '![](( ', '<summary>', '<think>']
  for (const part of long) {
    test(`page: ${JSON.stringify(part)} is read quickly, however often it comes`, () => {
      const text = part.repeat(4_000)
      readSoFar(text)
      expect(readAnswer(text).plain.length).toBeLessThanOrEqual(text.length * 2)
    })
  }
})
