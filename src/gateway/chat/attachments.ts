import type { AgentLimits, Ask, AskAttachment } from '../../domain/agent.ts'
import type { MediaBytes } from '../../domain/spool.ts'
import { isCode } from '../../errors.ts'
import { type Json, JsonText } from '../link/frames.ts'
import type { Hello } from '../link/handshake.ts'
import { neutralise, neutraliseRest } from './neutralise.ts'

/** Of a frame, for all that is not the bytes of attachments. */
const reservedBytes = 64 * 1024

/** What fits into one `chat.send`. */
export function limitsOf({ maxPayloadBytes, attachmentBytes, imageBytes }: Hello): AgentLimits {
  return {
    attachmentBytes,
    imageBytes: Math.min(imageBytes, attachmentBytes),
    questionBytes: Math.max(0, Math.floor((maxPayloadBytes - reservedBytes) / 4) * 3),
  }
}

/** Attachments as JSON, parted by commas, and the names of the files that cannot be read any more. */
export interface Encoded {
  readonly items: string
  readonly unread: readonly string[]
}

/** Reads the bytes now. Rejects when a file is there and cannot be read for the moment. */
export async function encodeAttachments(attachments: readonly AskAttachment[]): Promise<Encoded> {
  let items = ''
  const unread: string[] = []
  for (const attachment of attachments) {
    const { kind: type, mimeType, fileName } = attachment
    const content = await base64Of(attachment)
    if (content === '') unread.push(fileName)
    else items += `${items && ','}${JSON.stringify({ type, mimeType, fileName }).slice(0, -1)},"content":"${content}"}`
  }
  return { items, unread }
}

/** The params of `chat.send`; the agent reads of each file that could not be read. */
export function encodeQuestion(ask: Ask, key: string, { items, unread }: Encoded): Json | JsonText {
  const { sessionKey, message, isCommand = false } = ask
  const lines = [message, ...unread.map(name => `[${name}: could not be read]`)].filter(line => line !== '')
  const text = isCommand ? neutraliseRest(lines.join('\n')) : neutralise(lines.join('\n'))
  const params = { sessionKey, message: text, idempotencyKey: key, queueMode: 'followup' }
  return items === '' ? params : new JsonText(`${JSON.stringify(params).slice(0, -1)},"attachments":[${items}]}`)
}

/** Nothing for a file that is gone or empty: the gateway refuses a whole question for an attachment without bytes. */
async function base64Of(source: MediaBytes): Promise<string> {
  let text = '' // never a flat copy of its own: the pieces are put together when the frame leaves
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

/** A door that lets `most` pieces of work in at a time; the others wait outside, in order. */
export class Semaphore {
  private room: number
  private readonly queue: (() => void)[] = []

  constructor(most: number) {
    this.room = most
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.room > 0) this.room--
    else await new Promise<void>(resolve => void this.queue.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.queue.shift()
      if (next === undefined) this.room++
      else next()
    }
  }
}
