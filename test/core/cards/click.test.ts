import { describe, expect, test } from 'bun:test'
import type { Card, Click } from '../../../src/domain/message.ts'
import { createTranslator } from '../../../src/core/notices/notices.ts'
import { planCardUpdate, clickedCard } from '../../../src/core/cards/click.ts'
import { brokenRule } from './card-rules.ts'
import { buttons, multiple, newsNotice, taskId, textNotice, vote } from './good-cards.ts'
import { opened, turnOf } from '../streaming/turns.ts'

const translate = createTranslator('zh-CN')
const pressed: Click = { cardType: 'button_interaction', eventKey: 'go', taskId, selected: [] }
const when = { questionKey: 'when', optionIds: ['b'] }
const where = { questionKey: 'where', optionIds: ['a'] }
const lunch = { questionKey: 'lunch', optionIds: ['b'] }

describe('the card after a click', () => {
  test('card-click: a vote is disabled and shows the choice', () => {
    const clicked = clickedCard(vote, { ...pressed, selected: [lunch] }, translate)
    expect(clicked).toEqual({
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

  test('card-click: a vote shows all choices, or none', () => {
    const both = clickedCard(vote, { ...pressed, selected: [{ ...lunch, optionIds: ['b', 'a'] }] }, translate)
    expect(JSON.stringify(both).match(/"is_checked":true/g)).toHaveLength(2)
    expect(JSON.stringify(clickedCard(vote, pressed, translate))).not.toContain('"is_checked":true')
  })

  test('card-click: selections are disabled and show the choices', () => {
    const [first, second] = multiple.select_list
    expect(clickedCard(multiple, { ...pressed, selected: [where, when] }, translate)).toEqual({
      ...multiple,
      select_list: [
        { ...first, disable: true, selected_id: 'b' },
        { ...second, disable: true, selected_id: 'a' },
      ],
    })
    expect(clickedCard(multiple, { ...pressed, selected: [where] }, translate)).toHaveProperty(
      'select_list.0.selected_id',
      'a',
    )
  })

  test('card-click: a notice with the choice replaces a button card', () => {
    const { button_selection: _, ...plain } = buttons
    const clicked = clickedCard(plain, pressed, translate)
    expect(clicked).toEqual({
      card_type: 'text_notice',
      task_id: taskId,
      main_title: buttons.main_title,
      sub_title_text: '已选择：发布',
      card_action: buttons.card_action,
    })
    expect(brokenRule(clicked, taskId, 'bot')).toBeUndefined()
  })

  test('card-click: the notice includes the selection, in the account’s language', () => {
    const clicked = clickedCard(buttons, { ...pressed, eventKey: 'no', selected: [when] }, createTranslator('en'))
    expect(clicked).toHaveProperty('sub_title_text', 'Chosen: 取消 · 明天')
  })

  for (const card_action of [undefined, { type: 2, appid: 'wx' }, { type: 0, url: 'https://a.example' }, { type: 1 }]) {
    test(`card-click: a page opens instead of ${JSON.stringify(card_action)}`, () => {
      const clicked = clickedCard({ ...buttons, card_action }, pressed, translate)
      expect(clicked).toHaveProperty('card_action', { type: 1, url: 'https://work.weixin.qq.com/' })
      expect(brokenRule(clicked, taskId, 'bot')).toBeUndefined()
    })
  }

  test('card-click: a click on the menu does not change the card', () => {
    const muted = { ...pressed, eventKey: 'mute' }
    for (const card of [textNotice, newsNotice, buttons]) expect(clickedCard(card, muted, translate)).toBeUndefined()
  })

  test('card-click: a second click does not change the card again', () => {
    const clicks: readonly [typeof vote | typeof multiple, Click][] = [
      [vote, { ...pressed, selected: [lunch] }],
      [multiple, { ...pressed, selected: [when, where] }],
    ]
    for (const [card, click] of clicks) {
      const before = structuredClone(card)
      const once = clickedCard(card, click, translate)
      expect(clickedCard(once ?? {}, click, translate)).toEqual(once)
      expect(card).toEqual(before)
    }
    expect(clickedCard(clickedCard(buttons, pressed, translate) ?? {}, pressed, translate)).toBeUndefined()
  })
})

describe('the card of the app after a click', () => {
  const turn = turnOf(opened({ surface: 'app' }))
  const update = (card: Card, click: Partial<Click>) =>
    planCardUpdate(turn, card, { ...pressed, responseCode: 'code', ...click }, translate)

  test('card-click: the buttons of an app’s card are replaced by the choice', () => {
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

  test('card-click: an app’s vote is disabled and its button shows the choice', () => {
    const body = update(vote, { selected: [lunch] })?.body
    expect(body?.kind === 'card_update' && body.card).toMatchObject({
      checkbox: { disable: true },
      replace_text: '已选择：明天',
    })
    const several = update(multiple, { selected: [when, where] })?.body
    expect(several?.kind === 'card_update' && several.card['replace_text']).toContain(' · ')
  })

  test('card-click: no update for a notice, a menu, or without a response code', () => {
    expect(update(textNotice, {})).toBeUndefined()
    expect(update(buttons, { eventKey: 'menu' })).toBeUndefined()
    expect(planCardUpdate(turn, buttons, pressed, translate)).toBeUndefined()
  })
})
