import type { Card } from '../../domain/message.ts'
import {
  between,
  choices,
  type Flavour,
  fieldsOf,
  identified,
  limited,
  list,
  listOf,
  oneOf,
  type FieldPath,
  pages,
  type Reader,
  refuse,
  struct,
  text,
  truth,
  word,
} from './fields.ts'
import type { RawCard } from './find.ts'

export type ShapedCard = { readonly card: Card; readonly modelTaskId?: string } | { readonly refused: string }

/**
 * The card as the platform takes it (pages 101032 and 90236), under our `taskId`, with what models mistype put right; or
 * why it cannot be one. Limits that are only advice about the display are left alone.
 */
export function shapeCard(raw: RawCard, taskId: string, flavour: Flavour): ShapedCard {
  const refusals: string[] = []
  const place: FieldPath = { path: '', flavour, refuse: reason => refusals.push(reason) }
  const type = typeOf(raw, place)
  if (type === undefined) return { refused: `card_type is none of ${cardTypes.join(', ')}` }
  if (!/^[\w@-]{1,128}$/.test(taskId)) refuse(place, 'has a task_id that is no task_id')

  const shaped = shapes[type](isNotice(type) ? withAction(raw, place) : raw, place) ?? {}
  complain(type, raw, shaped, place)
  const [refused] = refusals
  if (refused !== undefined) return { refused }
  const modelTaskId = word(raw['task_id'], place)
  const card = { card_type: type, ...shaped, task_id: taskId }
  return modelTaskId === undefined ? { card } : { card, modelTaskId }
}

/**
 * Why the platform would not take a card of an app or a robot that goes as it is; undefined when nothing is known against
 * it. Whoever writes such a card gives its task_id, too.
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

/** What a user chooses from, and the one type of card that has it. */
const choosing: readonly (readonly [name: string, type: CardType])[] = [
  ['button_list', 'button_interaction'],
  ['checkbox', 'vote_interaction'],
  ['select_list', 'multiple_interaction'],
]

function typeOf(raw: RawCard, place: FieldPath): CardType | undefined {
  const named = word(raw['card_type'], place)
  if (named !== undefined) return cardTypes.find(type => type === named)
  return choosing.find(([name]) => isThere(raw[name]))?.[1] ?? 'text_notice'
}

function isThere(value: unknown): boolean {
  return listOf(value).length > 0
}

function isNotice(type: CardType): boolean {
  return type === 'text_notice' || type === 'news_notice'
}

/** What the fields for themselves do not say. */
function complain(type: CardType, raw: RawCard, shaped: Card, place: FieldPath): void {
  const needed = required[type].find(names => !names.some(name => name in shaped))
  if (needed !== undefined) refuse(place, `has no ${needed.join(' and no ')}`)
  const isMute = !('title' in fieldsOf(shaped['main_title'])) && !('sub_title_text' in shaped)
  if (type === 'text_notice' && isMute) refuse(place, 'has no main_title.title and no sub_title_text')
  // Without its options the card would ask nothing; in words they are all there.
  const lost = choosing.find(([name, owner]) => owner !== type && isThere(raw[name]))
  if (lost !== undefined) refuse(place, `is a ${type}, which has no ${lost[0]}`)
}

/** One of each group must be there. */
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

/** A main_title that must have a title: its desc is one, too. */
const heading: Reader<Card> = (value, place) => {
  const read = title(value, place)
  return read === undefined || 'title' in read ? read : { title: read['desc'] }
}

const source = struct({ icon_url: text, desc: text, desc_color: oneOf(0, 1, 2, 3) }, { asText: 'desc' })

const action = struct({}, { asText: 'url', links: pages })

const menu = struct({ desc: text, action_list: choices('key', { most: 3, bytes: keyBytes }) })

const actionMenu: Reader<Card> = (value, place) => {
  const read = menu(value, place) ?? {}
  return 'action_list' in read ? { desc: '更多', ...read } : undefined
}

const quote = struct({ title: text, quote_text: text }, { asText: 'quote_text', links: pages })

const lines = list(
  struct(
    { keyname: text, value: text },
    {
      required: ['keyname'],
      links: [
        { type: 1, needs: 'url' },
        { type: 2, needs: 'media_id', only: 'app' },
        { type: 3, needs: 'userid' },
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
      links: [...pages, { type: 3, needs: 'question', limitBytes: questionBytes, only: 'bot' }],
    },
  ),
  3,
)

const buttons = choices('key', { most: 6, bytes: keyBytes }, { style: oneOf(1, 2, 3, 4) }, [
  { type: 1, needs: 'url', only: 'app' },
])

const dropdown = struct(
  { question_key: word, title: text, option_list: choices('id', { most: 10, bytes: idBytes }), selected_id: word },
  { required: ['option_list'] },
)

const selection: Reader<Card> = (value, place) => {
  const { selected_id: selected, ...read } = dropdown(value, place) ?? {}
  if (Object.keys(read).length === 0) return undefined
  const isOption = listOf(read['option_list']).some(option => fieldsOf(option)['id'] === selected)
  return isOption ? { ...read, selected_id: selected } : read
}

const checkbox = struct(
  {
    question_key: word,
    mode: oneOf(0, 1),
    option_list: choices('id', { most: 20, bytes: idBytes }, { is_checked: truth }),
  },
  { required: ['option_list'] },
)

const questions = (reader: Reader<Card>, most: number) =>
  identified(list(reader, most), 'question_key', keyBytes, 'question')

/** The one question of a card that has no list of them. */
const question =
  (reader: Reader<Card>): Reader<Card> =>
  (value, place) =>
    questions(reader, 1)(value, place)?.[0]

const submit: Reader<Card> = (value, place) => {
  const read = struct({ text, key: limited(word, keyBytes) }, { asText: 'text' })(value, place)
  return { text: '提交', key: 'submit', ...read }
}

const around = { source, action_menu: actionMenu, quote_area: quote, horizontal_content_list: lines }

const shapes: Readonly<Record<CardType, Reader<Card>>> = {
  text_notice: struct({
    ...around,
    main_title: title,
    emphasis_content: title,
    sub_title_text: text,
    jump_list: jumps,
    card_action: action,
  }),
  news_notice: struct({
    ...around,
    main_title: heading,
    card_image: struct({ url: text, aspect_ratio: between(1.3, 2.25) }, { required: ['url'], asText: 'url' }),
    image_text_area: struct({ title: text, desc: text, image_url: text }, { required: ['image_url'], links: pages }),
    vertical_content_list: list(struct({ title: text, desc: text }, { required: ['title'], asText: 'title' }), 4),
    jump_list: jumps,
    card_action: action,
  }),
  button_interaction: struct({
    ...around,
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

/** A notice must open something: without an action of its own, the first page that it mentions. */
function withAction(raw: RawCard, place: FieldPath): RawCard {
  const given = raw['card_action']
  // A type 0, which is for button cards, with something to open.
  const own = action(given, place) ?? action({ ...fieldsOf(given), type: 1 }, place)
  return { ...raw, card_action: own ?? { url: pageOf(raw) } }
}

function pageOf(raw: RawCard): unknown {
  const lists = [raw['jump_list'], raw['image_text_area'], raw['quote_area'], raw['horizontal_content_list']]
  const urls = [raw, ...lists.flatMap(listOf)].map(place => fieldsOf(place)['url'])
  return urls.find(url => typeof url === 'string' && /^https?:\/\/\S+$/.test(url))
}
