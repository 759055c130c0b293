import type { Card } from '../../domain/message.ts'
import {
  between,
  choices,
  type Flavour,
  fieldsOf,
  withUniqueIds,
  limited,
  list,
  listOf,
  oneOf,
  type FieldContext,
  pages,
  type Reader,
  refuse,
  struct,
  text,
  boolean,
  identifier,
} from './fields.ts'
import type { RawCard } from './source.ts'

export type ShapedCard = { readonly card: Card; readonly modelTaskId?: string } | { readonly refused: string }

/**
 * Turns a card as a model wrote it into one that WeCom accepts (101032 and 90236): common mistakes are corrected,
 * unknown fields dropped, and the task_id replaced by `taskId`, because models reuse theirs. `refused` is the reason if
 * WeCom would not accept the card. Limits that are only recommendations for the display are not enforced.
 */
export function shapeCard(raw: RawCard, taskId: string, flavour: Flavour): ShapedCard {
  const refusals: string[] = []
  const context: FieldContext = { path: '', flavour, refuse: reason => refusals.push(reason) }
  const type = typeOf(raw, context)
  if (type === undefined) return { refused: `card_type must be one of ${cardTypes.join(', ')}` }
  if (!/^[\w@-]{1,128}$/.test(taskId)) refuse(context, 'has an invalid task_id')

  const shaped = shapes[type](isNotice(type) ? withAction(raw, context) : raw, context) ?? {}
  checkCard(type, raw, shaped, context)
  const [refused] = refusals
  if (refused !== undefined) return { refused }
  const modelTaskId = identifier(raw['task_id'], context)
  const card = { card_type: type, ...shaped, task_id: taskId }
  return modelTaskId === undefined ? { card } : { card, modelTaskId }
}

/**
 * Returns why WeCom would refuse a card that is sent unchanged by an app or a group robot; undefined if nothing is
 * wrong. A card that can be clicked needs its own task_id.
 */
export function cardProblem(raw: RawCard): string | undefined {
  const given = raw['task_id']
  const taskId = given === undefined ? 'none' : typeof given === 'string' ? given : ''
  const shaped = shapeCard(raw, taskId, 'app')
  if ('refused' in shaped) return shaped.refused
  const { task_id: _, ...card } = shaped.card
  const isClicked = 'action_menu' in card || 'button_list' in card || 'checkbox' in card
  if (given === undefined && isClicked) return 'the card has no task_id'
  for (const [name, value] of Object.entries(card)) {
    if (raw[name] === undefined) return `the card has no ${name}`
    if (kindOf(raw[name]) !== kindOf(value)) return `the card ${name} must be ${kindOf(value)}`
  }
  return undefined
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : 'a text'
}

export const cardTypes = [
  'text_notice',
  'news_notice',
  'button_interaction',
  'vote_interaction',
  'multiple_interaction',
] as const
type CardType = (typeof cardTypes)[number]

/** The fields with options to choose from, and the only card type that has each. */
const optionFields: readonly (readonly [name: string, type: CardType])[] = [
  ['button_list', 'button_interaction'],
  ['checkbox', 'vote_interaction'],
  ['select_list', 'multiple_interaction'],
]

function typeOf(raw: RawCard, context: FieldContext): CardType | undefined {
  const named = identifier(raw['card_type'], context)
  if (named !== undefined) return cardTypes.find(type => type === named)
  return optionFields.find(([name]) => hasItems(raw[name]))?.[1] ?? 'text_notice'
}

function hasItems(value: unknown): boolean {
  return listOf(value).length > 0
}

function isNotice(type: CardType): boolean {
  return type === 'text_notice' || type === 'news_notice'
}

/** Checks the rules that involve several fields. */
function checkCard(type: CardType, raw: RawCard, shaped: Card, context: FieldContext): void {
  const missing = required[type].find(names => !names.some(name => name in shaped))
  if (missing !== undefined) refuse(context, `has no ${missing.join(' and no ')}`)
  const isUntitled = !('title' in fieldsOf(shaped['main_title'])) && !('sub_title_text' in shaped)
  if (type === 'text_notice' && isUntitled) refuse(context, 'has no main_title.title and no sub_title_text')
  // Dropping its options would change what the card asks. A refused card shows all of them as text.
  const lost = optionFields.find(([name, owner]) => owner !== type && hasItems(raw[name]))
  if (lost !== undefined) refuse(context, `is a ${type}, which has no ${lost[0]}`)
}

/** At least one field of each group is required. */
const required: Readonly<Record<CardType, readonly (readonly string[])[]>> = {
  text_notice: [['card_action']],
  news_notice: [['main_title'], ['card_action'], ['card_image', 'image_text_area']],
  button_interaction: [['main_title'], ['button_list']],
  vote_interaction: [['main_title'], ['checkbox']],
  multiple_interaction: [['main_title'], ['select_list']],
}

const keyBytes = 1024
const idBytes = 128
const questionBytes = 200

