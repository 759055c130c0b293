/**
 * The hard rules for a template card that is sent, written from the platform's pages and not from our code: the first that
 * `card` breaks, undefined for a good one.
 */
export function brokenRule(card: unknown, taskId: string, flavour: 'bot' | 'app'): string | undefined {
  const broken: string[] = []
  const law = (holds: boolean, rule: string) => holds || broken.push(rule)
  checkCard(card, taskId, flavour, law)
  return broken[0]
}

type Law = (holds: boolean, rule: string) => unknown
type Fields = Record<string, unknown>

const allowed: Readonly<Record<string, string>> = {
  text_notice:
    'source action_menu main_title emphasis_content quote_area sub_title_text horizontal_content_list jump_list card_action',
  news_notice:
    'source action_menu main_title quote_area card_image image_text_area vertical_content_list horizontal_content_list jump_list card_action',
  button_interaction:
    'source action_menu main_title quote_area sub_title_text horizontal_content_list button_selection button_list card_action',
  vote_interaction: 'source main_title checkbox submit_button',
  multiple_interaction: 'source main_title select_list submit_button',
}

const needed: Readonly<Record<string, string>> = {
  text_notice: 'card_action',
  news_notice: 'main_title card_action',
  button_interaction: 'main_title button_list',
  vote_interaction: 'main_title checkbox submit_button',
  multiple_interaction: 'main_title select_list submit_button',
}

function checkCard(value: unknown, taskId: string, flavour: 'bot' | 'app', law: Law): void {
  const card = fields(value)
  const type = String(card['card_type'])
  law(type in allowed, 'one of the five types')
  law(card['task_id'] === taskId && /^[0-9A-Za-z_@-]+$/.test(taskId) && taskId.length <= 128, 'our task_id')
  only(card, `card_type task_id ${allowed[type]}`, law)
  for (const name of (needed[type] ?? '').split(' ')) law(name in card, `${type} needs ${name}`)
  if (type === 'text_notice')
    law(isText(fields(card['main_title'])['title']) || isText(card['sub_title_text']), 'a notice says something')
  else law(isText(fields(card['main_title'])['title']), 'a title')
  if (type === 'news_notice') law('card_image' in card || 'image_text_area' in card, 'a picture')

  each(card, 'source', 'icon_url desc desc_color', law, ({ desc_color: color }) =>
    law(color === undefined || isOneOf(color, 0, 1, 2, 3), 'desc_color'),
  )
  each(card, 'main_title', 'title desc', law)
  each(card, 'emphasis_content', 'title desc', law)
  if ('sub_title_text' in card) law(isText(card['sub_title_text']), 'sub_title_text is a text')
  checkLinks(card, type.endsWith('notice'), flavour, law)
  checkPictures(card, law)
  checkChoices(card, flavour, law)
}

function checkLinks(card: Fields, mustOpen: boolean, flavour: 'bot' | 'app', law: Law): void {
  each(card, 'card_action', 'type url appid pagepath', law, action => {
    law(isOneOf(action['type'], ...(mustOpen ? [1, 2] : [0, 1, 2])), 'type of card_action')
    opens(action, { 1: 'url', 2: 'appid' }, law)
  })
  each(card, 'quote_area', 'type url appid pagepath title quote_text', law, quote =>
    opens(quote, { 1: 'url', 2: 'appid' }, law),
  )
  each(card, 'image_text_area', 'type url appid pagepath title desc image_url', law, area => {
    opens(area, { 1: 'url', 2: 'appid' }, law)
    law(isText(area['image_url']), 'an image_text_area has an image')
  })
  const lineLinks = { 1: 'url', 3: 'userid', ...(flavour === 'app' && { 2: 'media_id' }) }
  items(card, 'horizontal_content_list', 6, `keyname value type ${Object.values(lineLinks).join(' ')}`, law, line => {
    law(isText(line['keyname']), 'a line has a keyname')
    opens(line, lineLinks, law)
  })
  const jumpLinks = { 1: 'url', 2: 'appid', ...(flavour === 'bot' && { 3: 'question' }) }
  items(card, 'jump_list', 3, `title type pagepath ${Object.values(jumpLinks).join(' ')}`, law, jump => {
    law(isText(jump['title']), 'a jump has a title')
    law(jump['question'] === undefined || fits(jump['question'], 200), 'a question of 200 bytes')
    opens(jump, jumpLinks, law)
  })
}

function checkPictures(card: Fields, law: Law): void {
  each(card, 'card_image', 'url aspect_ratio', law, ({ url, aspect_ratio: ratio }) => {
    law(isText(url), 'a picture has a url')
    law(ratio === undefined || (typeof ratio === 'number' && ratio > 1.3 && ratio < 2.25), 'aspect_ratio')
  })
  items(card, 'vertical_content_list', 4, 'title desc', law, item => law(isText(item['title']), 'a text has a title'))
}

