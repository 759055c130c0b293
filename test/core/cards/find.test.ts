import { describe, expect, test } from 'bun:test'
import { createTranslator } from '../../../src/core/notices/notices.ts'
import { planCard } from '../../../src/core/cards/route.ts'
import { splitCards } from '../../../src/core/cards/find.ts'
import { maskCards } from '../../../src/core/cards/mask.ts'
import { opened, t0, turnOf } from '../streaming/turns.ts'

const card = {
  card_type: 'button_interaction',
  main_title: { title: '发布 1.2？', desc: '今晚 "22:00" {窗口}' },
  button_list: [
    { text: '发布', key: 'go' },
    { text: '取消', key: 'no', style: 2 },
  ],
}
const wrapped = JSON.stringify({ template_card: card })
const pretty = JSON.stringify({ template_card: card }, undefined, 2)
const translate = createTranslator('zh-CN')

/** The answer in a group, where cards become readable text. */
function inWords(text: string): string {
  const turn = turnOf(opened({ conversation: { account: 'default', kind: 'group', id: 'wr1' } }))
  return planCard(turn, text, t0, translate).answer
}

/** The texts and cards of an answer, in order. */
function piecesOf(text: string): readonly unknown[] {
  return splitCards(text).map(piece => (piece.kind === 'text' ? piece.text : piece.card))
}

describe('cards in a complete answer', () => {
  const table: readonly (readonly [name: string, text: string, pieces: readonly unknown[]])[] = [
    ['alone', wrapped, [card]],
    ['over several lines', pretty, [card]],
    ['with its msgtype', JSON.stringify({ msgtype: 'template_card', template_card: card }), [card]],
    ['in a fence', `\`\`\`json\n${pretty}\n\`\`\``, [card]],
    ['in a fence of tildes with text around', `请选：\n~~~\n${wrapped}\n~~~\n谢谢`, ['请选：', card, '\n谢谢']],
    ['in prose', `请选 ${wrapped} 谢谢`, ['请选 ', card, ' 谢谢']],
    ['next to another one', `${wrapped}\n${pretty}`, [card, card]],
    ['in a longer fence', `\`\`\`\`\n${wrapped}\n\`\`\`\`\``, [card]],
    ['next to other JSON', `{"a":{"b":1}} ${wrapped}`, ['{"a":{"b":1}} ', card]],
  ]
  for (const [name, text, pieces] of table) {
    test(`cards: a card ${name} is found`, () => expect(piecesOf(text)).toEqual([...pieces]))
  }

  const none: readonly (readonly [name: string, text: string])[] = [
    ['ordinary JSON', '{"name":"x","list":[1,{"y":2}]}'],
    ['the key in prose', 'use the key "template_card" for that, as template_card: {...}'],
    ['code with braces', 'const a = {"template_card": card, b}'],
    ['a list', '{"template_card": [1, 2]}'],
    ['a card in a JSON string', JSON.stringify({ text: wrapped })],
    ['a text', '{"template_card": "later"}'],
    ['30 KB of JSON', JSON.stringify(Array.from({ length: 1_000 }, (_, n) => ({ id: n, text: 'some words' })))],
  ]
  for (const [name, text] of none) {
    test(`cards: ${name} is not a card`, () => {
      expect(piecesOf(text)).toEqual([text])
      expect(inWords(text)).toBe(text)
    })
  }

  test('cards: a text with thousands of keys is searched quickly', () => {
    const text = '{"template_card":'.repeat(20_000)
    expect(piecesOf(text)).toEqual([text])
  })

  test('cards: a fence that contains more than the card stays', () => {
    const text = `\`\`\`json\n${wrapped}\n{"a":1}\n\`\`\``
    expect(piecesOf(text)).toEqual(['```json\n', card, '\n{"a":1}\n```'])
  })
})