const title = struct({ title: text, desc: text }, { asText: 'title' })

/** A main_title whose title is required. Without one, its desc becomes the title. */
const heading: Reader<Card> = (value, context) => {
  const read = title(value, context)
  return read === undefined || 'title' in read ? read : { title: read['desc'] }
}

const source = struct({ icon_url: text, desc: text, desc_color: oneOf(0, 1, 2, 3) }, { asText: 'desc' })

const action = struct({}, { asText: 'url', links: pages })

const menu = struct({ desc: text, action_list: choices('key', { items: 3, bytes: keyBytes }) })

const actionMenu: Reader<Card> = (value, context) => {
  const read = menu(value, context) ?? {}
  return 'action_list' in read ? { desc: '更多', ...read } : undefined
}

const quote = struct({ title: text, quote_text: text }, { asText: 'quote_text', links: pages })

const lines = list(
  struct(
    { keyname: text, value: text },
    {
      required: ['keyname'],
      links: [
        { type: 1, requires: 'url' },
        { type: 2, requires: 'media_id', only: 'app' },
        { type: 3, requires: 'userid' },
      ],
    },
  ),
  6,
)

const jumps = list(
  struct(
    { title: text },
    {
      required: ['title'],
      links: [...pages, { type: 3, requires: 'question', limitBytes: questionBytes, only: 'bot' }],
    },
  ),
  3,
)

const buttons = choices('key', { items: 6, bytes: keyBytes }, { style: oneOf(1, 2, 3, 4) }, [
  { type: 1, requires: 'url', only: 'app' },
])

const dropdown = struct(
  {
    question_key: identifier,
    title: text,
    option_list: choices('id', { items: 10, bytes: idBytes }),
    selected_id: identifier,
  },
  { required: ['option_list'] },
)

const selection: Reader<Card> = (value, context) => {
  const { selected_id: selected, ...read } = dropdown(value, context) ?? {}
  if (Object.keys(read).length === 0) return undefined
  const isOption = listOf(read['option_list']).some(option => fieldsOf(option)['id'] === selected)
  return isOption ? { ...read, selected_id: selected } : read
}

const checkbox = struct(
  {
    question_key: identifier,
    mode: oneOf(0, 1),
    option_list: choices('id', { items: 20, bytes: idBytes }, { is_checked: boolean }),
  },
  { required: ['option_list'] },
)

const questions = (reader: Reader<Card>, max: number) =>
  withUniqueIds(list(reader, max), 'question_key', keyBytes, 'question')

/** The question of a card that can have only one. */
const question =
  (reader: Reader<Card>): Reader<Card> =>
  (value, context) =>
    questions(reader, 1)(value, context)?.[0]

const submit: Reader<Card> = (value, context) => {
  const read = struct({ text, key: limited(identifier, keyBytes) }, { asText: 'text' })(value, context)
  return { text: '提交', key: 'submit', ...read }
}

/** The fields that three card types share. */
const shared = { source, action_menu: actionMenu, quote_area: quote, horizontal_content_list: lines }

const shapes: Readonly<Record<CardType, Reader<Card>>> = {
  text_notice: struct({
    ...shared,
    main_title: title,
    emphasis_content: title,
    sub_title_text: text,
    jump_list: jumps,
    card_action: action,
  }),
  news_notice: struct({
    ...shared,
    main_title: heading,
    card_image: struct({ url: text, aspect_ratio: between(1.3, 2.25) }, { required: ['url'], asText: 'url' }),
    image_text_area: struct({ title: text, desc: text, image_url: text }, { required: ['image_url'], links: pages }),
    vertical_content_list: list(struct({ title: text, desc: text }, { required: ['title'], asText: 'title' }), 4),
    jump_list: jumps,
    card_action: action,
  }),
  button_interaction: struct({
    ...shared,
    main_title: heading,
    sub_title_text: text,
    button_selection: question(selection),
    button_list: buttons,
    card_action: action,
  }),
  vote_interaction: struct({ source, main_title: heading, checkbox: question(checkbox), submit_button: submit }),
  multiple_interaction: struct({
    source,
    main_title: heading,
    select_list: questions(selection, 3),
    submit_button: submit,
  }),
}

/** A notice requires a card_action. If the model wrote none, it opens the first URL on the card. */
function withAction(raw: RawCard, context: FieldContext): RawCard {
  const given = raw['card_action']
  // Models write type 0, which only button cards have, together with a URL.
  const own = action(given, context) ?? action({ ...fieldsOf(given), type: 1 }, context)
  return { ...raw, card_action: own ?? { url: firstUrl(raw) } }
}

function firstUrl(raw: RawCard): unknown {
  const lists = [raw['jump_list'], raw['image_text_area'], raw['quote_area'], raw['horizontal_content_list']]
  const urls = [raw, ...lists.flatMap(listOf)].map(item => fieldsOf(item)['url'])
  return urls.find(url => typeof url === 'string' && /^https?:\/\/\S+$/.test(url))
}
