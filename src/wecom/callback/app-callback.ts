import { type Attachment, type Callback, type Click, formatClick, type Inbound } from '../../domain/message.ts'
import { parseId, parseSeconds, parseTypeName } from './values.ts'
import { childrenOf, type Element, parseXml, textOf } from './xml.ts'

/** Facts from the endpoint that are not in the payload. `receivedAt` is in epoch milliseconds. */
export interface AppContext {
  readonly account: string
  readonly receivedAt: number
}

/** A callback, and the AgentID the payload names. */
export interface AppCallback {
  readonly callback: Callback
  readonly agentid?: string
}

/**
 * Decodes the decrypted XML of an app's callback. Never throws. An unknown message or event is `unhandled` with its type
 * name; a malformed payload is `unhandled` with the type `invalid`.
 */
export function decodeAppCallback(xml: string, context: AppContext): AppCallback {
  const payload = parseXml(xml)
  if (payload === undefined) return { callback: unhandled(context, 'invalid') }
  const callback = decodePayload(payload, context)
  const agentid = trimmedTextOf(payload, 'AgentID')
  return agentid === '' ? { callback } : { callback, agentid }
}

const messageTypes = ['text', 'image', 'voice', 'video', 'file', 'location', 'link'] as const
type MessageType = (typeof messageTypes)[number]

/** Events about unused apps. Their sender is undocumented and irrelevant. */
const activityEvents: readonly string[] = [
  'inactive_alert',
  'close_inactive_agent',
  'reopen_inactive_agent',
  'low_active_alert',
  'low_active',
  'active_restored',
]

function decodePayload(payload: Element, context: AppContext): Callback {
  const msgtype = parseTypeName(trimmedTextOf(payload, 'MsgType'))
  if (msgtype === undefined) return unhandled(context, 'invalid')
  if (msgtype === 'event') return decodeEvent(payload, context)
  const known = messageTypes.find(type => type === msgtype)
  if (isFromSystem(payload)) return unhandled(context, msgtype)
  return known === undefined ? decodeUnknown(payload, msgtype, context) : decodeMessage(payload, known, context)
}

/** A message of a kind that we can't read. Its sender learns that. */
function decodeUnknown(payload: Element, msgtype: string, context: AppContext): Callback {
  const msgid = parseId(trimmedTextOf(payload, 'MsgId'))
  if (msgid === undefined) return unhandled(context, msgtype)
  return message(payload, context, { origin: 'app', msgid, text: '', unknownKind: msgtype })
}

function decodeMessage(payload: Element, msgtype: MessageType, context: AppContext): Callback {
  const msgid = parseId(trimmedTextOf(payload, 'MsgId'))
  const content = contentOf(payload, msgtype)
  if (msgid === undefined || content === undefined) return unhandled(context, 'invalid')
  if (content.text.trim() === '') return unhandled(context, msgtype)
  return message(payload, context, { origin: 'app', msgid, ...content })
}

