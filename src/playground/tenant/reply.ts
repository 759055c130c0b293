import { createHash } from 'node:crypto'
import { decrypt, getSignature } from '@wecom/crypto'
import { isObject, parseObject } from '../../domain/json.ts'
import { isPicture } from './api/upload.ts'

export type CallbackKind = 'message' | 'refresh' | 'enter' | 'event'

export interface Secrets {
  readonly token: string
  readonly encodingAESKey: string
  readonly receiveId: string
}

/** A decoded answer. `plain` is the decrypted JSON, absent for the empty packet. */
export interface OpenedReply {
  readonly plain?: Readonly<Record<string, unknown>>
  readonly stream?: { readonly id: string; readonly content: string; readonly finish: boolean; readonly images: number }
  readonly text?: string
  readonly violations: readonly string[]
}

const streamBytes = 20_480
const imageBytes = 10 * 1024 * 1024

const legalTypes: Readonly<Record<CallbackKind, readonly string[]>> = {
  message: ['stream', 'template_card', 'stream_with_template_card'],
  refresh: ['stream', 'stream_with_template_card'],
  enter: ['text', 'template_card'],
  event: [],
}

/** Decrypts the body of a 200 answer and lists every WeCom rule that it breaks. */
export function openReply(body: string, kind: CallbackKind, nonce: string, now: number, secrets: Secrets): OpenedReply {
  if (body === '') return { violations: [] }
  const violations: string[] = []
  const envelope = parseObject(body)
  if (!envelope) return { violations: ['the body is neither empty nor a JSON object'] }
  const { encrypt, msgsignature, timestamp } = envelope
  if (typeof encrypt !== 'string') return { violations: ['the envelope has no encrypt'] }
  if (envelope['nonce'] !== nonce) violations.push("the nonce of the envelope is not the callback's")
  if (typeof timestamp !== 'number' || !Number.isInteger(timestamp)) {
    violations.push('the timestamp of the envelope is not a whole number')
  } else if (Math.abs(timestamp * 1000 - now) > 300_000)
    violations.push('the timestamp of the envelope is not the current time in seconds')
  if (msgsignature !== getSignature(secrets.token, String(timestamp), String(envelope['nonce']), encrypt)) {
    violations.push('msgsignature does not match')
  }
  const plain = openEnvelope(encrypt, secrets, violations)
  if (!plain || Object.keys(plain).length === 0) return { violations }
  return { ...readBody(plain, kind, violations), plain, violations }
}

function openEnvelope(encrypt: string, secrets: Secrets, violations: string[]): Record<string, unknown> | undefined {
  try {
    const { message, id } = decrypt(secrets.encodingAESKey, encrypt)
    if (id !== secrets.receiveId) violations.push("the receiveid of the answer is not the Bot's")
    const plain = parseObject(message)
    if (!plain) violations.push('the decrypted answer is not a JSON object')
    return plain
  } catch {
    violations.push('encrypt cannot be decrypted')
    return undefined
  }
}

function readBody(plain: Record<string, unknown>, kind: CallbackKind, violations: string[]): Partial<OpenedReply> {
  const msgtype = String(plain['msgtype'])
  if (kind === 'event' && plain['response_type'] === 'update_template_card') return {}
  if (!legalTypes[kind].includes(msgtype)) {
    violations.push(`msgtype ${msgtype} is not a legal answer to ${kind}`)
    return {}
  }
  if (msgtype === 'text') return readText(plain['text'], violations)
  if (msgtype === 'template_card') return {}
  return readStream(plain['stream'], kind, violations)
}

function readText(text: unknown, violations: string[]): Partial<OpenedReply> {
  const content = isObject(text) ? text['content'] : undefined
  if (typeof content === 'string' && content !== '') return { text: content }
  violations.push('text.content is not a text')
  return {}
}

function readStream(stream: unknown, kind: CallbackKind, violations: string[]): Partial<OpenedReply> {
  if (!isObject(stream)) {
    violations.push('the answer has no stream')
    return {}
  }
  const { id, content, finish, feedback } = stream
  if (typeof id !== 'string' || !/^[\x21-\x7e]{1,64}$/.test(id))
    violations.push('stream.id is not 1 to 64 ASCII characters')
  if (typeof finish !== 'boolean') violations.push('stream.finish is not a boolean')
  if (typeof content !== 'string') {
    violations.push('stream.content is not a text')
    return {}
  }
  const bytes = Buffer.byteLength(content)
  if (bytes > streamBytes) violations.push(`stream.content has ${bytes} bytes, more than ${streamBytes}`)
  if (finish === true && isInvisible(content)) violations.push('the finish frame shows nothing')
  if (feedback !== undefined) checkFeedback(feedback, kind, violations)
  const images = checkImages(stream['msg_item'], finish === true, violations)
  return { stream: { id: String(id), content, finish: finish === true, images } }
}

function checkFeedback(feedback: unknown, kind: CallbackKind, violations: string[]): void {
  const id = isObject(feedback) ? feedback['id'] : undefined
  if (kind !== 'message') violations.push('feedback is legal in the first answer only')
  if (typeof id !== 'string' || id === '' || Buffer.byteLength(id) > 256) {
    violations.push('feedback.id is not 1 to 256 bytes')
  }
}

/** Checks the pictures of a final frame and returns their number. */
function checkImages(items: unknown, finish: boolean, violations: string[]): number {
  if (items === undefined) return 0
  if (!finish) violations.push('msg_item is legal in the finish frame only')
  if (!Array.isArray(items) || items.length > 10) {
    violations.push('msg_item is not a list of at most 10')
    return 0
  }
  for (const item of items) {
    const image = isObject(item) && item['msgtype'] === 'image' ? item['image'] : undefined
    const fault = isObject(image) ? imageFault(image) : 'is not an image'
    if (fault !== undefined) violations.push(`an item of msg_item ${fault}`)
  }
  return items.length
}

function imageFault({ base64, md5 }: Record<string, unknown>): string | undefined {
  if (typeof base64 !== 'string' || typeof md5 !== 'string') return 'has no base64 or md5'
  const raw = Buffer.from(base64, 'base64')
  if (raw.length > imageBytes) return 'is larger than 10 MB'
  if (createHash('md5').update(raw).digest('hex') !== md5) return 'has a wrong md5'
  return isPicture(raw) ? undefined : 'is neither PNG nor JPEG'
}

/** WeCom ignores a final frame without visible text, and the thinking animation never ends. */
function isInvisible(content: string): boolean {
  return content.replaceAll(/<think>\s*<\/think>|[\s\p{Cf}]/gu, '') === ''
}
