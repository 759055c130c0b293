import { describe, expect, test } from 'bun:test'
import { maskCards } from '../../../src/core/cards/mask.ts'
import { splitCards } from '../../../src/core/cards/find.ts'
import { planCard } from '../../../src/core/cards/route.ts'
import { createTranslator } from '../../../src/core/notices/notices.ts'
import { opened, t0, turnOf } from '../streaming/turns.ts'

const translate = createTranslator('zh-CN')
const unread = translate({ key: 'card_unreadable' })

/** The answer in a group, where cards become readable text. */
function inWords(text: string): string {
  const turn = turnOf(opened({ conversation: { account: 'default', kind: 'group', id: 'wr1' } }))
  return planCard(turn, text, t0, translate).answer
}

const title = (text: string) => splitCards(text).map(piece => (piece.kind === 'text' ? piece.text : piece.kind))

describe('cards with mistakes', () => {
  const body = '"card_type":"text_notice","main_title":{"title":"周报","desc":"三项"}'
  const sources: readonly (readonly [name: string, source: string])[] = [
    ['a trailing comma', `{"template_card":{${body},},}`],
    ['a comment at the start', `{ // 卡片\n"template_card":{${body}}}`],
    ['a comment inside', `{"template_card":{/* 类型 */${body}}}`],
    ['a raw line break', `{"template_card":{"card_type":"text_notice","main_title":{"title":"周报","desc":"三\n项"}}}`],
    ['single quotes', `{'template_card':{'card_type':'text_notice','main_title':{'title':'周报','desc':'三项'}}}`],
    ['curly quotes', '{“template_card”:{“card_type”:“text_notice”,“main_title”:{“title”:“周报”,“desc”:“三项”}}}'],
    [
      'full-width colons',
      '{“template_card”：{“card_type”：“text_notice”，“main_title”：{“title”：“周报”，“desc”：“三项”}}}',
    ],
    ['bare keys', '{template_card:{card_type:"text_notice",main_title:{title:"周报",desc:"三项"}}}'],
    ['words of Python', `{"template_card":{${body},"a":True,"b":None}}`],
    ['a missing comma', '{"template_card":{"card_type":"text_notice" "main_title":{"title":"周报","desc":"三项"}}}'],
    [
      'quotes that are not escaped',
      '{"template_card":{"card_type":"text_notice","main_title":{"title":"周报","desc":"说"好"了"}}}',
    ],
    ['its message type', `{"msgtype":"template_card","template_card":{${body},}}`],
  ]
  const wraps: readonly (readonly [name: string, before: string, after: string])[] = [
    ['alone', '', ''],
    ['between lines', '看：\n', '\n完'],
    ['in a fence', '看：\n```json\n', '\n```\n完'],
    ['in brackets', '[ ', ' ]'],
    ['in inline code', '`', '`'],
    ['bold', '**', '**'],
    ['quoted', '> ', '\n'],
    ['in a list', '- ', '\n完'],
    ['in bold code', '看：**`', '`**\n完'],
    ['in an array in a fence', '```json\n[\n', '\n]\n```'],
  ]
  for (const [mistake, source] of sources) {
    for (const [place, before, after] of wraps) {
      const text = `${before}${source}${after}`
      const words = [before, after].map(part => part.replace(/[^看：完]/g, ''))

      test(`cards: ${mistake}, ${place}`, () => {
        expect(inWords(text)).toMatch(/\*\*周报\*\*\n(?:三\n?项|说"好"了)/)
        expect(title(text).map(piece => piece.trim())).toEqual(
          [...words.slice(0, 1), 'card', ...words.slice(1)].filter(part => part !== ''),
        )
      })

      test(`cards: ${mistake}, ${place}, is never shown while it streams`, () => {
        for (let end = 0; end <= text.length; end++) {
          expect(maskCards(text.slice(0, end), true)).not.toMatch(/[{}"'“”]|card|title|周报|template/)
        }
      })
    }
  }

  const whole = `{"template_card":{${body}}}`
  const cuts = ['"三', '"desc"', ',"main', '}}', '}']
  for (const cut of cuts) {
    const source = whole.slice(0, whole.lastIndexOf(cut))
    test(`cards: a source that is cut off after ${JSON.stringify(source.slice(-6))} becomes words and a notice`, () => {
      const words = inWords(`看：\n\n${source}`)
      expect(words).toStartWith('看：\n\n')
      expect(words).toEndWith(unread)
      expect(words).not.toMatch(/[{}"]|card_type|main_title/)
      if (source.includes('周报')) expect(words).toContain('周报')
    })
  }

  test('cards: what follows a source that is cut off is still said', () => {
    const cut = whole.slice(0, -5)
    expect(inWords(`${cut}\n\n请选择。`)).toContain('请选择。')
    expect(inWords(`\`\`\`json\n${cut}\n\`\`\`\n\n请选择。`)).toBe(`**周报**\n三\n\n请选择。\n\n${unread}`)
  })

  test('cards: of a source beyond repair the readable values are shown', () => {
    const words = inWords(
      '{"template_card": {"card_type" = {{ "main_title": {"title": "周报"}, "sub_title_text": "三项" ]}}}',
    )
    expect(words).toBe(`周报\n三项\n\n${unread}`)
  })

  test('cards: several sources beyond repair get one notice', () => {
    expect(inWords('{"template_card":{…}} 和 {"template_card":{…}}').split(unread)).toHaveLength(2)
  })

  const examples = [
    '写 `{"template_card": {...}}` 就行',
    '以 `{"template_card":` 开头',
    '用 `{"template_card": {"card_type": "…"}}` 发卡片',
    'const a = {"template_card": card, b}',
    '```ts\nconst card = { template_card: { card_type: "text_notice" } }\n```',
    'template_card: {...} 是卡片',
    '```js\nsend({ template_card: { main_title } })\n```',
  ]
  for (const text of examples) {
    test(`cards: an example stays as it is: ${text}`, () => expect(inWords(text)).toBe(text))
  }

  test('cards: two cards of a list leave no brackets', () => {
    expect(title(`看\n\`\`\`json\n[${whole},\n${whole}]\n\`\`\``)).toEqual(['看', 'card', 'card'])
  })

  test('cards: markup around text and a card stays', () => {
    expect(title(`**重要** ${whole} (完)`)).toEqual(['**重要** ', 'card', ' (完)'])
    expect(title(`[看](https://a.cn) ${whole}`)).toEqual(['[看](https://a.cn) ', 'card'])
  })

  test('cards: a card over several quoted lines is read', () => {
    const pretty = JSON.stringify({ template_card: { main_title: { title: '周报' } } }, undefined, 2)
    expect(inWords(`看\n${pretty.replace(/^/gm, '> ')}\n完`)).toBe('看\n\n**周报**\n\n完')
  })

  test('cards: control characters written as escapes are dropped', () => {
    expect(inWords('{"template_card":{"main_title":{"title":"\\u001b[31m周\\u0007报 \\ud83d"}}}')).toBe(
      '**周报 \ufffd**',
    )
  })
})
