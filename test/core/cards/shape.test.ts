import { describe, expect, test } from 'bun:test'
import { shapeCard } from '../../../src/core/cards/shape.ts'
import type { RawCard } from '../../../src/core/cards/source.ts'
import { brokenRule } from './card-rules.ts'
import { buttons, goodCards, multiple, newsNotice, taskId, textNotice, vote } from './good-cards.ts'

const main_title = { title: 'x' }
const url = 'https://example.com/x'
const card_action = { type: 1, url }
const notice = { card_type: 'text_notice', main_title, card_action }
const news = { ...notice, card_type: 'news_notice', card_image: { url } }
const asked = { card_type: 'button_interaction', main_title, button_list: [{ text: '是', key: 'y' }] }
const poll = { card_type: 'vote_interaction', main_title, checkbox: { question_key: 'q', option_list: few(2) } }
const form = {
  card_type: 'multiple_interaction',
  main_title,
  select_list: [{ question_key: 'q', option_list: few(2) }],
}
const submit_button = { text: '提交', key: 'submit' }

function few(count: number) {
  return Array.from({ length: count }, (_, index) => ({ id: `o${index}`, text: `${index}` }))
}

function shaped(raw: RawCard, flavour: 'bot' | 'app' = 'bot') {
  const result = shapeCard(raw, taskId, flavour)
  if ('refused' in result) return result.refused
  expect(brokenRule(result.card, taskId, flavour)).toBeUndefined()
  return result.card
}

describe('valid cards', () => {
  for (const card of goodCards)
    for (const flavour of ['bot', 'app'] as const) {
      test(`card-shape: a valid ${card.card_type} of the ${flavour} is unchanged`, () => {
        const before = structuredClone(card)
        expect(shapeCard(card, taskId, flavour)).toEqual({ card, modelTaskId: taskId })
        expect(card).toEqual(before)
      })
    }

  test('card-shape: our task_id replaces the one of the model', () => {
    expect(shapeCard({ ...asked, task_id: 'release 7' }, 'ours', 'bot')).toEqual({
      card: { ...asked, task_id: 'ours' },
      modelTaskId: 'release 7',
    })
    expect(shapeCard({ ...asked, task_id: 7 }, 'ours', 'bot')).toHaveProperty('modelTaskId', '7')
    for (const none of [undefined, null, '', [], {}])
      expect(shapeCard({ ...asked, task_id: none }, 'ours', 'bot')).not.toHaveProperty('modelTaskId')
  })

  for (const id of ['', 'a b', '中', 'a'.repeat(129)]) {
    test(`card-shape: an invalid task_id of ${id.length} characters is refused`, () => {
      expect(shapeCard(asked, id, 'bot')).toEqual({ refused: 'the card has an invalid task_id' })
    })
  }
})

