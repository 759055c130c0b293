import type { AgentLimits, Ask, AskAttachment } from '../../domain/agent.ts'
import type { MediaBytes } from '../../domain/spool.ts'
import { isCode } from '../../errors.ts'
import { type Json, JsonText } from '../link/frames.ts'
import type { Hello } from '../link/handshake.ts'
import { neutralise, neutraliseArguments } from './neutralise.ts'

/** Room in a frame for everything except the attachments' bytes. */
const frameOverheadBytes = 64 * 1024

/** The limits of one `chat.send`, in bytes before base64. */
export function limitsOf({ maxPayloadBytes, attachmentBytes, imageBytes }: Hello): AgentLimits {
  return {
    attachmentBytes,
    imageBytes: Math.min(imageBytes, attachmentBytes),
    questionBytes: Math.max(0, Math.floor((maxPayloadBytes - frameOverheadBytes) / 4) * 3),
  }
}

/** `items`: attachments as JSON objects, separated by commas. `unreadable`: names of files that are gone or empty. */
export interface EncodedAttachments {
  readonly items: string
  readonly unreadable: readonly string[]
}

/** Reads the attachments. Rejects when a file exists but cannot be read right now, so that the question is retried. */
export async function encodeAttachments(attachments: readonly AskAttachment[]): Promise<EncodedAttachments> {
  let items = ''
  const unreadable: string[] = []
  for (const attachment of attachments) {
    const { kind: type, mimeType, fileName } = attachment
    const content = await base64Of(attachment)
    if (content === '') unreadable.push(fileName)
    else items += `${items && ','}${JSON.stringify({ type, mimeType, fileName }).slice(0, -1)},"content":"${content}"}`
  }
  return { items, unreadable }
}

/** Encodes the params of `chat.send`. The message gets one line for each unreadable file, so that the agent knows. */
export function encodeQuestion(ask: Ask, key: string, { items, unreadable }: EncodedAttachments): Json | JsonText {
  const { sessionKey, message, isCommand = false } = ask
  const lines = [message, ...unreadable.map(name => `[${name}: could not be read]`)].filter(line => line !== '')
  const text = isCommand ? neutraliseArguments(lines.join('\n')) : neutralise(lines.join('\n'))
  const params = { sessionKey, message: text, idempotencyKey: key, queueMode: 'followup' }
  return items === '' ? params : new JsonText(`${JSON.stringify(params).slice(0, -1)},"attachments":[${items}]}`)
}

/** Returns '' for a missing or empty file. The gateway rejects the whole question if one attachment has no bytes. */
async function base64Of(source: MediaBytes): Promise<string> {
  let text = '' // grows as a rope; it is flattened once, when the frame is sent
  let rest = Buffer.alloc(0)
  try {
    for await (const piece of source.open()) {
      const bytes = Buffer.concat([rest, piece])
      const whole = bytes.length - (bytes.length % 3)
      text += bytes.toString('base64', 0, whole)
      rest = bytes.subarray(whole)
    }
  } catch (error) {
    if (isCode(error, 'not_found')) return ''
    throw error
  }
  return text + rest.toString('base64')
}

/** Runs at most `limit` tasks at a time. The others wait in order of arrival. */
export class Semaphore {
  private free: number
  private readonly waiting: (() => void)[] = []

  constructor(limit: number) {
    this.free = limit
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--
    else await new Promise<void>(resolve => void this.waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.waiting.shift()
      if (next === undefined) this.free++
      else next()
    }
  }
}
