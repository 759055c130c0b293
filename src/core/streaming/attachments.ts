import type { AgentLimits } from '../../domain/agent.ts'
import type { Job } from '../../domain/job.ts'
import { limits } from '../../domain/limits.ts'
import { type Attachment, formatQuestion, type Inbound } from '../../domain/message.ts'
import type { Fetched } from '../../domain/ports.ts'
import type { Turn, TurnAttachment } from '../../domain/turn.ts'
import type { Translate } from '../notices/notices.ts'
import { queuedJob } from '../fallback/queued.ts'
import { formatSpoolName } from './spool-name.ts'

/**
 * How long a question waits for its media. A link of the Bot is valid for five minutes. In a group the wait is shorter,
 * because everyone's questions are queued after this one.
 */
const waitMs = { direct: 240_000, group: 60_000 } as const

/** Returns the media of a new message, not fetched yet. */
export function pendingAttachments({ attachments = [] }: Inbound, streamId: string): readonly TurnAttachment[] {
  return attachments.map((attachment, index) => ({
    ...attachment,
    state: 'pending',
    file: formatSpoolName('media', streamId, index),
  }))
}

/** Returns a fetch job for each of a new message's media. */
export function fetchJobs(turn: Turn): readonly Job[] {
  return (turn.attachments ?? []).map(({ kind, url, mediaId, fileName, format, file }, index) => {
    const attachment: Attachment = {
      kind,
      ...(url && { url }),
      ...(mediaId && { mediaId }),
      ...(fileName && { fileName }),
      ...(format && { format }),
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

/** Returns when a question may be asked: after its media are fetched or late, and after a text that may follow. */
export function askableAt({ attachments = [], joinUntil = 0, receivedAt, conversation }: Turn): number {
  const isPending = attachments.some(({ state }) => state === 'pending')
  return Math.max(isPending ? receivedAt + waitMs[conversation.kind] : receivedAt, joinUntil)
}

/** Applies the outcome of fetching one of a turn's media. Returns undefined if its outcome is known already. */
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

/** A question as the agent gets it. For missing media there is a line in `question`, and a notice in `preface`. */
export interface PreparedQuestion {
  readonly question: string
  readonly attachments?: readonly TurnAttachment[]
  readonly preface?: string
}

/**
 * Freezes a question with the media that are fetched by now. `limits` are the gateway's, undefined if not known yet.
 */
export function prepareQuestion(turn: Turn, limits: AgentLimits | undefined, translate: Translate): PreparedQuestion {
  const { conversation, sender, text } = turn
  if (turn.attachments === undefined) return { question: formatQuestion(conversation, sender, text) }
  const attachments = applyLimits(turn.attachments, limits)
  const failed = attachments.filter(one => one.problem !== undefined)
  const lines = [nameQuoted(text, attachments), ...failed.map(formatProblem)]
  const notices = failed.map(one =>
    translate({ key: 'media_problem', name: nameOf(one), problem: one.problem ?? 'late' }),
  )
  const preface = [...(turn.preface === undefined ? [] : [turn.preface]), ...notices].join('\n')
  return {
    question: formatQuestion(conversation, sender, lines.join('\n')),
    attachments,
    ...(preface !== '' && { preface }),
  }
}

/** Adds the name of quoted files. A callback does not have it; it is known only once the file is fetched. */
function nameQuoted(text: string, attachments: readonly TurnAttachment[]): string {
  const names = attachments.filter(one => one.isQuoted && one.kind === 'file').map(one => one.fileName)
  return text.replace(/^> \[quoted file\]$/gm, line => {
    const name = names.shift()
    return name === undefined ? line : `> [quoted file ${name}]`
  })
}

/** Fails media that are late or over the gateway's limits, in order, until all the others fit in one question. */
function applyLimits(
  attachments: readonly TurnAttachment[],
  limits: AgentLimits | undefined,
): readonly TurnAttachment[] {
  let left = limits?.questionBytes ?? 0
  return attachments.map(one => {
    if (one.state === 'failed') return one
    if (one.state === 'pending') return { ...one, state: 'failed', problem: 'late' }
    const bytes = one.bytes ?? 0
    if (limits === undefined || bytes > maxBytesOf(one, limits) || bytes > left)
      return { ...one, state: 'failed', problem: 'too_large_for_agent' }
    left -= bytes
    return one
  })
}

/** The gateway detects pictures by their bytes, and so does our `mimeType`, whatever kind WeCom says it is. */
function maxBytesOf({ mimeType }: TurnAttachment, { attachmentBytes, imageBytes }: AgentLimits): number {
  return mimeType?.startsWith('image/') ? imageBytes : attachmentBytes
}

function formatProblem(one: TurnAttachment): string {
  if (one.problem === 'too_large_for_agent')
    return `[${nameOf(one)}, ${formatSize(one.bytes ?? 0)}: too large for the gateway]`
  return `[${nameOf(one)}: could not be fetched]`
}

function nameOf({ fileName, kind }: Attachment): string {
  return fileName ?? kind
}

function formatSize(bytes: number): string {
  return bytes < 1_048_576 ? `${Math.ceil(bytes / 1024)} KB` : `${Math.round(bytes / 1_048_576)} MB`
}