describe('corrections', () => {
  const table: readonly (readonly [name: string, raw: RawCard, repaired: object])[] = [
    ['a type of card_action as text', { ...notice, card_action: { type: '1', url } }, notice],
    ['a style as text', { ...asked, button_list: [{ text: '是', key: 'y', style: '2' }] }, buttonsOf({ style: 2 })],
    ['an unknown style', { ...asked, button_list: [{ text: '是', key: 'y', style: 5 }] }, asked],
    ['a key as number', { ...asked, button_list: [{ text: '是', key: 1 }] }, buttonsOf({ key: '1' })],
    ['a text as number', { ...asked, button_list: [{ text: 1, key: 'y' }] }, buttonsOf({ text: '1' })],
    ['a key with space around', { ...asked, button_list: [{ text: '是', key: ' y\n' }] }, asked],
    ['a mode as text', { ...poll, checkbox: { ...poll.checkbox, mode: '0' } }, pollOf({ mode: 0 })],
    ['is_checked as text', checked('true', 0), pollOf({ option_list: checks(true, false) })],
    ['a colour as text', { ...notice, source: { desc: 'x', desc_color: '3' } }, noticeOf('source', 'x', 3)],
    ['an unknown colour', { ...notice, source: { desc: 'x', desc_color: 4 } }, noticeOf('source', 'x')],
    ['an aspect_ratio as text', { ...news, card_image: { url, aspect_ratio: '1.5' } }, newsOf(1.5)],
    ['an aspect_ratio that is not allowed', { ...news, card_image: { url, aspect_ratio: 2.25 } }, newsOf()],
    ['an aspect_ratio at the limit', { ...news, card_image: { url, aspect_ratio: 1.3 } }, newsOf()],
    ['a text that is Infinity', { ...notice, sub_title_text: Number.POSITIVE_INFINITY }, notice],
    [
      'a jump that says that it is none',
      { ...notice, jump_list: [{ title: 'j', type: 0, url }] },
      { ...notice, jump_list: [{ title: 'j' }] },
    ],
    ['a title as text', { ...notice, main_title: 'x' }, notice],
    ['a desc without a title', { ...asked, main_title: { desc: 'x' } }, asked],
    ['a picture as text', { ...news, card_image: url }, news],
    ['an action as text', { ...notice, card_action: url }, notice],
    ['an action of type 0', { ...notice, card_action: { type: 0, url } }, notice],
    ['an action without a type', { ...notice, card_action: { url } }, notice],
    ['an action whose type needs another field', { ...notice, card_action: { type: 2, url } }, notice],
    [
      'an action without a type for a mini program',
      { ...notice, card_action: { appid: 'wx', pagepath: '/' } },
      { ...notice, card_action: { type: 2, appid: 'wx', pagepath: '/' } },
    ],
    ['one button', { ...asked, button_list: asked.button_list[0] }, asked],
    ['one selection', { ...form, select_list: form.select_list[0] }, { ...form, submit_button }],
    ['a checkbox in a list', { ...poll, checkbox: [poll.checkbox] }, { ...poll, submit_button }],
    [
      'buttons as texts',
      { ...asked, button_list: ['是', '否'] },
      {
        ...asked,
        button_list: [
          { text: '是', key: '1' },
          { text: '否', key: '2' },
        ],
      },
    ],
    ['a button with a key only', { ...asked, button_list: [{ key: 'y' }] }, buttonsOf({ text: 'y' })],
    ['options without ids', optionsOf({ text: 'a' }, { text: 'b' }), ids('1', '2')],
    ['options with the same id', optionsOf({ id: 1, text: 'a' }, { id: '1', text: 'b' }), ids('1', '1-2')],
    ['a generated id that a later option has', optionsOf({ text: 'a' }, { id: '1', text: 'b' }), ids('1-2', '1')],
    [
      'a generated suffix that another option has',
      optionsOf(...['1', '1', '1-2'].map(id => ({ id, text: id }))),
      texts('1-3'),
    ],
    ['a question without a key', { ...poll, checkbox: { option_list: few(2) } }, pollOf({ question_key: 'question1' })],
    [
      'questions of one key',
      { ...form, select_list: [...form.select_list, ...form.select_list] },
      {
        ...form,
        select_list: [form.select_list[0], { question_key: 'q-2', option_list: few(2) }],
        submit_button,
      },
    ],
    ['no submit_button for a vote', poll, { ...poll, submit_button }],
    ['no submit_button for questions', { ...form, submit_button: null }, { ...form, submit_button }],
    [
      'a submit_button as text',
      { ...poll, submit_button: '好' },
      { ...poll, submit_button: { text: '好', key: 'submit' } },
    ],
    [
      'a submit_button without text',
      { ...poll, submit_button: { key: 7 } },
      { ...poll, submit_button: { text: '提交', key: '7' } },
    ],
    [
      'a selected option that there is not',
      { ...form, select_list: [{ ...form.select_list[0], selected_id: 'z' }] },
      { ...form, submit_button },
    ],
    ['unknown fields', { ...notice, extra: 1, main_title: { title: 'x', bold: true } }, notice],
    [
      'fields that are null',
      { ...notice, source: null, jump_list: null, main_title: { title: 'x', desc: null } },
      notice,
    ],
    [
      'what is of no use',
      { ...notice, source: [], quote_area: true, sub_title_text: {}, jump_list: [null, 1, {}] },
      notice,
    ],
    [
      'what only updates have',
      { ...poll, checkbox: { ...poll.checkbox, disable: true }, replace_text: 'x' },
      { ...poll, submit_button },
    ],
    ['a menu without actions', { ...notice, action_menu: { desc: 'x', action_list: [] } }, notice],
    [
      'a menu without desc',
      { ...notice, action_menu: { action_list: ['a'] } },
      { ...notice, action_menu: { desc: '更多', action_list: [{ text: 'a', key: '1' }] } },
    ],
    [
      'a jump without a type',
      { ...notice, jump_list: { title: 'j', url } },
      { ...notice, jump_list: [{ title: 'j', type: 1, url }] },
    ],
    [
      'a jump of type 1 without url',
      { ...notice, jump_list: [{ title: 'j', type: 1 }] },
      { ...notice, jump_list: [{ title: 'j' }] },
    ],
  ]
  for (const [name, raw, repaired] of table) {
    test(`card-shape: ${name}: corrected`, () => {
      const before = structuredClone(raw)
      expect(shaped(raw)).toEqual({ ...repaired, task_id: taskId })
      expect(raw).toEqual(before)
    })
  }

  function buttonsOf(button: object) {
    return { ...asked, button_list: [{ text: '是', key: 'y', ...button }] }
  }
  function noticeOf(name: string, desc: string, color?: number) {
    return { ...notice, [name]: { desc, ...(color !== undefined && { desc_color: color }) } }
  }
  function newsOf(ratio?: number) {
    return { ...news, card_image: { url, ...(ratio !== undefined && { aspect_ratio: ratio }) } }
  }
  function pollOf(checkbox: object) {
    return { ...poll, checkbox: { ...poll.checkbox, ...checkbox }, submit_button }
  }
  function checks(...values: readonly unknown[]) {
    return few(values.length).map((option, index) => ({ ...option, is_checked: values[index] }))
  }
  function checked(...values: readonly unknown[]) {
    return { ...poll, checkbox: { ...poll.checkbox, option_list: checks(...values) } }
  }
  function optionsOf(...options: readonly object[]) {
    return { ...poll, checkbox: { ...poll.checkbox, option_list: options } }
  }
  function ids(...given: readonly string[]) {
    const names = ['a', 'b']
    return pollOf({ option_list: given.map((id, index) => ({ id, text: names[index] })) })
  }
  function texts(second: string) {
    const given = ['1', second, '1-2']
    return pollOf({ option_list: given.map((id, index) => ({ id, text: ['1', '1', '1-2'][index] })) })
  }
})

