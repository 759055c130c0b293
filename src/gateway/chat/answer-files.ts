import type { AgentFile } from '../../domain/agent.ts'
import { type Json, objectAt, stringAt, stringsAt } from '../link/frames.ts'
import type { HistoryRow } from './history.ts'

/** The gateway truncates `terminalReply` to this many characters. */
const terminalReplyChars = 4_096
/** Files enter the row 100 to 700 ms after the end of the run, measured on the real gateway. */
const firstDelayMs = 150
const nextDelayMs = 250
const namedFileReads = 8
const unknownDelays: readonly number[] = [300, 700]
const toolDelays: readonly number[] = [300]

/** The part of a run's `lifecycle` end event that shows whether files may follow. */
export interface LifecycleEnd {
  /** The answer as the model wrote it, including its `MEDIA:` lines; truncated to 4,096 characters. */
  readonly reply: string
  readonly usedTools: boolean
}

/** Decodes the data of a `lifecycle` event; undefined unless it ends a run with a reply. */
export function decodeLifecycleEnd(data: Json): LifecycleEnd | undefined {
  if (data['phase'] !== 'end' || data['terminalReply'] === undefined) return undefined
  return {
    reply: stringAt(objectAt(data, 'terminalReply'), 'text') ?? '',
    usedTools: stringsAt(objectAt(data, 'terminalReceipt'), 'successfulToolNames').length > 0,
  }
}

/**
 * Whether the reply names files. The gateway removes the `MEDIA:` line of a real file from the text, but keeps one that
 * is only quoted, for example in a code block. So more lines in the reply than in the text mean files.
 */
export function namesFiles({ reply }: LifecycleEnd, text: string): boolean {
  return mediaLines(reply) > mediaLines(text)
}

function mediaLines(text: string): number {
  return text.match(/^[ \t]*MEDIA:/gm)?.length ?? 0
}

/**
 * Milliseconds to wait before each read of the history for files, after the end of a run. Empty when no files can come.
 * A run that used a tool may have produced files without naming them in the truncated reply.
 */
export function fileDelays(end: LifecycleEnd | undefined, text: string): readonly number[] {
  if (end === undefined) return unknownDelays
  if (namesFiles(end, text)) {
    return Array.from({ length: namedFileReads }, (_, read) => (read === 0 ? firstDelayMs : nextDelayMs))
  }
  if (end.reply.length >= terminalReplyChars) return unknownDelays
  return end.usedTools ? toolDelays : []
}

/** Reads the rows of an answer, once per delay, until the last row has files. */
export async function findFiles(
  delays: readonly number[],
  pause: (ms: number) => Promise<unknown>,
  read: () => Promise<readonly HistoryRow[]>,
): Promise<readonly AgentFile[]> {
  let rows: readonly HistoryRow[] = []
  for (const ms of delays) {
    await pause(ms)
    rows = await read()
    if (hasFiles(rows.at(-1))) break
  }
  return filesOf(rows)
}

/** Whether a row contains at least one file, refused ones included. */
export function hasFiles(row: HistoryRow | undefined): boolean {
  return row !== undefined && row.files.length > 0
}

/** All files of the rows in order, without duplicates. */
export function filesOf(rows: readonly HistoryRow[]): readonly AgentFile[] {
  const files = rows.flatMap(row => row.files)
  return files.filter(({ id }, at) => id === undefined || files.findIndex(other => other.id === id) === at)
}
