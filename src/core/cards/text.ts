import type { Translate } from '../notices/notices.ts'
import { fieldsOf } from './fields.ts'
import type { RawCard } from './source.ts'

/**
 * Formats a card as readable text: everything a user would see on it, including the options to choose from. Empty if
 * there is nothing.
 */
export function describeCard(card: RawCard, translate: Translate): string {
  const options = optionsOf(card)
  const parts = [
    ...headOf(card),
    ...listOf(card, 'horizontal_content_list').map(pairOf),
    ...listOf(card, 'vertical_content_list').map(pairOf),
    ...options,
    ...listOf(card, 'jump_list').map(linkOf),
    linkOf(fieldsOf(card['card_action'])),
    ...(options.length > 0 ? [translate({ key: 'card_options' })] : []),
  ]
  return parts.filter(part => part !== '').join('\n')
}

type Fields = Readonly<Record<string, unknown>>

function headOf(card: Fields): readonly string[] {
  const main = fieldsOf(card['main_title'])
  const quote = fieldsOf(card['quote_area'])
  const picture = fieldsOf(card['image_text_area'])
  const emphasis = fieldsOf(card['emphasis_content'])
  return [
    textOf(fieldsOf(card['source']), 'desc'),
    bold(textOf(main, 'title')),
    textOf(main, 'desc'),
    bold(textOf(emphasis, 'title')),
    textOf(emphasis, 'desc'),
    textOf(card, 'sub_title_text'),
    bold(textOf(picture, 'title')),
    textOf(picture, 'desc'),
    ...[textOf(quote, 'title'), textOf(quote, 'quote_text')].filter(part => part !== '').map(part => `> ${part}`),
  ]
}

/** The options to choose from, one per line. */
function optionsOf(card: Fields): readonly string[] {
  const selections = [card['button_selection'], ...listOf(card, 'select_list'), card['checkbox']].map(fieldsOf)
  return [
    ...listOf(card, 'button_list').map(button => item(textOf(button, 'text'))),
    ...selections.flatMap(selection => [
      textOf(selection, 'title'),
      ...listOf(selection, 'option_list').map(option => item(textOf(option, 'text'))),
    ]),
    ...listOf(fieldsOf(card['action_menu']), 'action_list').map(action => item(textOf(action, 'text'))),
  ].filter(part => part !== '')
}

function pairOf(fields: Fields): string {
  const name = textOf(fields, 'keyname') || textOf(fields, 'title')
  const value = textOf(fields, 'value') || textOf(fields, 'desc') || textOf(fields, 'userid')
  const link = textOf(fields, 'url')
  return [name && value ? `${name}: ${value}` : name || value, link].filter(part => part !== '').join(' ')
}

function linkOf(fields: Fields): string {
  const [title, url] = [textOf(fields, 'title'), textOf(fields, 'url')]
  return [title, textOf(fields, 'question'), url].filter(part => part !== '').join(' ')
}

function bold(text: string): string {
  return text === '' ? '' : `**${text}**`
}

function item(text: string): string {
  return text === '' ? '' : `- ${text}`
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name]
  return typeof value === 'string' || typeof value === 'number' ? String(value).trim() : ''
}

function listOf(fields: Fields, name: string): readonly Fields[] {
  const list = fields[name]
  return Array.isArray(list) ? list.map(fieldsOf) : []
}