describe('the type', () => {
  const { card_type: _, ...untypedNotice } = notice
  const table: readonly (readonly [name: string, raw: RawCard, type: string])[] = [
    ['buttons', { ...asked, card_type: undefined }, 'button_interaction'],
    ['a checkbox', { ...poll, card_type: null }, 'vote_interaction'],
    ['selections', { ...form, card_type: '' }, 'multiple_interaction'],
    ['none of these', untypedNotice, 'text_notice'],
  ]
  for (const [name, raw, type] of table) {
    test(`card-shape: an untyped card with ${name} is a ${type}`, () => {
      expect(shaped(raw)).toHaveProperty('card_type', type)
    })
  }
})

describe('the action of a notice', () => {
  const bare = { card_type: 'text_notice', main_title }
  const table: readonly (readonly [name: string, raw: RawCard])[] = [
    ['the card', { ...bare, url }],
    ['a jump', { ...bare, jump_list: [{ title: 'j' }, { title: 'k', url }] }],
    ['the quote', { ...bare, quote_area: { quote_text: 'q', url } }],
    ['a line', { ...bare, horizontal_content_list: [{ keyname: 'k', url }] }],
    ['the picture', { ...bare, card_type: 'news_notice', image_text_area: { image_url: url, url } }],
    ['a jump if its action is empty', { ...bare, card_action: { type: 1 }, jump_list: { title: 'k', url } }],
  ]
  for (const [name, raw] of table) {
    test(`card-shape: a notice opens the URL of ${name}`, () => {
      expect(shaped(raw)).toHaveProperty('card_action', card_action)
    })
  }

  for (const raw of [
    bare,
    { ...bare, jump_list: [{ title: 'j', url: 'x' }] },
    { ...bare, source: { icon_url: url } },
  ]) {
    test(`card-shape: refused without a URL: ${Object.keys(raw).join(', ')}`, () => {
      expect(shaped(raw)).toBe('the card has no card_action')
    })
  }
})

