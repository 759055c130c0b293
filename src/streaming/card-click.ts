import type { Card, Click } from '../domain/message.ts'
import type { Say } from '../fallback/notice.ts'
import { fieldsOf, listOf } from './card-fields.ts'

/** The card in place of the one that was clicked, which says what was chosen; undefined where nothing changes. */
export function takenCard(card: Card, click: Click, say: Say): Card | undefined {
  switch (card['card_type']) {
    case 'vote_interaction':
      return { ...card, checkbox: takenVote(fieldsOf(card['checkbox']), click) }
    case 'multiple_interaction':
      return { ...card, select_list: listOf(card['select_list']).map(item => takenSelection(fieldsOf(item), click)) }
    case 'button_interaction':
      return takenButtons(card, click, say)
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
function takenButtons(card: Card, click: Click, say: Say): Card | undefined {
  const button = listOf(card['button_list'])
    .map(fieldsOf)
    .find(button => button['key'] === click.eventKey)
  // The menu in the corner: it leaves the question open.
  if (button === undefined) return undefined
  const selection = fieldsOf(card['button_selection'])
  const chosen = chosenIn(selection, click)
  const options = optionsOf(selection).filter(option => chosen.includes(option['id']))
  const choice = [button, ...options].map(({ text }) => String(text)).join(' · ')
  return {
    card_type: 'text_notice',
    task_id: card['task_id'],
    main_title: card['main_title'],
    sub_title_text: say({ key: 'card_taken', choice }),
    card_action: openingAction(card),
  }
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
