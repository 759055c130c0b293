import { parseJson } from '../../domain/json.ts'
import {
  type Callback,
  type Click,
  type Conversation,
  type Feedback,
  formatClick,
  type Inbound,
} from '../../domain/message.ts'
import { contentOf, type MessageType, messageTypes, quoteOf } from './bot-content.ts'
import { fieldOf, idOf, listOf, stringOf, typeNameOf } from './json-fields.ts'
import { removeMention } from './mention.ts'
import { parseSeconds } from './values.ts'

/** Facts from the endpoint that are not in the payload. `receivedAt` is in epoch milliseconds. */
export interface BotContext {
  readonly account: string
  readonly receivedAt: number
  readonly botNames?: readonly string[]
}

/** A callback, and the aibotid the payload names. */
export interface BotCallback {
  readonly callback: Callback
  readonly aibotid?: string
}

/**
 * Decodes the decrypted JSON of a Bot's callback. Never throws. An unknown message or event is `unhandled` with its type
 * name; a malformed payload is `unhandled` with the type `invalid`.
 */
export function decodeBotCallback(json: string, context: BotContext): BotCallback {
  const payload = parseJson(json)
  const aibotid = stringOf(payload, 'aibotid')
  const callback = decodePayload(payload, context)
  return aibotid === undefined ? { callback } : { callback, aibotid }
}

function decodePayload(payload: unknown, context: BotContext): Callback {
  const msgtype = typeNameOf(payload, 'msgtype')
  const messageType = messageTypes.find(type => type === msgtype)
  if (messageType !== undefined) return decodeMessage(payload, messageType, context)
  switch (msgtype) {
    case undefined:
      return unhandled(context, 'invalid')
    case 'stream':
      return decodeRefresh(payload, context)
    case 'event':
      return decodeEvent(payload, context)
    default:
      return decodeUnknown(payload, msgtype, context)
  }
}

/** Who wrote, where and when; undefined if a required id is missing. */
function originOf(payload: unknown, { account, receivedAt }: BotContext) {
  const msgid = idOf(payload, 'msgid')
  const sender = idOf(fieldOf(payload, 'from'), 'userid')
  const corpid = idOf(fieldOf(payload, 'from'), 'corpid')
  const conversation = sender === undefined ? undefined : conversationOf(payload, sender, account)
  if (msgid === undefined || sender === undefined || conversation === undefined) return undefined
  const times = { receivedAt, ...createdAtOf(payload) }
  const company = corpid === undefined ? {} : { corpid }
  return {
    account,
    surface: 'bot',
    msgid,
    sender,
    conversation,
    ...company,
    ...times,
    ...responseUrlOf(payload),
  } as const
}

/** A message of a kind that we can't read. Its sender is notified; without a sender it is not a message of a user. */
function decodeUnknown(payload: unknown, msgtype: string, context: BotContext): Callback {
  const from = originOf(payload, context)
  if (from === undefined) return unhandled(context, msgtype)
  return { kind: 'message', inbound: { ...from, origin: 'message', text: '', unknownKind: msgtype } }
}

function decodeMessage(payload: unknown, msgtype: MessageType, context: BotContext): Callback {
  const from = originOf(payload, context)
  const content = contentOf(payload, msgtype)
  if (from === undefined || content === undefined) return unhandled(context, 'invalid')
  const { wordsAt = 0 } = content
  const unmentioned = removeMention(content.text.slice(wordsAt), context.botNames, from.conversation.kind === 'group')
  // An item with only the @name must not leave an empty line.
  const words = msgtype === 'mixed' ? unmentioned.replace(/^\n/, '') : unmentioned
  const own = content.text.slice(0, wordsAt) + words
  const quote = quoteOf(fieldOf(payload, 'quote'))
  // An empty text or voice message gets a notice later on. Any other empty message is a kind we do not know.
  if (own.trim() === '' && quote === undefined && msgtype === 'mixed') return unhandled(context, msgtype)
  const attachments = [...(quote?.attachments ?? []), ...content.attachments]
  const inbound: Inbound = {
    ...from,
    origin: 'message',
    text: own.toWellFormed(),
    ...(quote !== undefined && { before: quote.text.toWellFormed() }),
    ...(attachments.length > 0 && { attachments }),
    ...(content.isMediaOnly && quote === undefined && { isMediaOnly: true }),
  }
  return { kind: 'message', inbound }
}

