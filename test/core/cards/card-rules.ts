/**
 * Returns the first of WeCom's rules that a card breaks, undefined for a valid card. The rules are written from WeCom's
 * pages (101032 and 90236), independently of the code under test.
 */
export function brokenRule(card: unknown, taskId: string, flavour: 'bot' | 'app'): string | undefined {
  const broken: string[] = []
  const check: Check = (holds, rule) => holds || broken.push(rule)
  checkCard(card, taskId, flavour, check)
  return broken[0]
}

type Check = (holds: boolean, rule: string) => unknown
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

const required: Readonly<Record<string, string>> = {
  text_notice: 'card_action',
  news_notice: 'main_title card_action',
  button_interaction: 'main_title button_list',
  vote_interaction: 'main_title checkbox submit_button',
  multiple_interaction: 'main_title select_list submit_button',
}

function checkCard(value: unknown, taskId: string, flavour: 'bot' | 'app', check: Check): void {
  const card = fields(value)
  const type = String(card['card_type'])
  check(type in allowed, 'one of the five types')
  check(card['task_id'] === taskId && /^[0-9A-Za-z_@-]+$/.test(taskId) && taskId.length <= 128, 'our task_id')
  only(card, `card_type task_id ${allowed[type]}`, check)
  for (const name of (required[type] ?? '').split(' ')) check(name in card, `${type} requires ${name}`)
  if (type === 'text_notice')
    check(
      isText(fields(card['main_title'])['title']) || isText(card['sub_title_text']),
      'a notice has a title or a text',
    )
  else check(isText(fields(card['main_title'])['title']), 'a title')
  if (type === 'news_notice') check('card_image' in card || 'image_text_area' in card, 'a picture')

  each(card, 'source', 'icon_url desc desc_color', check, ({ desc_color: color }) =>
    check(color === undefined || isOneOf(color, 0, 1, 2, 3), 'desc_color'),
  )
  each(card, 'main_title', 'title desc', check)
  each(card, 'emphasis_content', 'title desc', check)
  if ('sub_title_text' in card) check(isText(card['sub_title_text']), 'sub_title_text is a text')
  checkLinks(card, type.endsWith('notice'), flavour, check)
  checkPictures(card, check)
  checkChoices(card, flavour, check)
}

function checkLinks(card: Fields, mustOpen: boolean, flavour: 'bot' | 'app', check: Check): void {
  each(card, 'card_action', 'type url appid pagepath', check, action => {
    check(isOneOf(action['type'], ...(mustOpen ? [1, 2] : [0, 1, 2])), 'type of card_action')
    opens(action, { 1: 'url', 2: 'appid' }, check)
  })
  each(card, 'quote_area', 'type url appid pagepath title quote_text', check, quote =>
    opens(quote, { 1: 'url', 2: 'appid' }, check),
  )
  each(card, 'image_text_area', 'type url appid pagepath title desc image_url', check, area => {
    opens(area, { 1: 'url', 2: 'appid' }, check)
    check(isText(area['image_url']), 'an image_text_area has an image')
  })
  const lineLinks = { 1: 'url', 3: 'userid', ...(flavour === 'app' && { 2: 'media_id' }) }
  items(card, 'horizontal_content_list', 6, `keyname value type ${Object.values(lineLinks).join(' ')}`, check, line => {
    check(isText(line['keyname']), 'a line has a keyname')
    opens(line, lineLinks, check)
  })
  const jumpLinks = { 1: 'url', 2: 'appid', ...(flavour === 'bot' && { 3: 'question' }) }
  items(card, 'jump_list', 3, `title type pagepath ${Object.values(jumpLinks).join(' ')}`, check, jump => {
    check(isText(jump['title']), 'a jump has a title')
    check(jump['question'] === undefined || fits(jump['question'], 200), 'a question of 200 bytes')
    opens(jump, jumpLinks, check)
  })
}

function checkPictures(card: Fields, check: Check): void {
  each(card, 'card_image', 'url aspect_ratio', check, ({ url, aspect_ratio: ratio }) => {
    check(isText(url), 'a picture has a url')
    check(ratio === undefined || (typeof ratio === 'number' && ratio > 1.3 && ratio < 2.25), 'aspect_ratio')
  })
  items(card, 'vertical_content_list', 4, 'title desc', check, item =>
    check(isText(item['title']), 'a text has a title'),
  )
}

