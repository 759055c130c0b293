import type { Delivery } from '../../domain/delivery.ts'
import type { Card, Click } from '../../domain/message.ts'
import type { Turn } from '../../domain/turn.ts'
import type { Translate } from '../notices/notices.ts'
import { fieldsOf, listOf } from './fields.ts'
import { queuedDelivery } from '../fallback/queued.ts'

/** How long an update of a clicked card is retried. After that the user is no longer looking at it. */
const updateWithinMs = 60_000

/** Returns the card that replaces a clicked one, showing the choice; undefined if the card does not change. */
export function clickedCard(card: Card, click: Click, translate: Translate): Card | undefined {
  switch (card['card_type']) {
    case 'vote_interaction':
      return { ...card, checkbox: disableVote(fieldsOf(card['checkbox']), click) }
    case 'multiple_interaction':
      return { ...card, select_list: listOf(card['select_list']).map(item => disableSelection(fieldsOf(item), click)) }
    case 'button_interaction':
      return choiceNotice(card, click, translate)
    default:
      return undefined
  }
}

function disableVote(checkbox: Card, click: Click): Card {
  const chosen = chosenIn(checkbox, click)
  const options = optionsOf(checkbox).map(option => ({ ...option, is_checked: chosen.includes(option['id']) }))
  return { ...checkbox, disable: true, option_list: options }
}

function disableSelection(selection: Card, click: Click): Card {
  const [chosen] = chosenIn(selection, click)
  return { ...selection, disable: true, ...(chosen !== undefined && { selected_id: chosen }) }
}

/** A notice that replaces a button card, because a card that keeps its buttons could be clicked again. */
function choiceNotice(card: Card, click: Click, translate: Translate): Card | undefined {
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

/**
 * The text of the clicked button and of the options selected with it. Undefined for a click on the menu in the corner,
 * which does not answer the card.
 */
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

/** The card of an app after a click: `replace_text` disables its button and shows the choice on it. */
function clickedAppCard(card: Card, click: Click, translate: Translate): Card | undefined {
  const isButtons = card['card_type'] === 'button_interaction'
  const choice = isButtons ? choiceOf(card, click) : selectedIn(card, click)
  const clicked = isButtons ? card : clickedCard(card, click, translate)
  if (clicked === undefined || choice === undefined) return undefined
  return { ...clicked, replace_text: translate({ key: 'card_taken', choice }) }
}

function selectedIn(card: Card, click: Click): string {
  const questions = [fieldsOf(card['checkbox']), ...listOf(card['select_list']).map(fieldsOf)]
  const chosen = questions.flatMap(one => optionsOf(one).filter(({ id }) => chosenIn(one, click).includes(id)))
  return chosen.map(({ text }) => String(text)).join(' · ')
}

/**
 * Plans the update that shows the choice on a clicked card of the app, to the member who clicked it. Returns undefined
 * if the card does not change, or the callback has no code for updating it.
 */
export function planCardUpdate(turn: Turn, card: Card, click: Click, translate: Translate): Delivery | undefined {
  const clicked = clickedAppCard(card, click, translate)
  if (clicked === undefined || click.responseCode === undefined) return undefined
  return queuedDelivery(turn, {
    id: `${turn.id}:update`,
    route: 'app',
    body: { kind: 'card_update', userid: turn.sender, responseCode: click.responseCode, card: clicked },
    dueAt: turn.receivedAt,
    expiresAt: turn.receivedAt + updateWithinMs,
  })
}

/** A notice needs an action that opens something. Whether an update needs one is unverified. */
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
