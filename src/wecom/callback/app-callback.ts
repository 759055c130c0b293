import { type Attachment, type Callback, type Click, formatClick, type Inbound } from '../../domain/message.ts'
import { parseId, parseSeconds, parseTypeName } from './values.ts'
import { childrenOf, type Element, parseXml, textOf } from './xml.ts'

/** What the endpoint knows that the payload does not say. */
export interface AppContext {
  readonly account: string
  readonly receivedAt: number
}

/** A callback and the app that the platform says it is for. */
export interface AppCallback {
  readonly callback: Callback
  readonly agentid?: string
}

/**
 * Decodes the decrypted XML of an app's callback. Never throws: what is newer than us is `unhandled` with its type, what
 * makes no sense is `unhandled` with the type `invalid`.
 */
export function decodeAppCallback(xml: string, context: AppContext): AppCallback {
  const payload = parseXml(xml)
  if (payload === undefined) return { callback: unhandled(context, 'invalid') }
  const callback = decodePayload(payload, context)
  const agentid = wordOf(payload, 'AgentID')
  return agentid === '' ? { callback } : { callback, agentid }
}

const messageTypes = ['text', 'image', 'voice', 'video', 'file', 'location', 'link'] as const
type MessageType = (typeof messageTypes)[number]

/** Events of unused apps; from whom they come is not documented, and does not matter. */
const activities: readonly string[] = [
  'inactive_alert',
  'close_inactive_agent',
  'reopen_inactive_agent',
  'low_active_alert',
  'low_active',
  'active_restored',
]

function decodePayload(payload: Element, context: AppContext): Callback {
  const msgtype = parseTypeName(wordOf(payload, 'MsgType'))
  if (msgtype === undefined) return unhandled(context, 'invalid')
  if (msgtype === 'event') return decodeEvent(payload, context)
  const known = messageTypes.find(type => type === msgtype)
  if (known === undefined || isNobody(payload)) return unhandled(context, msgtype)
  return decodeMessage(payload, known, context)
}

function decodeMessage(payload: Element, msgtype: MessageType, context: AppContext): Callback {
  const msgid = parseId(wordOf(payload, 'MsgId'))
  const content = contentOf(payload, msgtype)
  if (msgid === undefined || content === undefined) return unhandled(context, 'invalid')
  if (content.text.trim() === '') return unhandled(context, msgtype)
  return message(payload, context, { origin: 'app', msgid, ...content })
}

function decodeEvent(payload: Element, context: AppContext): Callback {
  const event = parseTypeName(wordOf(payload, 'Event'))
  if (event === undefined) return unhandled(context, 'invalid')
  const key = eventKeyOf(payload)
  if (activities.includes(event)) {
    const effectAt = parseSeconds(wordOf(payload, 'EffectTime'))
    return { kind: 'activity', account: context.account, key, event, ...(effectAt !== undefined && { effectAt }) }
  }
  if (isNobody(payload)) return unhandled(context, `event:${event}`)
  switch (event) {
    case 'subscribe':
    case 'enter_agent': {
      const sender = senderOf(payload)
      if (sender === undefined) return unhandled(context, 'invalid')
      return { kind: 'greet', account: context.account, key, sender, event }
    }
    case 'template_card_event':
    case 'template_card_menu_event':
      return message(payload, context, clickMessage(payload, key))
    default:
      return unhandled(context, `event:${event}`)
  }
}

function clickMessage(payload: Element, key: string) {
  const click = clickOf(payload)
  return { origin: 'click', msgid: key, text: formatClick(click), click } as const
}

function unhandled(context: AppContext, type: string): Callback {
  return { kind: 'unhandled', account: context.account, type }
}

/** An app gets no messages of groups, so that every conversation is with the sender. */
function message(
  payload: Element,
  context: AppContext,
  content: Pick<Inbound, 'origin' | 'msgid' | 'text' | 'attachments' | 'isMediaOnly' | 'click'>,
): Callback {
  const sender = senderOf(payload)
  if (sender === undefined) return unhandled(context, 'invalid')
  const { account, receivedAt } = context
  const createdAt = parseSeconds(wordOf(payload, 'CreateTime'))
  const inbound: Inbound = {
    account,
    surface: 'app',
    sender,
    conversation: { account, kind: 'direct', id: sender },
    receivedAt,
    ...content,
    ...(createdAt !== undefined && { createdAt }),
  }
  return { kind: 'message', inbound }
}

