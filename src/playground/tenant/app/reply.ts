import { decrypt, getSignature } from '@wecom/crypto'
import type { Secrets } from '../reply.ts'
import { parseXml } from './xml.ts'

/** A decoded answer of an app. `fields` are the elements of a passive reply. */
export interface AppReply {
  readonly kind: 'empty' | 'success' | 'xml' | 'invalid'
  readonly fields?: Readonly<Record<string, unknown>>
  readonly violations: readonly string[]
}

/** The callback that an answer belongs to. `event` is absent for a message. */
export interface ReplyContext {
  readonly userid: string
  readonly event?: string
}

const replyTypes = ['text', 'image', 'voice', 'video', 'news']
const cardReplyTypes = ['update_button', 'update_template_card']
const cardEvents = ['template_card_event', 'template_card_menu_event']
const answerableEvents = [
  'subscribe',
  'enter_agent',
  'LOCATION',
  'click',
  'view',
  'view_miniprogram',
  'scancode_waitmsg',
]

/** Decrypts the body of a 200 answer and lists every WeCom rule that it breaks. */
export function openAppReply(body: string, asked: ReplyContext, now: number, secrets: Secrets): AppReply {
  if (body === '') return { kind: 'empty', violations: [] }
  if (body === 'success') return { kind: 'success', violations: [] }
  const envelope = parseXml(body)
  if (!envelope) return invalid('the body is neither empty nor success nor XML')
  const { Encrypt: sealed, MsgSignature: signature, TimeStamp: timestamp, Nonce: nonce } = envelope
  if (typeof sealed !== 'string') return invalid('the envelope has no Encrypt')
  const violations: string[] = []
  if (!/^\d+$/.test(String(timestamp)) || Math.abs(Number(timestamp) * 1_000 - now) > 300_000)
    violations.push('TimeStamp is not now, in seconds')
  if (signature !== getSignature(secrets.token, String(timestamp), String(nonce), sealed))
    violations.push('MsgSignature does not match')
  const fields = open(sealed, secrets, violations)
  if (!fields) return { kind: 'invalid', violations }
  return { kind: 'xml', fields, violations: [...violations, ...findViolations(fields, asked, secrets)] }
}

function invalid(violation: string): AppReply {
  return { kind: 'invalid', violations: [violation] }
}

function open(sealed: string, secrets: Secrets, violations: string[]): Readonly<Record<string, unknown>> | undefined {
  try {
    const { message, id } = decrypt(secrets.encodingAESKey, sealed)
    if (id !== secrets.receiveId) violations.push('the receiveid of the answer is not the corpId')
    const fields = parseXml(message)
    if (!fields) violations.push('the decrypted answer is not XML')
    return fields
  } catch {
    violations.push('Encrypt cannot be decrypted')
    return undefined
  }
}

function findViolations(
  fields: Readonly<Record<string, unknown>>,
  { userid, event }: ReplyContext,
  secrets: Secrets,
): string[] {
  const type = String(fields['MsgType'])
  const isTurned = fields['ToUserName'] === userid && fields['FromUserName'] === secrets.receiveId
  return [
    ...(isTurned ? [] : ['ToUserName and FromUserName are not swapped']),
    ...(isLegal(type, event) ? [] : [`MsgType ${type} is not a legal answer to ${event ?? 'a message'}`]),
  ]
}

function isLegal(type: string, event: string | undefined): boolean {
  if (cardReplyTypes.includes(type)) return event !== undefined && cardEvents.includes(event)
  if (!replyTypes.includes(type)) return false
  return event === undefined || answerableEvents.includes(event) || cardEvents.includes(event)
}