describe('flavours', () => {
  const jump = { ...notice, jump_list: [{ title: 'j', type: 3, question: '进度？' }] }
  const file = { ...notice, horizontal_content_list: [{ keyname: 'k', value: 'v', type: 2, media_id: 'm' }] }
  const link = { ...asked, button_list: [{ text: '是', key: 'y', type: 1, url }] }
  const table: readonly (readonly [name: string, raw: RawCard, flavour: 'bot' | 'app', card: object])[] = [
    ['of the Bot keeps a jump with a question', jump, 'bot', jump],
    ['of the app loses a jump with a question', jump, 'app', { ...notice, jump_list: [{ title: 'j' }] }],
    ['of the app keeps a file', file, 'app', file],
    [
      'attaches no file by the Bot',
      file,
      'bot',
      { ...notice, horizontal_content_list: [{ keyname: 'k', value: 'v' }] },
    ],
    ['of the app keeps the URL of a button', link, 'app', link],
    ['of the Bot loses the URL of a button', link, 'bot', asked],
  ]
  for (const [name, raw, flavour, card] of table) {
    test(`card-shape: a card ${name}`, () => expect(shaped(raw, flavour)).toEqual({ ...card, task_id: taskId }))
  }
})

describe('refusals', () => {
  const many = (count: number, item: object) => Array.from({ length: count }, () => item)
  const select = (item: object) => ({ ...form, select_list: [{ ...form.select_list[0], ...item }] })
  const table: readonly (readonly [name: string, raw: RawCard, reason: string])[] = [
    ['an empty card', {}, 'the card has no card_action'],
    ['an unknown type', { ...notice, card_type: 'markdown' }, 'card_type must be one of'],
    [
      'a notice without a text',
      { ...notice, main_title: undefined },
      'the card has no main_title.title and no sub_title_text',
    ],
    ['a notice with only a desc', { ...notice, main_title: { desc: 'x' } }, 'the card has no main_title.title'],
    ['buttons without a title', { ...asked, main_title: null }, 'the card has no main_title'],
    ['news without a picture', { ...news, card_image: [] }, 'the card has no card_image and no image_text_area'],
    ['a picture without its url', { ...news, card_image: { aspect_ratio: 1.5 } }, 'card_image has no url'],
    ['no buttons', { ...asked, button_list: [] }, 'the card has no button_list'],
    ['seven buttons', { ...asked, button_list: many(7, { text: 'a' }) }, 'button_list has 7 items, and 6 are allowed'],
    ['a button without a text', { ...asked, button_list: [{ style: 1 }] }, 'button_list has an item without a text'],
    [
      'a long key',
      { ...asked, button_list: [{ text: 'a', key: '键'.repeat(342) }] },
      'button_list has a key of more than 1024 bytes',
    ],
    ['no checkbox', { ...poll, checkbox: 'a' }, 'the card has no checkbox'],
    ['two checkboxes', { ...poll, checkbox: many(2, poll.checkbox) }, 'checkbox has 2 items, and 1 are allowed'],
    ['a checkbox without options', { ...poll, checkbox: { question_key: 'q' } }, 'checkbox has no option_list'],
    [
      '21 options',
      { ...poll, checkbox: { option_list: few(21) } },
      'checkbox.option_list has 21 items, and 20 are allowed',
    ],
    [
      'four selections',
      { ...form, select_list: many(4, form.select_list[0] ?? {}) },
      'select_list has 4 items, and 3 are allowed',
    ],
    ['11 options', select({ option_list: few(11) }), 'select_list.option_list has 11 items, and 10 are allowed'],
    [
      'a long id',
      select({ option_list: [{ id: 'a'.repeat(129), text: 'a' }] }),
      'select_list.option_list has a id of more than 128 bytes',
    ],
    [
      'a long question_key',
      select({ question_key: 'a'.repeat(1025) }),
      'select_list has a question_key of more than 1024 bytes',
    ],
    [
      'a long submit key',
      { ...poll, submit_button: { key: 'a'.repeat(1025) } },
      'submit_button.key is longer than 1024 bytes',
    ],
    [
      'seven lines',
      { ...notice, horizontal_content_list: many(7, { keyname: 'k' }) },
      'horizontal_content_list has 7 items, and 6 are allowed',
    ],
    [
      'a line without a name',
      { ...notice, horizontal_content_list: [{ value: 'v' }] },
      'horizontal_content_list has no keyname',
    ],
    ['four jumps', { ...notice, jump_list: many(4, { title: 'j' }) }, 'jump_list has 4 items, and 3 are allowed'],
    [
      'a long question',
      { ...notice, jump_list: [{ title: 'j', type: 3, question: '问'.repeat(67) }] },
      'jump_list.question is longer than 200 bytes',
    ],
    [
      'five texts',
      { ...news, vertical_content_list: many(5, { title: 't' }) },
      'vertical_content_list has 5 items, and 4 are allowed',
    ],
    [
      'four actions',
      { ...notice, action_menu: { desc: 'm', action_list: many(4, { text: 'a' }) } },
      'action_menu.action_list has 4 items, and 3 are allowed',
    ],
    [
      'buttons on a notice',
      { ...notice, button_list: asked.button_list },
      'the card is a text_notice, which has no button_list',
    ],
  ]
  for (const [name, raw, reason] of table) {
    test(`card-shape: ${name} is refused`, () => expect(shaped(raw)).toStartWith(reason))
  }

  test('card-shape: recommended lengths are not enforced', () => {
    const long = {
      ...asked,
      main_title: { title: '长'.repeat(500) },
      button_list: [{ text: '长'.repeat(50), key: 'y' }],
    }
    expect(shaped(long)).toEqual({ ...long, task_id: taskId })
  })

  test('card-shape: values exactly at a limit are accepted', () => {
    const id = 'i'.repeat(128)
    expect(shaped(select({ question_key: 'q'.repeat(1024), option_list: [{ id, text: 'a' }, ...few(9)] }))).toBeObject()
    expect(shaped({ ...asked, button_list: many(6, { text: 'a', key: 'k'.repeat(1000) }) })).toBeObject()
    expect(shaped({ ...notice, jump_list: [{ title: 'j', type: 3, question: 'q'.repeat(200) }] })).toBeObject()
  })

  test('card-shape: a very long list is refused quickly', () => {
    const list = many(200_000, { text: 'a', key: 'k' })
    expect(shaped({ ...asked, button_list: list })).toStartWith('button_list has 200000 items')
  })
})

describe('the rules that these tests check cards with', () => {
  const bad: readonly (readonly [name: string, card: object])[] = [
    ['another task_id', { ...textNotice, task_id: 'x' }],
    ['an unknown field', { ...vote, jump_list: [] }],
    ['a text for a number', { ...textNotice, card_action: { type: '1', url } }],
    ['two buttons of one key', { ...buttons, button_list: [buttons.button_list[0], buttons.button_list[0]] }],
    ['no submit_button', { ...multiple, submit_button: undefined }],
    ['no picture', { ...newsNotice, card_image: {}, image_text_area: {} }],
    ['a null', { ...textNotice, sub_title_text: null }],
  ]
  for (const [name, card] of bad) {
    test(`card-shape: the rules of this test detect ${name}`, () =>
      expect(brokenRule(card, taskId, 'bot')).toBeString())
  }
})