function checkChoices(card: Fields, flavour: 'bot' | 'app', check: Check): void {
  const labelled = (item: Fields) => check(isText(item['text']), 'an option has a text')
  const buttonFields = `text style key${flavour === 'app' ? ' type url' : ''}`
  items(card, 'button_list', 6, buttonFields, check, button => {
    labelled(button)
    check(button['style'] === undefined || isOneOf(button['style'], 1, 2, 3, 4), 'style')
    opens(button, { 1: 'url' }, check)
  })
  unique(card, 'button_list', 'key', 1024, check)
  each(card, 'action_menu', 'desc action_list', check, menu => {
    check(isText(menu['desc']) && 'action_list' in menu, 'a menu is complete')
    items(menu, 'action_list', 3, 'text key', check, labelled)
    unique(menu, 'action_list', 'key', 1024, check)
  })
  each(card, 'submit_button', 'text key', check, button => {
    labelled(button)
    check(fits(button['key'], 1024), 'the key of submit_button')
  })
  each(card, 'checkbox', 'question_key mode option_list', check, checkbox => {
    check(fits(checkbox['question_key'], 1024), 'a question_key')
    check(checkbox['mode'] === undefined || isOneOf(checkbox['mode'], 0, 1), 'mode')
    check('option_list' in checkbox, 'a checkbox has options')
    items(checkbox, 'option_list', 20, 'id text is_checked', check, option => {
      labelled(option)
      check(option['is_checked'] === undefined || typeof option['is_checked'] === 'boolean', 'is_checked')
    })
    unique(checkbox, 'option_list', 'id', 128, check)
  })
  each(card, 'button_selection', selectionFields, check, selection => checkSelection(selection, check))
  items(card, 'select_list', 3, selectionFields, check, selection => checkSelection(selection, check))
  unique(card, 'select_list', 'question_key', 1024, check)
}

const selectionFields = 'question_key title option_list selected_id'

function checkSelection(selection: Fields, check: Check): void {
  check(fits(selection['question_key'], 1024), 'a question_key')
  check('option_list' in selection, 'a selection has options')
  items(selection, 'option_list', 10, 'id text', check, option => check(isText(option['text']), 'an option has a text'))
  unique(selection, 'option_list', 'id', 128, check)
  const { selected_id: selected, option_list: options } = selection
  const ids = Array.isArray(options) ? options.map(option => fields(option)['id']) : []
  check(selected === undefined || ids.includes(selected), 'the selected option exists')
}

/** A link has the field that its type requires. */
function opens(link: Fields, fieldByType: Readonly<Record<number, string>>, check: Check): void {
  const type = link['type'] ?? 0
  const field = typeof type === 'number' ? fieldByType[type] : undefined
  check(type === 0 || field !== undefined, 'a type of link')
  check(field === undefined || isText(link[field]), 'a link has a destination')
}

function each(card: Fields, name: string, names: string, check: Check, rule?: (value: Fields) => unknown): void {
  if (!(name in card)) return
  const value = card[name]
  check(isObject(value), `${name} is an object`)
  only(fields(value), names, check)
  rule?.(fields(value))
}

function items(
  card: Fields,
  name: string,
  max: number,
  names: string,
  check: Check,
  rule: (item: Fields) => void,
): void {
  if (!(name in card)) return
  const value = card[name]
  check(Array.isArray(value) && value.length > 0 && value.length <= max, `${name} has 1 to ${max} items`)
  for (const item of Array.isArray(value) ? value : []) {
    check(isObject(item), `${name} is a list of objects`)
    only(fields(item), names, check)
    rule(fields(item))
  }
}

function unique(card: Fields, name: string, id: string, bytes: number, check: Check): void {
  const value = card[name]
  const ids = Array.isArray(value) ? value.map(item => fields(item)[id]) : []
  check(
    ids.every(one => fits(one, bytes)),
    `each ${id} in ${name} has at most ${bytes} bytes`,
  )
  check(new Set(ids).size === ids.length, `each ${id} in ${name} is unique`)
}

const numbers = ['type', 'style', 'mode', 'desc_color', 'aspect_ratio']
const others = [...numbers, 'is_checked']

/** The object has only these fields, each of the right type. */
function only(value: Fields, names: string, check: Check): void {
  for (const [name, one] of Object.entries(value)) {
    check(names.split(' ').includes(name), `a known field: ${name}`)
    if (numbers.includes(name)) check(typeof one === 'number', `${name} is a number`)
    else if (!others.includes(name)) check(isText(one) || typeof one === 'object', `${name} is a text`)
    check(one !== null && one !== undefined, `${name} has a value`)
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