type Content = Pick<Inbound, 'text' | 'attachments' | 'isMediaOnly'>

/** What the agent reads, and what can be fetched; undefined when the message is not what the platform promises. */
function contentOf(payload: Element, msgtype: MessageType): Content | undefined {
  switch (msgtype) {
    case 'text': {
      const text = textOf(payload, 'Content')
      return text === undefined ? undefined : { text }
    }
    case 'image':
    case 'video':
      return { text: `[${msgtype}]`, ...attached(payload, msgtype) }
    case 'voice': {
      // Recognition is on no page, but has been seen.
      const spoken = textOf(payload, 'Recognition') ?? ''
      return spoken.trim() === '' ? { text: '[voice]', ...attached(payload, 'voice') } : { text: spoken }
    }
    case 'file': {
      const fileName = wordOf(payload, 'FileName') || wordOf(payload, 'Title')
      return { text: fileName === '' ? '[file]' : `[file ${fileName}]`, ...attached(payload, 'file', fileName) }
    }
    case 'location':
      return locationOf(payload)
    case 'link':
      return linkOf(payload)
    default:
      return msgtype satisfies never
  }
}

function attached(
  payload: Element,
  kind: Attachment['kind'],
  fileName = '',
): Pick<Inbound, 'attachments' | 'isMediaOnly'> {
  const mediaId = wordOf(payload, 'MediaId')
  if (mediaId === '') return {}
  return { attachments: [{ kind, mediaId, ...(fileName !== '' && { fileName }) }], isMediaOnly: true }
}

function locationOf(payload: Element): Content | undefined {
  const latitude = wordOf(payload, 'Location_X')
  const longitude = wordOf(payload, 'Location_Y')
  if (latitude === '' || longitude === '') return undefined
  return { text: spaced('[location]', wordOf(payload, 'Label'), `(${latitude},${longitude})`) }
}

function linkOf(payload: Element): Content | undefined {
  const url = wordOf(payload, 'Url')
  return url === '' ? undefined : { text: spaced('[link]', wordOf(payload, 'Title'), url) }
}

function clickOf(payload: Element): Click {
  const items = childrenOf(payload, 'SelectedItems').flatMap(list => childrenOf(list, 'SelectedItem'))
  const cardType = wordOf(payload, 'CardType')
  const responseCode = wordOf(payload, 'ResponseCode')
  return {
    eventKey: wordOf(payload, 'EventKey'),
    taskId: wordOf(payload, 'TaskId'),
    selected: items.map(item => ({
      questionKey: wordOf(item, 'QuestionKey'),
      optionIds: childrenOf(item, 'OptionIds')
        .flatMap(ids => childrenOf(ids, 'OptionId'))
        .map(option => option.text.trim()),
    })),
    ...(cardType !== '' && { cardType }),
    ...(responseCode !== '' && { responseCode }),
  }
}

function spaced(...words: readonly string[]): string {
  return words.filter(word => word !== '').join(' ')
}

/** By which a repetition of an event is known; events have no MsgId. Sender and second alone would merge two clicks. */
function eventKeyOf(payload: Element): string {
  const names = ['FromUserName', 'CreateTime', 'Event', 'EventKey', 'TaskId', 'AgentID']
  const parts = names.map(name => wordOf(payload, name))
  return new Bun.CryptoHasher('sha256').update(parts.join('\0')).digest('hex').slice(0, 32)
}

/** What the platform itself causes comes from `sys` or from nobody. */
function isNobody(payload: Element): boolean {
  const name = wordOf(payload, 'FromUserName')
  return name === '' || name === 'sys'
}

function senderOf(payload: Element): string | undefined {
  return parseId(wordOf(payload, 'FromUserName'))
}

/** An id, a number or a name: the text without the space around it, empty when there is none. */
function wordOf(element: Element, name: string): string {
  return textOf(element, name)?.trim() ?? ''
}
