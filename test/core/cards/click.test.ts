import { describe, expect, test } from 'bun:test'
import type { Card, Click } from '../../../src/domain/message.ts'
import { createTranslator } from '../../../src/core/notices/notices.ts'
import { planCardUpdate, takenCard } from '../../../src/core/cards/click.ts'
import { brokenRule } from './card-law.ts'
import { buttons, multiple, newsNotice, taskId, textNotice, vote } from './good-cards.ts'
import { opened, turnOf } from '../streaming/turns.ts'

const translate = createTranslator('zh-CN')
const pressed: Click = { cardType: 'button_interaction', eventKey: 'go', taskId, selected: [] }
const when = { questionKey: 'when', optionIds: ['b'] }
const where = { questionKey: 'where', optionIds: ['a'] }
const lunch = { questionKey: 'lunch', optionIds: ['b'] }

describe('the card after a click', () => {
  test('card-click: a vote is disabled and shows what was voted for', () => {
    const taken = takenCard(vote, { ...pressed, selected: [lunch] }, translate)
    expect(taken).toEqual({
      ...vote,
      checkbox: {
        question_key: 'lunch',
        mode: 1,
        option_list: [
          { id: 'a', text: '面', is_checked: false },
          { id: 'b', text: '明天', is_checked: true },
        ],
        disable: true,
      },
    })
  })

  test('card-click: a vote for several shows them all, and one for nothing none', () => {
    const both = takenCard(vote, { ...pressed, selected: [{ ...lunch, optionIds: ['b', 'a'] }] }, translate)
    expect(JSON.stringify(both).match(/"is_checked":true/g)).toHaveLength(2)
    expect(JSON.stringify(takenCard(vote, pressed, translate))).not.toContain('"is_checked":true')
  })

  test('card-click: selections are disabled and show what was selected', () => {
    const [first, second] = multiple.select_list
    expect(takenCard(multiple, { ...pressed, selected: [where, when] }, translate)).toEqual({
      ...multiple,
      select_list: [
        { ...first, disable: true, selected_id: 'b' },
        { ...second, disable: true, selected_id: 'a' },
      ],
    })
    expect(takenCard(multiple, { ...pressed, selected: [where] }, translate)).toHaveProperty(
      'select_list.0.selected_id',
      'a',
    )
  })

  test('card-click: buttons make room for a notice that names the choice', () => {
    const { button_selection: _, ...plain } = buttons
    const taken = takenCard(plain, pressed, translate)
    expect(taken).toEqual({
      card_type: 'text_notice',
      task_id: taskId,
      main_title: buttons.main_title,
      sub_title_text: '已选择：发布',
      card_action: buttons.card_action,
    })
    expect(brokenRule(taken, taskId, 'bot')).toBeUndefined()
  })

  test('card-click: what was selected beside the buttons is named, too, and in the language of the account', () => {
    const taken = takenCard(buttons, { ...pressed, eventKey: 'no', selected: [when] }, createTranslator('en'))
    expect(taken).toHaveProperty('sub_title_text', 'Chosen: 取消 · 明天')
  })

  for (const card_action of [
    undefined,
    { type: 2, appid: 'wx' },
    { type: 0, url: 'https://example.com/' },
    { type: 1 },
  ]) {
    test(`card-click: a button card that opens ${JSON.stringify(card_action)} becomes a notice that opens a page`, () => {
      const taken = takenCard({ ...buttons, card_action }, pressed, translate)
      expect(taken).toHaveProperty('card_action', { type: 1, url: 'https://work.weixin.qq.com/' })
      expect(brokenRule(taken, taskId, 'bot')).toBeUndefined()
    })
  }

  test('card-click: the menu of a card changes nothing', () => {
    const muted = { ...pressed, eventKey: 'mute' }
    for (const card of [textNotice, newsNotice, buttons]) expect(takenCard(card, muted, translate)).toBeUndefined()
  })

  test('card-click: a second click of the same kind changes nothing more', () => {
    const clicks: readonly [typeof vote | typeof multiple, Click][] = [
      [vote, { ...pressed, selected: [lunch] }],
      [multiple, { ...pressed, selected: [when, where] }],
    ]
    for (const [card, click] of clicks) {
      const before = structuredClone(card)
      const once = takenCard(card, click, translate)
      expect(takenCard(once ?? {}, click, translate)).toEqual(once)
      expect(card).toEqual(before)
    }
    expect(takenCard(takenCard(buttons, pressed, translate) ?? {}, pressed, translate)).toBeUndefined()
  })
})

describe('the card of the app after a click', () => {
  const turn = turnOf(opened({ surface: 'app' }))
  const update = (card: Card, click: Partial<Click>) =>
    planCardUpdate(turn, card, { ...pressed, responseCode: 'code', ...click }, translate)

  test('card-click: buttons stay, and what replaces them names the choice', () => {
    expect(update(buttons, {})).toMatchObject({
      id: 'wecom:default:m1:update',
      turn: turn.id,
      route: 'app',
      body: { kind: 'card_update', userid: 'zhangsan', responseCode: 'code' },
      expiresAt: turn.receivedAt + 60_000,
    })
    const body = update(buttons, {})?.body
    expect(body?.kind === 'card_update' && body.card).toMatchObject({
      card_type: 'button_interaction',
      task_id: taskId,
      replace_text: expect.stringMatching(/^已选择：./),
    })
  })

  test('card-click: a vote is disabled, and what replaces its button names what was voted for', () => {
    const body = update(vote, { selected: [lunch] })?.body
    expect(body?.kind === 'card_update' && body.card).toMatchObject({
      checkbox: { disable: true },
      replace_text: '已选择：明天',
    })
    const several = update(multiple, { selected: [when, where] })?.body
    expect(several?.kind === 'card_update' && several.card['replace_text']).toContain(' · ')
  })

  test('card-click: nothing changes for a notice, the menu in the corner, and without a code', () => {
    expect(update(textNotice, {})).toBeUndefined()
    expect(update(buttons, { eventKey: 'menu' })).toBeUndefined()
    expect(planCardUpdate(turn, buttons, pressed, translate)).toBeUndefined()
  })
})