describe('cards in a streaming answer', () => {
  const texts = [
    wrapped,
    pretty,
    `好的，请选：\n\n\`\`\`json\n${pretty}\n\`\`\`\n\n选完告诉我。`,
    `请选 ${wrapped} 谢谢`,
  ]
  for (const [index, text] of texts.entries()) {
    for (const step of [1, 5, 64]) {
      test(`cards: card JSON never shows while streaming by ${step}, text ${index}`, () => {
        for (let end = 0; end <= text.length + step; end += step) {
          const shown = maskCards(text.slice(0, end), true)
          expect(shown).not.toMatch(/[{}"[\]`]|card|title|button/)
        }
      })
    }
  }

  test('cards: a card that has started stays hidden, however slow it is', () => {
    expect(maskCards(`请选：\n\`\`\`json\n${pretty.slice(0, 60)}`, false)).toBe('请选：')
  })

  test('cards: text that may become a card is shown after a moment', () => {
    for (const end of ['{', '{ "temp', '{"msgtype": "template_', '```json\n', '```json\n{"']) {
      const text = `text\n${end}`
      expect(maskCards(text, true).trim()).toBe('text')
      expect(maskCards(text, false)).toBe(text)
    }
  })

  test('cards: JSON that is too long to be a card is shown', () => {
    const text = `{"template_card": {"text": "${'x'.repeat(8_200)}`
    expect(maskCards(text, true)).toBe(text)
  })

  const ordinary = [
    'const f = () => { return {"a": 1} }\n```ts\nfoo({})\n```\n',
    '{"name": "x"}',
    'the word template_card, in quotes "template_card"',
    'a code block\n```js\nlet x = 1',
    '~~~\ncode\n~~~\nmore',
  ]
  for (const text of ordinary) {
    test(`cards: ordinary text is unchanged: ${JSON.stringify(text.slice(0, 30))}`, () => {
      expect(maskCards(text, true)).toBe(text)
    })
  }
})

describe('a card as readable text', () => {
  test('cards: readable text has all texts and options, and no JSON', () => {
    const words = inWords(`前文\n\n${pretty}\n\n后文`)
    expect(words).toBe('前文\n\n**发布 1.2？**\n今晚 "22:00" {窗口}\n- 发布\n- 取消\n（直接回复你的选择即可）\n\n后文')
  })

  test('cards: readable text has lists, votes, links and numbers', () => {
    const vote = {
      card_type: 'vote_interaction',
      source: { desc: '行政' },
      main_title: { title: '午餐' },
      sub_title_text: '周五',
      quote_area: { title: '上次', quote_text: '面' },
      emphasis_content: { title: 42, desc: '人' },
      horizontal_content_list: [
        { keyname: '地点', value: '食堂' },
        { keyname: '菜单', url: 'https://m.example' },
      ],
      vertical_content_list: [{ title: '注意', desc: '不辣' }],
      checkbox: {
        question_key: 'q',
        option_list: [
          { id: '1', text: '饭' },
          { id: '2', text: '面' },
        ],
      },
      select_list: [{ question_key: 's', title: '时间', option_list: [{ id: 'a', text: '12 点' }] }],
      jump_list: [
        { type: 1, title: '官网', url: 'https://w.example' },
        { type: 3, title: '问', question: '几点？' },
      ],
      card_action: { type: 1, url: 'https://a.example' },
    }
    expect(inWords(JSON.stringify({ template_card: vote })).split('\n')).toEqual([
      '行政',
      '**午餐**',
      '**42**',
      '人',
      '周五',
      '> 上次',
      '> 面',
      '地点: 食堂',
      '菜单 https://m.example',
      '注意: 不辣',
      '时间',
      '- 12 点',
      '- 饭',
      '- 面',
      '官网 https://w.example',
      '问 几点？',
      'https://a.example',
      '（直接回复你的选择即可）',
    ])
  })

  test('cards: a card without any text is a notice', () => {
    expect(inWords('{"template_card":{"x":{"y":1}}}')).toBe('（有一张卡片无法显示）')
  })
})
