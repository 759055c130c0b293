import type { Delivery } from '../../domain/delivery.ts'
import type { Card, Click } from '../../domain/message.ts'
import type { Turn } from '../../domain/turn.ts'
import type { Translate } from '../notices/notices.ts'
import { fieldsOf, listOf } from './fields.ts'
import { queuedDelivery } from '../fallback/queued.ts'

/** Later than this nobody looks at the card any more. */
const updateWithinMs = 60_000

/** The card in place of the one that was clicked, which says what was chosen; undefined where nothing changes. */
export function takenCard(card: Card, click: Click, translate: Translate): Card | undefined {
  switch (card['card_type']) {
    case 'vote_interaction':
      return { ...card, checkbox: takenVote(fieldsOf(card['checkbox']), click) }
    case 'multiple_interaction':
      return { ...card, select_list: listOf(card['select_list']).map(item => takenSelection(fieldsOf(item), click)) }
    case 'button_interaction':
      return takenButtons(card, click, translate)
    default:
      return undefined
  }
}

function takenVote(checkbox: Card, click: Click): Card {
  const chosen = chosenIn(checkbox, click)
  const options = optionsOf(checkbox).map(option => ({ ...option, is_checked: chosen.includes(option['id']) }))
  return { ...checkbox, disable: true, option_list: options }
}

function takenSelection(selection: Card, click: Click): Card {
  const [chosen] = chosenIn(selection, click)
  return { ...selection, disable: true, ...(chosen !== undefined && { selected_id: chosen }) }
}

/** A button card that keeps its buttons could be clicked again, so a notice comes in its place. */
function takenButtons(card: Card, click: Click, translate: Translate): Card | undefined {
  const choice = choiceOf(card, click)
  if (choice === undefined) return undefined
  return {
    card_type: 'text_notice',
    task_id: card['task_id'],
    main_title: card['main_title'],
    sub_title_text: translate({ key: 'card_taken', choice }),
    card_action: openingAction(card),
  }
}

/** The button that was pressed and what was selected beside it; undefined for the menu in the corner, which leaves the question open. */
function choiceOf(card: Card, click: Click): string | undefined {
  const button = listOf(card['button_list'])
    .map(fieldsOf)
    .find(button => button['key'] === click.eventKey)
  if (button === undefined) return undefined
  const selection = fieldsOf(card['button_selection'])
  const chosen = chosenIn(selection, click)
  const options = optionsOf(selection).filter(option => chosen.includes(option['id']))
  return [button, ...options].map(({ text }) => String(text)).join(' · ')
}

/** What becomes of a card of the app: its button, which nobody can press any more, names the choice. */
function takenInApp(card: Card, click: Click, translate: Translate): Card | undefined {
  const isButtons = card['card_type'] === 'button_interaction'
  const choice = isButtons ? choiceOf(card, click) : selectedIn(card, click)
  const taken = isButtons ? card : takenCard(card, click, translate)
  if (taken === undefined || choice === undefined) return undefined
  return { ...taken, replace_text: translate({ key: 'card_taken', choice }) }
}

function selectedIn(card: Card, click: Click): string {
  const questions = [fieldsOf(card['checkbox']), ...listOf(card['select_list']).map(fieldsOf)]
  const chosen = questions.flatMap(one => optionsOf(one).filter(({ id }) => chosenIn(one, click).includes(id)))
  return chosen.map(({ text }) => String(text)).join(' · ')
}

/** Shows the member who clicked a card of the app that it was taken; undefined where nothing changes. */
export function planCardUpdate(turn: Turn, card: Card, click: Click, translate: Translate): Delivery | undefined {
  const taken = takenInApp(card, click, translate)
  if (taken === undefined || click.responseCode === undefined) return undefined
  return queuedDelivery(turn, {
    id: `${turn.id}:update`,
    route: 'app',
    body: { kind: 'card_update', userid: turn.sender, responseCode: click.responseCode, card: taken },
    dueAt: turn.receivedAt,
    expiresAt: turn.receivedAt + updateWithinMs,
  })
}

/** A notice must open something; whether an update could do without is unverified. */
function openingAction(card: Card): Card {
  const action = fieldsOf(card['card_action'])
  const opens = action['type'] === 1 && typeof action['url'] === 'string'
  return opens ? action : { type: 1, url: 'https://work.weixin.qq.com/' }
}

function optionsOf(question: Card): readonly Card[] {
  return listOf(question['option_list']).map(fieldsOf)
}

function chosenIn(question: Card, { selected }: Click): readonly unknown[] {
  return selected.filter(item => item.questionKey === question['question_key']).flatMap(item => item.optionIds)
}
