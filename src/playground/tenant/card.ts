import { isObject } from '../../domain/json.ts'

interface CardRule {
  /** The card needs at least one field of each group. */
  readonly required: readonly (readonly string[])[]
  /** Whether clicks are reported to the app. */
  readonly isInteractive: boolean
}

const rules: Readonly<Record<string, CardRule>> = {
  text_notice: { required: [['card_action'], ['main_title', 'sub_title_text']], isInteractive: false },
  news_notice: { required: [['card_action'], ['main_title'], ['card_image', 'image_text_area']], isInteractive: false },
  button_interaction: { required: [['main_title'], ['button_list'], ['task_id']], isInteractive: true },
  vote_interaction: { required: [['main_title'], ['checkbox'], ['submit_button'], ['task_id']], isInteractive: true },
  multiple_interaction: { required: [['main_title'], ['select_list'], ['submit_button']], isInteractive: true },
}

const maxItems: Readonly<Record<string, number>> = {
  horizontal_content_list: 6,
  vertical_content_list: 4,
  jump_list: 3,
  button_list: 6,
  select_list: 3,
}

/** The first rule that a template card breaks; undefined if it is valid. Recommended lengths are not checked. */
export function cardFault(card: unknown, types = Object.keys(rules)): string | undefined {
  if (!isObject(card)) return 'template_card is not an object'
  const type = String(card['card_type'])
  const rule = types.includes(type) ? rules[type] : undefined
  if (!rule) return 'invalid card_type'
  const missing = rule.required.find(names => !names.some(name => isPresent(card[name])))
  if (missing) return `missing ${missing.join(' or ')}`
  if (isPresent(card['action_menu']) && !isPresent(card['task_id'])) return 'missing task_id'
  const long = Object.entries(maxItems).find(([name, most]) => card[name] !== undefined && !isList(card[name], most))
  if (long) return `invalid ${long[0]}`
  if (isPresent(card['task_id']) && !/^[\w@-]{1,128}$/.test(String(card['task_id']))) return 'invalid task_id'
  return choiceFault(card)
}

/** True for a card whose clicks are reported to the app, and that can be updated. */
export function isInteractive(card: Readonly<Record<string, unknown>>): boolean {
  return rules[String(card['card_type'])]?.isInteractive === true || isPresent(card['action_menu'])
}

function choiceFault({ button_list, select_list, checkbox }: Record<string, unknown>): string | undefined {
  if (!hasOwnTexts(button_list ?? [], 'key')) return 'invalid key of a button'
  const selections = Array.isArray(select_list) ? select_list : []
  if (selections.some(selection => !isSelection(selection, 10))) return 'invalid select_list'
  return checkbox === undefined || isSelection(checkbox, 20) ? undefined : 'invalid checkbox'
}

function isSelection(selection: unknown, most: number): boolean {
  if (!isObject(selection) || typeof selection['question_key'] !== 'string') return false
  return isList(selection['option_list'], most) && hasOwnTexts(selection['option_list'], 'id')
}

/** True if every item has a unique non-empty text under `name`. */
function hasOwnTexts(items: unknown, name: string): boolean {
  if (!Array.isArray(items)) return false
  const texts = items.map((item: unknown) => (isObject(item) ? item[name] : undefined))
  return texts.every(text => typeof text === 'string' && text !== '') && new Set(texts).size === texts.length
}

function isList(value: unknown, most: number): boolean {
  return Array.isArray(value) && value.length > 0 && value.length <= most
}

function isPresent(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false
  return !isObject(value) || Object.keys(value).length > 0
}
