import { make } from './dom.ts'

type Json = Readonly<Record<string, unknown>>

/** Renders a template card or news articles as text. Invalid JSON is shown unchanged. */
export function cardOf(json: string): HTMLElement {
  const card = make('div', { class: 'card' })
  const read = parse(json)
  if (Array.isArray(read)) card.append(...read.filter(isObject).flatMap(articleOf))
  else if (isObject(read)) card.append(...linesOf(read))
  if (card.childNodes.length === 0) card.append(json)
  return card
}

function articleOf(article: Json): readonly HTMLElement[] {
  return [line('strong', article['title']), line('p', article['description']), line('p', article['url'], 'dim')].flat()
}

function linesOf(card: Json): readonly HTMLElement[] {
  const { source, main_title, emphasis_content, sub_title_text, quote_area, title, description, url } = card
  const questions = [card['checkbox'], ...listOf(card['select_list'])].filter(isObject)
  return [
    line('p', textIn(source, 'desc'), 'dim'),
    line('strong', textIn(main_title, 'title') ?? title),
    line('p', textIn(main_title, 'desc') ?? description),
    line('p', textIn(emphasis_content, 'title'), 'big'),
    line('p', textIn(emphasis_content, 'desc'), 'dim'),
    line('p', textIn(quote_area, 'quote_text'), 'dim'),
    line('p', sub_title_text),
    ...listOf(card['horizontal_content_list']).map(pairOf),
    ...listOf(card['vertical_content_list']).map(item =>
      line('p', `${textIn(item, 'title')} ${textIn(item, 'desc') ?? ''}`),
    ),
    ...questions.map(optionsOf),
    buttonsOf([...listOf(card['button_list']), ...listOf(card['jump_list']), card['submit_button']]),
    line('p', url, 'dim'),
  ].flat()
}

function pairOf(item: unknown): readonly HTMLElement[] {
  return line('p', `${textIn(item, 'keyname') ?? ''}：${textIn(item, 'value') ?? ''}`)
}

function optionsOf(question: Json): readonly HTMLElement[] {
  const options = listOf(question['option_list']).flatMap(option => line('li', textIn(option, 'text')))
  return [...line('p', question['title']), make('ul', {}, ...options)]
}

/** Renders buttons. They cannot be clicked in the demo. */
function buttonsOf(buttons: readonly unknown[]): readonly HTMLElement[] {
  const words = buttons.flatMap(button => line('span', textIn(button, 'text') ?? textIn(button, 'title'), 'button'))
  return words.length === 0 ? [] : [make('div', { class: 'buttons' }, ...words)]
}

function line(tag: 'p' | 'strong' | 'li' | 'span', text: unknown, style = ''): readonly HTMLElement[] {
  if (typeof text !== 'string' || text === '') return []
  return [make(tag, style === '' ? {} : { class: style }, text)]
}

function textIn(value: unknown, name: string): string | undefined {
  const text = isObject(value) ? value[name] : undefined
  return typeof text === 'string' && text !== '' ? text : undefined
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    // Shown as it is.
    return undefined // the caller shows the text unchanged
  }
}
