import type { AgentLimits } from '../../domain/agent.ts'
import type { Job } from '../../domain/job.ts'
import { limits } from '../../domain/limits.ts'
import { type Attachment, formatQuestion, type Inbound } from '../../domain/message.ts'
import type { Fetched } from '../../domain/ports.ts'
import type { Turn, TurnAttachment } from '../../domain/turn.ts'
import type { Translate } from '../notices/notices.ts'
import { queuedJob } from '../fallback/queued.ts'
import { formatSpoolName } from './spool-name.ts'

/** A question waits at most so long for its media; a link of the Bot is valid a little longer. In a group all wait with it. */
const waitMs = { direct: 240_000, group: 60_000 } as const

/** The media of a new message, to be fetched. */
export function pendingAttachments({ attachments = [] }: Inbound, streamId: string): readonly TurnAttachment[] {
  return attachments.map((attachment, index) => ({
    ...attachment,
    state: 'pending',
    file: formatSpoolName('media', streamId, index),
  }))
}

/** One for each medium that a message brought. */
export function fetchJobs(turn: Turn): readonly Job[] {
  return (turn.attachments ?? []).map(({ kind, url, mediaId, fileName, file }, index) => {
    const attachment: Attachment = {
      kind,
      ...(url && { url }),
      ...(mediaId && { mediaId }),
      ...(fileName && { fileName }),
    }
    return queuedJob(turn, {
      id: `${turn.id}:media${index}`,
      queue: 'media',
      body: { kind: 'fetch', attachment, file },
      dueAt: turn.receivedAt,
      expiresAt: turn.receivedAt + limits.mediaUrlMs,
    })
  })
}

/** When a question may go: once its media are there, and no text of the same sender is waited for. */
export function askableAt({ attachments = [], joinUntil = 0, receivedAt, conversation }: Turn): number {
  const isPending = attachments.some(({ state }) => state === 'pending')
  return Math.max(isPending ? receivedAt + waitMs[conversation.kind] : receivedAt, joinUntil)
}

/** The turn with one of its media fetched, or not to be had; undefined when that is known already. */
export function settleAttachment(
  turn: Turn,
  file: string,
  fetched: Exclude<Fetched, { kind: 'later' }>,
): Turn | undefined {
  const { attachments = [] } = turn
  if (!attachments.some(one => one.file === file && one.state === 'pending')) return undefined
  return { ...turn, attachments: attachments.map(one => (one.file === file ? settled(one, fetched) : one)) }
}

function settled(one: TurnAttachment, fetched: Exclude<Fetched, { kind: 'later' }>): TurnAttachment {
  if (fetched.kind === 'failed') {
    const { problem, fileName } = fetched
    return { ...one, state: 'failed', problem, ...(fileName !== undefined && { fileName }) }
  }
  const { bytes, mimeType, fileName } = fetched
  return { ...one, state: 'kept', bytes, mimeType, fileName }
}

/** What is asked, with the media as they are then: what cannot go with it is said in its place, and to the user. */
export interface PreparedQuestion {
  readonly question: string
  readonly attachments?: readonly TurnAttachment[]
  readonly preface?: string
}

/** Freezes a question. `room` is what the gateway takes; undefined while that is not known. */
export function prepareQuestion(turn: Turn, room: AgentLimits | undefined, translate: Translate): PreparedQuestion {
  const { conversation, sender, text } = turn
  if (turn.attachments === undefined) return { question: formatQuestion(conversation, sender, text) }
  const attachments = fit(turn.attachments, room)
  const failed = attachments.filter(one => one.problem !== undefined)
  const lines = [nameQuoted(text, attachments), ...failed.map(lineOf)]
  const sentences = failed.map(one =>
    translate({ key: 'media_problem', name: nameOf(one), problem: one.problem ?? 'late' }),
  )
  const preface = [...(turn.preface === undefined ? [] : [turn.preface]), ...sentences].join('\n')
  return {
    question: formatQuestion(conversation, sender, lines.join('\n')),
    attachments,
    ...(preface !== '' && { preface }),
  }
}

/** A quoted file stands in the text without its name, which only the server knew that it was fetched from. */
function nameQuoted(text: string, attachments: readonly TurnAttachment[]): string {
  const names = attachments.filter(one => one.isQuoted && one.kind === 'file').map(one => one.fileName)
  return text.replace(/^> \[quoted file\]$/gm, line => {
    const name = names.shift()
    return name === undefined ? line : `> [quoted file ${name}]`
  })
}

function fit(attachments: readonly TurnAttachment[], room: AgentLimits | undefined): readonly TurnAttachment[] {
  let left = room?.questionBytes ?? 0
  return attachments.map(one => {
    if (one.state === 'failed') return one
    if (one.state === 'pending') return { ...one, state: 'failed', problem: 'late' }
    const bytes = one.bytes ?? 0
    if (room === undefined || bytes > mostOf(one, room) || bytes > left)
      return { ...one, state: 'failed', problem: 'too_large_for_agent' }
    left -= bytes
    return one
  })
}

/** The gateway knows a picture by its bytes, whatever it is called. */
function mostOf({ mimeType }: TurnAttachment, { attachmentBytes, imageBytes }: AgentLimits): number {
  return mimeType?.startsWith('image/') ? imageBytes : attachmentBytes
}

function lineOf(one: TurnAttachment): string {
  if (one.problem === 'too_large_for_agent')
    return `[${nameOf(one)}, ${sizeOf(one.bytes ?? 0)}: too large for the gateway]`
  return `[${nameOf(one)}: could not be fetched]`
}

function nameOf({ fileName, kind }: Attachment): string {
  return fileName ?? kind
}

function sizeOf(bytes: number): string {
  return bytes < 1_048_576 ? `${Math.ceil(bytes / 1024)} KB` : `${Math.round(bytes / 1_048_576)} MB`
}