function decodeEvent(payload: Element, context: AppContext): Callback {
  const event = parseTypeName(trimmedTextOf(payload, 'Event'))
  if (event === undefined) return unhandled(context, 'invalid')
  const key = eventKeyOf(payload)
  if (activityEvents.includes(event)) {
    const effectAt = parseSeconds(trimmedTextOf(payload, 'EffectTime'))
    return { kind: 'activity', account: context.account, key, event, ...(effectAt !== undefined && { effectAt }) }
  }
  if (isFromSystem(payload)) return unhandled(context, `event:${event}`)
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

/** Builds an inbound message. Apps receive no group messages, so every conversation is with the sender. */
function message(
  payload: Element,
  context: AppContext,
  content: Pick<Inbound, 'origin' | 'msgid' | 'text' | 'attachments' | 'isMediaOnly' | 'unknownKind' | 'click'>,
): Callback {
  const sender = senderOf(payload)
  if (sender === undefined) return unhandled(context, 'invalid')
  const { account, receivedAt } = context
  const createdAt = parseSeconds(trimmedTextOf(payload, 'CreateTime'))
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

/** The text for the agent and the media to fetch; undefined when a required field is missing. */
function contentOf(payload: Element, msgtype: MessageType): Content | undefined {
  switch (msgtype) {
    case 'text': {
      const text = textOf(payload, 'Content')
      return text === undefined ? undefined : { text }
    }
    case 'image':
    case 'video':
      return { text: `[${msgtype}]`, ...attachmentOf(payload, msgtype) }
    case 'voice': {
      // `Recognition` (a transcript) is undocumented, but has been seen.
      const spoken = textOf(payload, 'Recognition') ?? ''
      return spoken.trim() === '' ? { text: '[voice]', ...voiceOf(payload) } : { text: spoken }
    }
    case 'file': {
      const fileName = trimmedTextOf(payload, 'FileName') || trimmedTextOf(payload, 'Title')
      return { text: fileName === '' ? '[file]' : `[file ${fileName}]`, ...attachmentOf(payload, 'file', fileName) }
    }
    case 'location':
      return locationOf(payload)
    case 'link':
      return linkOf(payload)
    default:
      return msgtype satisfies never
  }
}

function voiceOf(payload: Element): Pick<Inbound, 'attachments' | 'isMediaOnly'> {
  const { attachments, ...rest } = attachmentOf(payload, 'voice')
  const isSpeex = trimmedTextOf(payload, 'Format').toLowerCase() === 'speex'
  if (attachments === undefined || !isSpeex) return { ...rest, ...(attachments && { attachments }) }
  return { ...rest, attachments: attachments.map(one => ({ ...one, format: 'speex' as const })) }
}

function attachmentOf(
  payload: Element,
  kind: Attachment['kind'],
  fileName = '',
): Pick<Inbound, 'attachments' | 'isMediaOnly'> {
  const mediaId = trimmedTextOf(payload, 'MediaId')
  if (mediaId === '') return {}
  return { attachments: [{ kind, mediaId, ...(fileName !== '' && { fileName }) }], isMediaOnly: true }
}

function locationOf(payload: Element): Content | undefined {
  const latitude = trimmedTextOf(payload, 'Location_X')
  const longitude = trimmedTextOf(payload, 'Location_Y')
  if (latitude === '' || longitude === '') return undefined
  return { text: joinWords('[location]', trimmedTextOf(payload, 'Label'), `(${latitude},${longitude})`) }
}

function linkOf(payload: Element): Content | undefined {
  const url = trimmedTextOf(payload, 'Url')
  return url === '' ? undefined : { text: joinWords('[link]', trimmedTextOf(payload, 'Title'), url) }
}

function clickOf(payload: Element): Click {
  const items = childrenOf(payload, 'SelectedItems').flatMap(list => childrenOf(list, 'SelectedItem'))
  const cardType = trimmedTextOf(payload, 'CardType')
  const responseCode = trimmedTextOf(payload, 'ResponseCode')
  return {
    eventKey: trimmedTextOf(payload, 'EventKey'),
    taskId: trimmedTextOf(payload, 'TaskId'),
    selected: items.map(item => ({
      questionKey: trimmedTextOf(item, 'QuestionKey'),
      optionIds: childrenOf(item, 'OptionIds')
        .flatMap(ids => childrenOf(ids, 'OptionId'))
        .map(option => option.text.trim()),
    })),
    ...(cardType !== '' && { cardType }),
    ...(responseCode !== '' && { responseCode }),
  }
}

function joinWords(...words: readonly string[]): string {
  return words.filter(word => word !== '').join(' ')
}

/** The key for detecting repeated events, which have no MsgId. Sender and time alone would merge two quick clicks. */
function eventKeyOf(payload: Element): string {
  const names = ['FromUserName', 'CreateTime', 'Event', 'EventKey', 'TaskId', 'AgentID']
  const parts = names.map(name => trimmedTextOf(payload, name))
  return new Bun.CryptoHasher('sha256').update(parts.join('\0')).digest('hex').slice(0, 32)
}

/** Whether the platform itself is the sender: `sys`, or no sender at all. */
function isFromSystem(payload: Element): boolean {
  const name = trimmedTextOf(payload, 'FromUserName')
  return name === '' || name === 'sys'
}

function senderOf(payload: Element): string | undefined {
  return parseId(trimmedTextOf(payload, 'FromUserName'))
}

/** The trimmed text of a child element (an id, a number or a name); empty when it is missing. */
function trimmedTextOf(element: Element, name: string): string {
  return textOf(element, name)?.trim() ?? ''
}