function decodeRefresh(payload: unknown, context: BotContext): Callback {
  const streamId = idOf(fieldOf(payload, 'stream'), 'id')
  if (streamId === undefined) return unhandled(context, 'invalid')
  return { kind: 'refresh', account: context.account, streamId }
}

function decodeEvent(payload: unknown, context: BotContext): Callback {
  const eventtype = typeNameOf(fieldOf(payload, 'event'), 'eventtype')
  if (eventtype === undefined) return unhandled(context, 'invalid')
  if (eventtype === 'template_card_event') return decodeClick(payload, context)
  if (eventtype === 'feedback_event') return decodeFeedback(payload, context)
  if (eventtype !== 'enter_chat') return unhandled(context, `event:${eventtype}`)
  const msgid = idOf(payload, 'msgid')
  const sender = idOf(fieldOf(payload, 'from'), 'userid')
  if (msgid === undefined || sender === undefined) return unhandled(context, 'invalid')
  return { kind: 'enter', account: context.account, msgid, sender }
}

/** The platform's table spells these names without underscores; its examples and real callbacks have them. */
function decodeClick(payload: unknown, context: BotContext): Callback {
  const from = originOf(payload, context)
  if (from === undefined) return unhandled(context, 'invalid')
  const event = fieldOf(fieldOf(payload, 'event'), 'template_card_event')
  const cardType = stringOf(event, 'card_type') ?? stringOf(event, 'cardtype')
  const click: Click = {
    eventKey: stringOf(event, 'event_key') ?? stringOf(event, 'eventkey') ?? '',
    taskId: stringOf(event, 'task_id') ?? stringOf(event, 'taskid') ?? '',
    selected: selectionsOf(event),
    ...(cardType !== undefined && { cardType }),
  }
  return { kind: 'message', inbound: { ...from, origin: 'click', text: formatClick(click).toWellFormed(), click } }
}

const verdicts = new Map<unknown, Feedback['verdict']>([
  [1, 'accurate'],
  [2, 'inaccurate'],
  [3, 'withdrawn'],
])

function decodeFeedback(payload: unknown, context: BotContext): Callback {
  const key = idOf(payload, 'msgid')
  const event = fieldOf(fieldOf(payload, 'event'), 'feedback_event')
  const id = stringOf(event, 'id')
  const type = fieldOf(event, 'type')
  const verdict = verdicts.get(typeof type === 'string' ? Number(type) : type)
  if (key === undefined || id === undefined || verdict === undefined) return unhandled(context, 'invalid')
  const content = stringOf(event, 'content')?.toWellFormed()
  const reasons = listOf(fieldOf(event, 'inaccurate_reason_list')).filter(reason => typeof reason === 'number')
  const feedback: Feedback = { id, verdict, reasons, ...(content !== undefined && { content }) }
  return { kind: 'feedback', account: context.account, key, feedback }
}

function selectionsOf(event: unknown): Click['selected'] {
  const items = fieldOf(fieldOf(event, 'selected_items'), 'selected_item')
  return listOf(items).map(item => ({
    questionKey: stringOf(item, 'question_key') ?? '',
    optionIds: listOf(fieldOf(fieldOf(item, 'option_ids') ?? fieldOf(item, 'optionids'), 'option_id')).filter(
      id => typeof id === 'string',
    ),
  }))
}

function unhandled(context: BotContext, type: string): Callback {
  return { kind: 'unhandled', account: context.account, type }
}

/** Only group messages have a chatid, so it decides when `chattype` is missing or unknown. */
function conversationOf(payload: unknown, sender: string, account: string): Conversation | undefined {
  const chattype = fieldOf(payload, 'chattype')
  const isGroup = chattype === 'group' || (chattype !== 'single' && fieldOf(payload, 'chatid') !== undefined)
  if (!isGroup) return { account, kind: 'direct', id: sender }
  const id = idOf(payload, 'chatid')
  return id === undefined ? undefined : { account, kind: 'group', id }
}

function createdAtOf(payload: unknown): { createdAt?: number } {
  const createdAt = parseSeconds(fieldOf(payload, 'create_time'))
  return createdAt === undefined ? {} : { createdAt }
}

/** Both spellings occur in real callbacks. */
function responseUrlOf(payload: unknown): { responseUrl?: string } {
  const responseUrl = stringOf(payload, 'response_url') ?? stringOf(payload, 'responseurl')
  return responseUrl === undefined || responseUrl === '' ? {} : { responseUrl }
}