function checkChoices(card: Fields, flavour: 'bot' | 'app', law: Law): void {
  const labelled = (item: Fields) => law(isText(item['text']), 'what can be chosen has a text')
  const buttonFields = `text style key${flavour === 'app' ? ' type url' : ''}`
  items(card, 'button_list', 6, buttonFields, law, button => {
    labelled(button)
    law(button['style'] === undefined || isOneOf(button['style'], 1, 2, 3, 4), 'style')
    opens(button, { 1: 'url' }, law)
  })
  unique(card, 'button_list', 'key', 1024, law)
  each(card, 'action_menu', 'desc action_list', law, menu => {
    law(isText(menu['desc']) && 'action_list' in menu, 'a menu is whole')
    items(menu, 'action_list', 3, 'text key', law, labelled)
    unique(menu, 'action_list', 'key', 1024, law)
  })
  each(card, 'submit_button', 'text key', law, button => {
    labelled(button)
    law(fits(button['key'], 1024), 'the key of submit_button')
  })
  each(card, 'checkbox', 'question_key mode option_list', law, checkbox => {
    law(fits(checkbox['question_key'], 1024), 'a question_key')
    law(checkbox['mode'] === undefined || isOneOf(checkbox['mode'], 0, 1), 'mode')
    law('option_list' in checkbox, 'a checkbox has options')
    items(checkbox, 'option_list', 20, 'id text is_checked', law, option => {
      labelled(option)
      law(option['is_checked'] === undefined || typeof option['is_checked'] === 'boolean', 'is_checked')
    })
    unique(checkbox, 'option_list', 'id', 128, law)
  })
  each(card, 'button_selection', selectionFields, law, selection => checkSelection(selection, law))
  items(card, 'select_list', 3, selectionFields, law, selection => checkSelection(selection, law))
  unique(card, 'select_list', 'question_key', 1024, law)
}

const selectionFields = 'question_key title option_list selected_id'

function checkSelection(selection: Fields, law: Law): void {
  law(fits(selection['question_key'], 1024), 'a question_key')
  law('option_list' in selection, 'a selection has options')
  items(selection, 'option_list', 10, 'id text', law, option => law(isText(option['text']), 'an option has a text'))
  unique(selection, 'option_list', 'id', 128, law)
  const { selected_id: selected, option_list: options } = selection
  const ids = Array.isArray(options) ? options.map(option => fields(option)['id']) : []
  law(selected === undefined || ids.includes(selected), 'the selected option is one')
}

/** Whatever links has what its type needs. */
function opens(link: Fields, needs: Readonly<Record<number, string>>, law: Law): void {
  const type = link['type'] ?? 0
  const need = typeof type === 'number' ? needs[type] : undefined
  law(type === 0 || need !== undefined, 'a type of link')
  law(need === undefined || isText(link[need]), 'a link has where it leads')
}

function each(card: Fields, name: string, names: string, law: Law, rule?: (value: Fields) => unknown): void {
  if (!(name in card)) return
  const value = card[name]
  law(isObject(value), `${name} is an object`)
  only(fields(value), names, law)
  rule?.(fields(value))
}

function items(card: Fields, name: string, most: number, names: string, law: Law, rule: (item: Fields) => void): void {
  if (!(name in card)) return
  const value = card[name]
  law(Array.isArray(value) && value.length > 0 && value.length <= most, `${name} has 1 to ${most} items`)
  for (const item of Array.isArray(value) ? value : []) {
    law(isObject(item), `${name} is a list of objects`)
    only(fields(item), names, law)
    rule(fields(item))
  }
}

function unique(card: Fields, name: string, id: string, bytes: number, law: Law): void {
  const value = card[name]
  const ids = Array.isArray(value) ? value.map(item => fields(item)[id]) : []
  law(
    ids.every(one => fits(one, bytes)),
    `${name} has a ${id} of ${bytes} bytes`,
  )
  law(new Set(ids).size === ids.length, `${name} has ${id}s of their own`)
}

const numbers = ['type', 'style', 'mode', 'desc_color', 'aspect_ratio']
const others = [...numbers, 'is_checked']

/** No fields but these; those that are no numbers, lists or objects are texts. */
function only(value: Fields, names: string, law: Law): void {
  for (const [name, one] of Object.entries(value)) {
    law(names.split(' ').includes(name), `a field that is known: ${name}`)
    if (numbers.includes(name)) law(typeof one === 'number', `${name} is a number`)
    else if (!others.includes(name)) law(isText(one) || typeof one === 'object', `${name} is a text`)
    law(one !== null && one !== undefined, `${name} is something`)
  }
}

function fits(value: unknown, bytes: number): boolean {
  return isText(value) && new TextEncoder().encode(value).length <= bytes
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== ''
}

function isOneOf(value: unknown, ...numbers: readonly number[]): boolean {
  return typeof value === 'number' && numbers.includes(value)
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fields(value: unknown): Fields {
  return isObject(value) ? Object.fromEntries(Object.entries(value ?? {})) : {}
}
